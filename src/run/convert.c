/* SPDX-License-Identifier: MIT */
/* Weights from one container to another, and fresh ones. */
#include <restain/model.h>

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "nn/names.h"
#include "run/identify.h"
#include "run/model.h"

typedef enum target { TARGET_NONE, TARGET_SAFETENSORS, TARGET_PTH, TARGET_ONNX } target;

static target target_of(const char *path)
{
    const char *dot = strrchr(rst__basename(path), '.');
    if (dot && strcasecmp(dot, ".safetensors") == 0)
        return TARGET_SAFETENSORS;
    if (dot && strcasecmp(dot, ".onnx") == 0)
        return TARGET_ONNX;
    return dot && (strcasecmp(dot, ".pth") == 0 || strcasecmp(dot, ".pt") == 0) ? TARGET_PTH
                                                                                : TARGET_NONE;
}

static int check_target(const char *path, rst_error *err)
{
    if (target_of(path) == TARGET_NONE)
        return rst_fail(err, RST_EINVAL, "%s: must end in .safetensors, .pth, .pt or .onnx", path);
    return 0;
}

static int check_mpp(double mpp, rst_error *err)
{
    if (mpp != 0 && !(mpp >= 0.01 && mpp <= 100))
        return rst_fail(err, RST_EINVAL, "mpp is %g, must be 0.01 to 100", mpp);
    return 0;
}

static int write_set(const rst_weights *w, const char *path, rst_error *err)
{
    return target_of(path) == TARGET_PTH ? rst_weights_write_pth(w, path, err)
                                         : rst_weights_write_safetensors(w, path, err);
}

/* Every tensor has its place in the network, and every place its tensor. */
static int check_network(const rst_weights *w, const char *path, const rst_arch *a, rst_error *err)
{
    rst_error why = RST_ERROR_INIT;
    rst_module *m;
    int rc = rst_module_new(&m, NULL, a, err);
    if (rc < 0)
        return rc;
    rc = rst__module_check(m, w, "", 0, &why);
    rst_module_free(m);
    char name[32];
    if (rc < 0)
        return rst_fail(err, rc, "%s: as %s: %s", path, rst_arch_name(a, name), why.msg);
    return 0;
}

static int describe(rst_weights *w, const char *in, const rst_convert_options *o,
                    rst_convert_report *r, rst_error *err)
{
    rst_identity id;
    rst_error why = RST_ERROR_INIT;
    int rc = rst__identify(&id, w, in, o->arch, &why);
    if (rc < 0)
        return rst_fail(err, rc, "%s%s", why.msg,
                        rc == RST_EFORMAT ? "; give --arch, or --raw to keep plain tensors" : "");
    rc = check_network(w, in, &id.arch, err);
    if (rc == 0 && !*id.card.file) {
        rst__card_text(id.card.file, sizeof id.card.file, rst__basename(in));
        rc = rst__sha256_file(in, id.card.sha256, err);
    }
    if (o->mpp > 0)
        id.card.mpp = o->mpp;
    if (o->recipe)
        rst__card_text(id.card.recipe, sizeof id.card.recipe, o->recipe);
    if (o->bn != RST_MODEL_BN_CARD)
        rst__card_text(id.card.bn, sizeof id.card.bn,
                       o->bn == RST_MODEL_BN_BATCH ? "batch" : "running");
    id.card.dropout = id.card.dropout || o->dropout;
    r->known = true;
    r->arch = id.arch;
    (void)snprintf(r->note, sizeof r->note, "%s", id.note);
    return rc < 0 ? rc : rst__card_write(&id.card, w, err);
}

/* ONNX ------------------------------------------------------------------------------------------
 */

/* The network as other programs run it. What its numbers mean stands beside it, in words and as key
 * and value. */
static int write_onnx(rst_model *m, const char *in, const char *out, rst_error *err)
{
    const rst_model_info about = rst_model_describe(m);
    const bool unit = about.arch.family == RST_NET_RRDB;
    char name[32], arch[2048], text[512], mpp[32], stride[16], sha256[65];
    int rc = rst_arch_to_json(&about.arch, arch, sizeof arch, err);
    if (rc == 0)
        rc = rst__sha256_file(in, sha256, err);
    if (rc < 0)
        return rc;
    (void)rst_arch_name(&about.arch, name);
    (void)snprintf(mpp, sizeof mpp, "%g", about.mpp);
    (void)snprintf(stride, sizeof stride, "%d", about.stride);
    (void)snprintf(text, sizeof text,
                   "%s. input: RGB, n x 3 x height x width, bytes as %s; height and width "
                   "multiples of %d. output: the "
                   "same range.",
                   name, unit ? "v/255" : "v/127.5 - 1", about.stride);
    const char *const meta[][2] = { { "restain.arch", arch },
                                    { "restain.range", unit ? "0..1" : "-1..1" },
                                    { "restain.stride", stride },
                                    { "restain.source.sha256", sha256 },
                                    { "restain.mpp", mpp } };
    rst_onnx_about o = { .name = name, .text = text, .meta = meta, .metas = about.mpp > 0 ? 5 : 4 };
    return rst__model_write_onnx(m, &o, out, err);
}

static int export_onnx(const char *in, const char *out, const rst_convert_options *o,
                       rst_convert_report *r, rst_error *err)
{
    rst_model *m;
    const rst_model_options how = { .bn = o->bn, .dropout = o->dropout };
    if (o->raw || o->arch)
        return rst_fail(
            err, RST_EINVAL,
            "%s: ONNX holds a network, not plain tensors; convert to .safetensors first", out);
    int rc = rst_model_open(&m, in, &how, err);
    if (rc < 0)
        return rc;
    r->known = true;
    r->arch = rst_model_describe(m).arch;
    rc = write_onnx(m, in, out, err);
    rst_model_close(m);
    return rc;
}

int rst_model_convert(const char *in, const char *out, const rst_convert_options *o,
                      rst_convert_report *r, rst_error *err)
{
    static const rst_convert_options usual = { 0 };
    rst_convert_report unasked = { 0 };
    rst_weights *w;
    o = o ? o : &usual;
    r = r ? r : &unasked;
    *r = (rst_convert_report){ 0 };
    int rc = check_target(out, err);
    if (rc == 0)
        rc = check_mpp(o->mpp, err);
    if (rc == 0 && target_of(out) == TARGET_ONNX)
        return export_onnx(in, out, o, r, err);
    if (rc == 0)
        rc = rst__weights_load(&w, in, NULL, err);
    if (rc < 0)
        return rc;
    if (!o->raw)
        rc = describe(w, in, o, r, err);
    if (rc == 0)
        rc = write_set(w, out, err);
    rst_weights_free(w);
    return rc;
}

/* Fresh weights ---------------------------------------------------------------------------------
 */

static int init_card(rst_card *card, const rst_arch *a, const rst_init_options *o, rst_error *err)
{
    static const char *const kinds[] = { "normal", "xavier", "kaiming", "orthogonal" };
    *card = rst__card();
    card->trained = false;
    card->mpp = o->mpp;
    (void)snprintf(card->file, sizeof card->file, "init %s, gain %g, seed %llu", kinds[o->kind],
                   o->gain, (unsigned long long)o->seed);
    return rst__card_of_arch(card, a, err);
}

static int init_into(rst_weights *w, rst_ctx *c, const rst_arch *a, const rst_init_options *o,
                     rst_error *err)
{
    rst_card card;
    rst_module *m;
    int rc = rst_module_new(&m, c, a, err);
    if (rc < 0)
        return rc;
    rc = rst_module_init(m, o->kind, o->gain, true, o->seed, err);
    if (rc == 0)
        rc = rst_module_store(m, w, "", err);
    if (rc == 0)
        rc = init_card(&card, a, o, err);
    rst_module_free(m);
    return rc < 0 ? rc : rst__card_write(&card, w, err);
}

int rst_model_init(const char *out, const rst_arch *a, const rst_init_options *o, rst_error *err)
{
    rst_ctx *c;
    int rc = check_target(out, err);
    if (rc == 0 && target_of(out) == TARGET_ONNX)
        rc = rst_fail(err, RST_EINVAL, "%s: fresh weights are kept as .safetensors or .pth", out);
    if (rc == 0)
        rc = check_mpp(o->mpp, err);
    if (rc == 0)
        rc = rst_ctx_new(&c, NULL, err);
    if (rc < 0)
        return rc;
    rst_weights *w = rst_weights_new();
    rc = w ? init_into(w, c, a, o, err) : rst__fail_nomem(err, out);
    if (rc == 0)
        rc = write_set(w, out, err);
    rst_weights_free(w);
    rst_ctx_free(c);
    return rc;
}
