/* SPDX-License-Identifier: MIT */
#include <stdio.h>

#include "base/err.h"
#include "cli/report.h"
#include "cli/slide_options.h"
#include "cli/verbs.h"

enum {
    MODEL,
    MPP,
    RESAMPLE,
    REGION,
    STATS,
    CALIBRATION,
    WINDOWS,
    OFFSET,
    CONV,
    PRECISION,
    BACKEND,
    THREADS,
    SEED,
    QUIET,
    COUNT
};

static const cli_option options[COUNT] = {
    [MODEL] = { "model", 'm', CLI_PATH, "FILE", .required = true,
                .help = "The network: .safetensors, or a published .pth as it is" },
    [MPP] = { "mpp", 0, CLI_REAL, "UM", .lo = 0.05, .hi = 20, .help = CLI_MPP_HELP },
    [RESAMPLE] = { "resample", 0, CLI_FLAG, .help = CLI_RESAMPLE_HELP },
    [REGION] = { "region", 0, CLI_TEXT, "X,Y,W,H", .help = CLI_REGION_HELP },
    [STATS] = { "stats", 0, CLI_WORD, .words = "frozen|tile", .usual = "frozen",
                .help = "As for translate" },
    [CALIBRATION] = { "calibration", 0, CLI_PATH, "FILE", .help = "As for translate" },
    [WINDOWS] = { "windows", 0, CLI_INT, "N", .lo = 1, .hi = 1024, .usual = "16",
                  .help = "Windows that the statistics are gathered from" },
    [OFFSET] = { "offset", 0, CLI_INT, "N", .lo = 0, .hi = 15, .usual = "0",
                 .help = "Move one grid off the places that grids share, to see the test fail" },
    [CONV] = { "conv", 0, CLI_WORD, .words = "auto|direct|winograd", .usual = "auto",
               .help = "How convolutions are computed" },
    [PRECISION] = { "precision", 0, CLI_WORD, .words = "fp32|bf16", .usual = "fp32",
                    .help = CLI_PRECISION_HELP },
    [BACKEND] = { "backend", 0, CLI_WORD, .words = "cpu|ref", .usual = "cpu",
                  .help = "Kernels: the fast ones, or the plain reference" },
    [THREADS] = { "num-threads", 0, CLI_INT, "N", .lo = 0, .hi = 1024, .usual = "0",
                  .help =
                      "Threads; 0 takes as many as the machine has. Results do not depend on it" },
    [SEED] = { "seed", 0, CLI_INT, "N", .lo = 0, .hi = 9007199254740992.0, .usual = "0",
               .help = "Seed of the windows that frozen statistics come from" },
    [QUIET] = { "quiet", 'q', CLI_FLAG, .help = "Only warnings and errors" },
};

static int judge(const rst_seam_report *r, rst_error *err)
{
    (void)printf("region:      %lld x %lld\n", (long long)r->width, (long long)r->height);
    (void)printf("values:      %lld\n", (long long)r->values);
    (void)printf("differing:   %lld\n", (long long)r->differing);
    (void)printf("largest:     %.3g\n", r->largest);
    (void)printf("edge ratio:  %.4f\n", r->ratio);
    if (r->seamless)
        return 0;
    return rst_fail(err, RST_EVERIFY,
                    "seams: %lld of %lld values differ, by up to %.3g; edge ratio %.4f",
                    (long long)r->differing, (long long)r->values, r->largest, r->ratio);
}

static int run(const cli_args *a, rst_error *err)
{
    static const rst_conv_mode modes[] = { RST_CONV_AUTO, RST_CONV_DIRECT, RST_CONV_WINOGRAD };
    const cli_value *v = a->value;
    const rst_model_options mo = { .ctx = { .backend = v[BACKEND].text,
                                            .threads = (int)v[THREADS].i,
                                            .conv = modes[v[CONV].i],
                                            .precision = (rst_precision)v[PRECISION].i,
                                            .seed = (uint64_t)v[SEED].i } };
    rst_slide_job_options o = { .stats =
                                    v[STATS].i == 1 ? RST_SLIDE_STATS_TILE : RST_SLIDE_STATS_FROZEN,
                                .calibration = v[CALIBRATION].text,
                                .windows = (int)v[WINDOWS].i,
                                .seed = (uint64_t)v[SEED].i };
    rst_seam_report r;
    rst_model *m;
    o.read.mpp = v[MPP].d;
    o.resample = v[RESAMPLE].given;
    if (v[QUIET].given)
        cli_report_quiet();
    int rc = cli_region(v[REGION].text, &o, err);
    if (rc == 0)
        rc = rst_model_open(&m, v[MODEL].text, &mo, err);
    if (rc < 0)
        return rc;
    rc = rst_slide_seamtest(m, a->file[0], &o, v[OFFSET].i, &r, err);
    rst_model_close(m);
    return rc < 0 ? rc : judge(&r, err);
}

const cli_verb cli_verb_seamtest = {
    .name = "seamtest",
    .usage = "--model FILE [OPTION...] SLIDE",
    .brief = "prove that a translated slide has no seams",
    .text = "Translates the same region of a slide on two grids of tiles, of 256 and 384 pixels "
            "that begin at different places, and compares the network's numbers before they "
            "become bytes. Prints how many differ, the largest difference, and the edge ratio: "
            "the mean gradient across the tiles' edges over that at the same places in the other "
            "grid's output, where they lie inside of tiles; 1 is seamless. Exits with 6 unless "
            "nothing differs and the ratio is within 0.02 of 1. Of a large slide the middle is "
            "taken.",
    .examples = "restain seamtest --model her2.safetensors slide.svs\n"
                "restain seamtest --model her2.safetensors --stats tile slide.svs",
    .options = options,
    .count = COUNT,
    .min_files = 1,
    .max_files = 1,
    .run = run,
};
