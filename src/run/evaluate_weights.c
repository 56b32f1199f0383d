/* SPDX-License-Identifier: MIT */
/* The published files that metrics need, found in the user's folder. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/log.h"
#include "base/str.h"
#include "run/evaluate_parts.h"

enum { NAMES = 6, MAX_PATH = 1 << 16 };

/* Names by which a file goes, the usual one first; its size and the beginning of its SHA-256, which
 * torchvision puts into the name. */
static const struct published {
    const char *name[NAMES], *what, *size, *sha256;
} files[RST__FILES] = {
    [RST__FILE_ALEX] = { { "alexnet-owt-7be5be79.pth", "alexnet-owt-4df8aa71.pth" },
                         "AlexNet of torchvision",
                         "233 MiB",
                         "7be5be79" },
    [RST__FILE_VGG] = { { "vgg16-397923af.pth" }, "VGG16 of torchvision", "528 MiB", "397923af" },
    [RST__FILE_SQUEEZE] = { { "squeezenet1_1-b8a52dc0.pth", "squeezenet1_1-f364aa15.pth",
                              "squeezenet1_1_features.pth", "squeezenet1_1_features-legacy.pth" },
                            "SqueezeNet 1.1 of torchvision",
                            "4.7 MiB",
                            "b8a52dc0" },
    [RST__FILE_ALEX_HEADS] = { { "lpips/weights/v0.1/alex.pth", "weights/v0.1/alex.pth",
                                 "v0.1/alex.pth", "alex.pth" },
                               "heads of LPIPS v0.1",
                               "6009 bytes",
                               "df73285e35b22355a2df87cdb6b70b343713b667eddbda73e1977e0c860835c0" },
    [RST__FILE_VGG_HEADS] = { { "lpips/weights/v0.1/vgg.pth", "weights/v0.1/vgg.pth",
                                "v0.1/vgg.pth", "vgg.pth" },
                              "heads of LPIPS v0.1",
                              "7289 bytes",
                              "a78928a0af1e5f0fcb1f3b9e8f8c3a2a5a3de244d830ad5c1feddc79b8432868" },
    [RST__FILE_SQUEEZE_HEADS] = { { "lpips/weights/v0.1/squeeze.pth", "weights/v0.1/squeeze.pth",
                                    "v0.1/squeeze.pth", "squeeze.pth" },
                                  "heads of LPIPS v0.1",
                                  "10811 bytes",
                                  "4a5350f23600cb79923ce65bb07cbf57dca461329894153e05a1346bd531cf"
                                  "76" },
    [RST__FILE_RESNET50] = { { "resnet50-0676ba61.pth" },
                             "ResNet-50 of torchvision, V1",
                             "98 MiB",
                             "0676ba61" },
    [RST__FILE_INCEPTION_FID] = { { "pt_inception-2015-12-05-6726825d.pth" },
                                  "Inception of pytorch-fid",
                                  "91 MiB",
                                  "6726825d" },
    [RST__FILE_INCEPTION_KID] = { { "inception_v3_google-0cc3c7bd.pth",
                                    "inception_v3_google-1a9a5a14.pth" },
                                  "Inception v3 of torchvision",
                                  "104 MiB",
                                  "0cc3c7bd" },
};

/* In the folder itself or where torch.hub would have put it; owned, NULL: nowhere. */
static char *find(const struct published *f, const char *folder, const char **name)
{
    static const char *const below[] = { "", "checkpoints/", "hub/checkpoints/" };
    for (int i = 0; i < NAMES && f->name[i]; i++)
        for (size_t k = 0; k < sizeof below / sizeof below[0]; k++) {
            rst_str s = rst__str(MAX_PATH);
            rst__str_printf(&s, "%s/%s%s", folder, below[k], f->name[i]);
            if (!s.failed && rst__exists(s.s)) {
                *name = f->name[i];
                return s.s;
            }
            rst__str_free(&s);
        }
    return NULL;
}

static int check_finite(const rst_weights *w, const char *path, rst_error *err)
{
    for (int64_t i = 0; i < rst_weights_count(w); i++) {
        const rst_weight *t = rst_weights_get(w, i);
        const int64_t n = rst_weight_elements(t);
        float *v = rst__malloc((size_t)n * sizeof *v);
        if (!v)
            return rst__fail_nomem(err, path);
        rst_weight_to_f32(t, v);
        int64_t k = 0;
        while (k < n && isfinite(v[k]))
            k++;
        const bool bad = k < n;
        rst__free(v);
        if (bad)
            return rst_fail(err, RST_EFORMAT, "%s: %s: element %lld is not a finite number", path,
                            t->name, (long long)k);
    }
    return 0;
}

/* Notes name and hash; another hash than the published one is news. */
static int note(const struct published *f, const char *path, const char *name, rst_metric_use *use,
                rst_error *err)
{
    char *hex = use->file[use->files].sha256;
    const char *slash = strrchr(name, '/');
    const int rc = rst__sha256_file(path, hex, err);
    if (rc < 0)
        return rc;
    (void)snprintf(use->file[use->files].name, sizeof use->file[0].name, "%s",
                   slash ? slash + 1 : name);
    use->files++;
    if (strncmp(hex, f->sha256, strlen(f->sha256)) != 0 && name == f->name[0])
        rst__log(RST_LOG_WARN, "%s: SHA-256 %.12s..., not %.12s... of %s as published", path, hex,
                 f->sha256, f->what);
    return 0;
}

int rst__eval_weights(rst_weights **out, rst_eval_file file, const char *folder,
                      rst_metric_use *use, rst_error *err)
{
    const struct published *f = &files[file];
    const char *name = f->name[0];
    char *path = folder ? find(f, folder, &name) : NULL;
    if (!path)
        return rst_fail(err, RST_EINPUT, "no %s %s%s, the %s (%s, SHA-256 %.64s%s)", name,
                        folder ? "in " : "without --weights", folder ? folder : "", f->what,
                        f->size, f->sha256, strlen(f->sha256) < 64 ? "..." : "");
    rst_weights *w = NULL;
    rst_weights_info info;
    int rc = rst_weights_read(&w, path, &info, err);
    if (rc == 0)
        rc = rst_weights_unwrap(w, &info, err);
    if (rc == 0)
        rc = check_finite(w, path, err);
    if (rc == 0)
        rc = note(f, path, name, use, err);
    rst__free(path);
    if (rc < 0) {
        rst_weights_free(w);
        return rc;
    }
    *out = w;
    return 0;
}
