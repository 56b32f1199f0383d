/* SPDX-License-Identifier: MIT */
#include <restain/translate.h>

#include "base/err.h"
#include "base/file.h"
#include "cli/report.h"
#include "cli/verbs.h"

enum {
    MODEL,
    OUTPUT,
    STATS,
    BN,
    DROPOUT,
    ALPHA,
    GRAY,
    OVERWRITE,
    BACKEND,
    CONV,
    THREADS,
    GPUS,
    SEED,
    QUIET,
    COUNT
};

static const cli_option options[COUNT] = {
    [MODEL] = { "model", 'm', CLI_PATH, "FILE", .required = true,
                .help = "The network: .safetensors, or a published .pth as it is" },
    [OUTPUT] = { "output", 'o', CLI_PATH, "PATH", .required = true,
                 .help = "A picture for one input, a folder for several; a folder gets PNG files "
                         "that keep the input's stem" },
    [STATS] = { "stats", 0, CLI_WORD, .words = "tile", .usual = "tile",
                .help = "Whose statistics normalisation takes: each picture its own" },
    [BN] = { "bn", 0, CLI_WORD, .words = "batch|running",
             .help = "Statistics of batch norms: of the picture, or those of training; the default "
                     "stands in the model" },
    [DROPOUT] = { "dropout", 0, CLI_FLAG,
                  .help = "Let dropout act, as the published pix2pix code does when it tests" },
    [ALPHA] = { "alpha", 0, CLI_WORD, .words = "drop|white",
                .help = "What to do with transparency: take it away, or lay the picture on white" },
    [GRAY] = { "gray-to-rgb", 0, CLI_FLAG, .help = "Use a grey picture as three equal channels" },
    [OVERWRITE] = { "overwrite", 0, CLI_FLAG, .help = "Replace outputs that exist" },
    [BACKEND] = { "backend", 0, CLI_WORD, .words = "cpu|ref", .usual = "cpu",
                  .help = "Kernels: the fast ones, or the plain reference" },
    [CONV] = { "conv", 0, CLI_WORD, .words = "auto|direct|winograd", .usual = "auto",
               .help = "How convolutions are computed" },
    [THREADS] = { "num-threads", 0, CLI_INT, "N", .lo = 0, .hi = 1024, .usual = "0",
                  .help =
                      "Threads; 0 takes as many as the machine has. Results do not depend on it" },
    [GPUS] = { "gpus", 0, CLI_INT, "N", .lo = -1, .hi = -1, .usual = "-1",
               .help = "Graphics processor; this build computes on the CPU, which is -1" },
    [SEED] = { "seed", 0, CLI_INT, "N", .lo = 0, .hi = 9007199254740992.0, .usual = "0",
               .help = "Seed of dropout's masks" },
    [QUIET] = { "quiet", 'q', CLI_FLAG,
                .help = "No news and no progress, only warnings and errors" },
};

static int progress(void *user, const rst_translation_progress *p)
{
    (void)user;
    cli_guard(p->phase == RST_TRANSLATION_WRITE ? p->out : NULL);
    cli_progress(p->done + p->failed, p->total);
    return 0;
}

static void list_failures(const rst_translation *t)
{
    for (int64_t i = 0; i < rst_translation_count(t); i++) {
        const rst_translation_file f = rst_translation_get(t, i);
        if (f.err.code < 0)
            cli_say("failed: %s", f.err.msg);
    }
}

static rst_model_options model_options(const cli_args *a)
{
    static const rst_conv_mode modes[] = { RST_CONV_AUTO, RST_CONV_DIRECT, RST_CONV_WINOGRAD };
    const cli_value *v = a->value;
    rst_model_options o = { .dropout = v[DROPOUT].given };
    o.ctx = (rst_ctx_options){ .backend = v[BACKEND].text,
                               .threads = (int)v[THREADS].i,
                               .conv = modes[v[CONV].i],
                               .seed = (uint64_t)v[SEED].i };
    if (v[BN].given)
        o.bn = v[BN].i == 0 ? RST_MODEL_BN_BATCH : RST_MODEL_BN_RUNNING;
    return o;
}

static int translate(const cli_args *a, rst_translation *t, rst_error *err)
{
    const cli_value *v = a->value;
    const rst_model_options mo = model_options(a);
    rst_translation_options o = { .progress = progress };
    o.read.gray_to_rgb = v[GRAY].given;
    if (v[ALPHA].given)
        o.read.alpha = v[ALPHA].i == 0 ? RST_IMAGE_ALPHA_DROP : RST_IMAGE_ALPHA_WHITE;
    rst_model *m;
    int rc = rst_model_open(&m, v[MODEL].text, &mo, err);
    if (rc < 0)
        return rc;
    rc = rst_translation_run(t, m, &o, err);
    cli_guard(NULL);
    rst_model_close(m);
    if (rst_translation_count(t) > 1)
        list_failures(t);
    return rc;
}

static int run(const cli_args *a, rst_error *err)
{
    rst_translation *t;
    if (a->value[QUIET].given)
        cli_report_quiet();
    int rc = rst_translation_plan(&t, a->file, a->files, a->value[OUTPUT].text,
                                  a->value[OVERWRITE].given, err);
    if (rc < 0)
        return rc;
    rc = translate(a, t, err);
    rst_translation_free(t);
    return rc;
}

const cli_verb cli_verb_translate = {
    .name = "translate",
    .usage = "--model FILE [OPTION...] IN... -o OUT",
    .brief = "translate pictures with a trained network",
    .text = "Reads PNG, JPEG or TIFF files, or all of those in a folder, runs each whole picture "
            "through the network and writes the result. A picture takes the values that the "
            "published test code gives.\n"
            "Sides that the network's stride does not divide are mirrored at the right and bottom "
            "border and cropped back; a line says so. An alpha channel that is 255 everywhere is "
            "dropped. If one of several pictures fails, the others are done and it is listed at "
            "the end. Outputs appear under their name when they are whole.",
    .examples = "restain translate --model her2.safetensors he.png -o ihc.png\n"
                "restain translate --model her2.safetensors tiles/ -o out/\n"
                "restain translate --model stainnet.safetensors --alpha white a.png b.tif -o out/",
    .options = options,
    .count = COUNT,
    .min_files = 1,
    .max_files = -1,
    .run = run,
};
