/* SPDX-License-Identifier: MIT */
#include "run/identify.h"

#include <string.h>

#include "base/err.h"

bool rst__translates(const rst_arch *a)
{
    bool family = a->family == RST_NET_RESNET || a->family == RST_NET_UNET ||
                  a->family == RST_NET_AMMFI || a->family == RST_NET_RRDB ||
                  a->family == RST_NET_STAINNET;
    return family && (a->input_nc == 1 || a->input_nc == 3) &&
           (a->output_nc == 1 || a->output_nc == 3);
}

int rst__card_of_arch(rst_card *card, const rst_arch *a, rst_error *err)
{
    bool round = a->family == RST_NET_STAINNET || a->family == RST_NET_RRDB;
    card->rounding = round ? RST_ROUNDING_ROUND : RST_ROUNDING_TRUNCATE;
    return rst_arch_to_json(a, card->arch, sizeof card->arch, err);
}

int rst__weights_load(rst_weights **out, const char *path, rst_weights_info *info, rst_error *err)
{
    rst_weights *w;
    int rc = rst_weights_read(&w, path, info, err);
    if (rc < 0)
        return rc;
    if (!rst_weights_meta(w, "restain"))
        rc = rst_weights_unwrap(w, info, err);
    if (rc < 0) {
        rst_weights_free(w);
        return rc;
    }
    *out = w;
    return 0;
}

static int from_card(rst_identity *id, const char *path, rst_error *err)
{
    rst_error why = RST_ERROR_INIT;
    if (rst_arch_from_json(id->card.arch, &id->arch, &why) < 0)
        return rst_fail(err, why.code == RST_ENOMEM ? RST_ENOMEM : RST_EFORMAT,
                        "%s: bad model card: %s", path, why.msg);
    return 0;
}

static int from_tensors(rst_identity *id, const rst_weights *w, const char *path, rst_error *err)
{
    rst_error why = RST_ERROR_INIT;
    int rc = rst_arch_recognise(w, &id->arch, id->note, sizeof id->note, &why);
    if (rc < 0)
        return rst_fail(err, rc, "%s: %s", path, why.msg);
    return rst__card_of_arch(&id->card, &id->arch, err);
}

int rst__identify(rst_identity *out, const rst_weights *w, const char *path, const char *arch_json,
                  rst_error *err)
{
    *out->note = 0;
    int rc = rst__card_read(&out->card, w, path, err);
    if (rc < 0)
        return rc;
    out->has_card = rc == 1;
    if (arch_json) {
        rc = rst_arch_from_json(arch_json, &out->arch, err);
        return rc < 0 ? rc : rst__card_of_arch(&out->card, &out->arch, err);
    }
    return *out->card.arch ? from_card(out, path, err) : from_tensors(out, w, path, err);
}
