/* SPDX-License-Identifier: MIT */
#include <restain/translate.h>

#include "base/err.h"
#include "base/file.h"
#include "cli/report.h"
#include "cli/slide_options.h"
#include "cli/verbs.h"

enum {
    MODEL,
    OUTPUT,
    STATS,
    BN,
    DROPOUT,
    ROUNDING,
    ATTENTION,
    ALPHA,
    GRAY,
    OVERWRITE,
    BACKEND,
    CONV,
    PRECISION,
    THREADS,
    GPUS,
    SEED,
    MPP,
    RESAMPLE,
    REGION,
    BACKGROUND,
    CALIBRATION,
    TILE,
    BAD,
    QUALITY,
    LOSSLESS,
    DRYRUN,
    QUIET,
    COUNT
};

static const cli_option options[COUNT] = {
    [MODEL] = { "model", 'm', CLI_PATH, "FILE", .required = true,
                .help = "The network: .safetensors, or a published .pth as it is" },
    [OUTPUT] = { "output", 'o', CLI_PATH, "PATH",
                 .help = "A picture for one input, a folder for several; a folder gets PNG files "
                         "that keep the input's stem. NAME.ome.tif for a slide" },
    [STATS] = { "stats", 0, CLI_WORD, .words = CLI_STATS_WORDS,
                .help = "Whose statistics normalisation takes: means over windows of the slide's "
                        "tissue (the default for slides), of each picture or tile its own (the "
                        "default for pictures), or those of the whole region as one picture" },
    [BN] = { "bn", 0, CLI_WORD, .words = "batch|running",
             .help = "Statistics of batch norms: of the picture, or those of training; the default "
                     "stands in the model" },
    [DROPOUT] = { "dropout", 0, CLI_FLAG,
                  .help = "Let dropout act, as the published pix2pix code does when it tests" },
    [ROUNDING] = { "rounding", 0, CLI_WORD, .words = "truncate|nearest",
                   .help = "How the network's numbers become bytes: fractions cut off, as in the "
                           "published code of the GANs, which is half a level darker, or rounded; "
                           "the default stands in the model" },
    [ATTENTION] = { "save-attention", 0, CLI_FLAG,
                    .help = "Of the paper's network and a picture: write beside NAME.png what its "
                            "gates let through, NAME.attention.png to look at and "
                            "NAME.attention.safetensors, the numbers" },
    [ALPHA] = { "alpha", 0, CLI_WORD, .words = "drop|white",
                .help = "What to do with transparency: take it away, or lay the picture on white" },
    [GRAY] = { "gray-to-rgb", 0, CLI_FLAG, .help = "Use a grey picture as three equal channels" },
    [OVERWRITE] = { "overwrite", 0, CLI_FLAG, .help = "Replace outputs that exist" },
    [BACKEND] = { "backend", 0, CLI_WORD, .words = "cpu|ref", .usual = "cpu",
                  .help = "Kernels: the fast ones, or the plain reference" },
    [CONV] = { "conv", 0, CLI_WORD, .words = "auto|direct|winograd", .usual = "auto",
               .help = "How convolutions are computed" },
    [PRECISION] = { "precision", 0, CLI_WORD, .words = "fp32|bf16", .usual = "fp32",
                    .help = CLI_PRECISION_HELP },
    [THREADS] = { "num-threads", 0, CLI_INT, "N", .lo = 0, .hi = 1024, .usual = "0",
                  .help =
                      "Threads; 0 takes as many as the machine has. Results do not depend on it" },
    [GPUS] = { "gpus", 0, CLI_INT, "N", .lo = -1, .hi = -1, .usual = "-1",
               .help = "Graphics processor; this build computes on the CPU, which is -1" },
    [SEED] = { "seed", 0, CLI_INT, "N", .lo = 0, .hi = 9007199254740992.0, .usual = "0",
               .help = "Seed of dropout's masks, and of the windows that frozen statistics come "
                       "from" },
    [MPP] = { "mpp", 0, CLI_REAL, "UM", .lo = 0.05, .hi = 20, .help = CLI_MPP_HELP },
    [RESAMPLE] = { "resample", 0, CLI_FLAG, .help = CLI_RESAMPLE_HELP },
    [REGION] = { "region", 0, CLI_TEXT, "X,Y,W,H", .help = CLI_REGION_HELP },
    [BACKGROUND] = { "background", 0, CLI_WORD, .words = "white|copy", .usual = "white",
                     .help = "Where a slide has no tissue nothing is computed: paint white, or "
                             "copy the slide" },
    [CALIBRATION] = { "calibration", 0, CLI_PATH, "FILE",
                      .help = "Frozen statistics of a slide: read from this file if it exists, "
                              "else written to it" },
    [TILE] = { "tile-size", 0, CLI_INT, "N", .lo = 16, .hi = 4096,
               .help = "Pixels a side of a slide that are computed at a time, a multiple of 16; "
                       "the default is 512, or 1024 for networks that see far" },
    [BAD] = { "allow-bad-tiles", 0, CLI_INT, "N", .lo = 0, .hi = 1048576, .usual = "0",
              .help = "Paint up to so many tiles of a slide that cannot be read as background" },
    [QUALITY] = { "quality", 0, CLI_INT, "N", .lo = 1, .hi = 100, .usual = "90",
                  .help = "JPEG quality of a slide that is written" },
    [LOSSLESS] = { "lossless", 0, CLI_FLAG, .help = "Write a slide without JPEG" },
    [DRYRUN] = { "dry-run", 0, CLI_FLAG,
                 .help = "For a slide: say what there is to do, the memory, disk and time it will "
                         "take, and write nothing" },
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
                               .precision = (rst_precision)v[PRECISION].i,
                               .seed = (uint64_t)v[SEED].i };
    if (v[BN].given)
        o.bn = v[BN].i == 0 ? RST_MODEL_BN_BATCH : RST_MODEL_BN_RUNNING;
    if (v[ROUNDING].given)
        o.rounding = v[ROUNDING].i == 0 ? RST_MODEL_ROUNDING_TRUNCATE : RST_MODEL_ROUNDING_NEAREST;
    return o;
}

static int translate(const cli_args *a, rst_translation *t, rst_error *err)
{
    const cli_value *v = a->value;
    const rst_model_options mo = model_options(a);
    rst_translation_options o = { .attention = v[ATTENTION].given, .progress = progress };
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

/* Slides ----------------------------------------------------------------------------------------
 */

static int slide_options(const cli_args *a, rst_slide_job_options *o, rst_error *err)
{
    const cli_value *v = a->value;
    *o = (rst_slide_job_options){ .background = v[BACKGROUND].i == 1 ? RST_SLIDE_BACKGROUND_COPY
                                                                     : RST_SLIDE_BACKGROUND_WHITE,
                                  .calibration = v[CALIBRATION].text,
                                  .tile_size = v[TILE].i,
                                  .seed = (uint64_t)v[SEED].i,
                                  .quality = (int)v[QUALITY].i,
                                  .lossless = v[LOSSLESS].given,
                                  .dry_run = v[DRYRUN].given,
                                  .overwrite = v[OVERWRITE].given,
                                  .progress = cli_slide_progress };
    o->read.mpp = v[MPP].d;
    o->resample = v[RESAMPLE].given;
    o->read.allow_bad_tiles = v[BAD].i;
    o->read.gray_to_rgb = v[GRAY].given;
    if (v[STATS].given)
        o->stats = (rst_slide_stats)v[STATS].i;
    return cli_region(v[REGION].text, o, err);
}

static int translate_slide(const cli_args *a, rst_error *err)
{
    const char *out = a->value[OUTPUT].text;
    const rst_model_options mo = model_options(a);
    rst_slide_job_options o;
    rst_slide_report r;
    rst_model *m;
    int rc = slide_options(a, &o, err);
    if (rc == 0 && a->value[ATTENTION].given)
        rc = rst_fail(err, RST_EINVAL, "--save-attention is for pictures, not for a slide");
    if (rc == 0 && !o.dry_run && !cli_slide_output(out))
        rc = rst_fail(err, RST_EINVAL, "%s: a slide becomes a slide: -o NAME.ome.tif", out);
    if (rc == 0 && !o.dry_run && !o.overwrite && rst__exists(out))
        rc = rst_fail(err, RST_EINVAL, "%s: exists; give --overwrite to replace it", out);
    if (rc == 0)
        rc = rst_model_open(&m, a->value[MODEL].text, &mo, err);
    if (rc < 0)
        return rc;
    cli_guard(o.dry_run ? NULL : out);
    rc = rst_slide_translate(m, a->file[0], out, &o, &r, err);
    cli_guard(NULL);
    rst_model_close(m);
    return rc < 0 || !o.dry_run ? rc : cli_slide_forecast(&r);
}

/* What only a slide can have was given with a picture. */
static int check_picture(const cli_args *a, rst_error *err)
{
    static const int only[] = {
        MPP, REGION, BACKGROUND, CALIBRATION, TILE, BAD, QUALITY, LOSSLESS
    };
    for (size_t i = 0; i < sizeof only / sizeof only[0]; i++)
        if (a->value[only[i]].given)
            return rst_fail(err, RST_EINVAL, "--%s is for a slide (-o NAME.ome.tif)",
                            options[only[i]].name);
    if (a->value[STATS].given && a->value[STATS].i == RST_SLIDE_STATS_FROZEN)
        return rst_fail(err, RST_EINVAL, "--stats frozen is for a slide (-o NAME.ome.tif)");
    return 0;
}

static int run(const cli_args *a, rst_error *err)
{
    rst_translation *t;
    const char *out = a->value[OUTPUT].text;
    if (a->value[QUIET].given)
        cli_report_quiet();
    if (!out && !a->value[DRYRUN].given)
        return rst_fail(err, RST_EINVAL, "--output is missing");
    if (a->files == 1 && (!out || a->value[DRYRUN].given || cli_is_slide(a->file[0], out)))
        return translate_slide(a, err);
    int rc = check_picture(a, err);
    if (rc < 0)
        return rc;
    if (!out || a->value[DRYRUN].given)
        return rst_fail(err, RST_EINVAL, "--dry-run is for one slide");
    rc = rst_translation_plan(&t, a->file, a->files, a->value[OUTPUT].text,
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
    .brief = "translate pictures and slides with a trained network",
    .text = "Reads PNG, JPEG or TIFF files, or all of those in a folder, runs each whole picture "
            "through the network and writes the result. A picture takes the values that the "
            "published test code gives.\n"
            "Sides that the network's stride does not divide are mirrored at the right and bottom "
            "border and cropped back; a line says so. An alpha channel that is 255 everywhere is "
            "dropped. If one of several pictures fails, the others are done and it is listed at "
            "the end. Outputs appear under their name when they are whole.\n"
            "With --save-attention the paper's network tells where its attention is. A row of the "
            "figure is a place where encoder and decoder meet, at full and at half size: the gate "
            "(eq. 3; yellow: the encoder's features pass, violet: they do not) on the picture in "
            "grey and by itself, the spatial gate of its CBAM, and the channels' gates as bars. "
            "Colours go from a map's least to its largest number, which stand below it. The file "
            "of numbers has them all in 0..1, as ammfi0.gate, ammfi0.cbam.SpatialGate, "
            "ammfi0.cbam.ChannelGate and the same of ammfi1.\n"
            "A whole slide (a vendor's file, a pyramid, or anything with -o NAME.ome.tif) goes "
            "through the network tile by tile and becomes a pyramidal OME-TIFF. Where there is no "
            "tissue, the background is painted. With frozen statistics, which are measured on "
            "windows of the slide first, no tile shows: a pixel has the same value wherever the "
            "tiles lie. A model that knows its um per pixel takes the slide's level within 10 % "
            "of that.",
    .examples = "restain translate --model her2.safetensors he.png -o ihc.png\n"
                "restain translate --model her2.safetensors tiles/ -o out/\n"
                "restain translate --model stainnet.safetensors --alpha white a.png b.tif -o out/\n"
                "restain translate --model her2.safetensors slide.svs -o her2.ome.tif",
    .options = options,
    .count = COUNT,
    .min_files = 1,
    .max_files = -1,
    .run = run,
};
