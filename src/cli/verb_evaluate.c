/* SPDX-License-Identifier: MIT */
#include <restain/evaluate.h>

#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "cli/report.h"
#include "cli/report_scores.h"
#include "cli/verbs.h"

enum {
    PROTOCOL,
    METRICS,
    LPIPS,
    WEIGHTS,
    CACHE,
    REWRITE,
    SEED,
    RESAMPLES,
    COMPARE,
    TABLE,
    JSON,
    CSV,
    THREADS,
    ALPHA,
    GRAY,
    QUIET,
    COUNT
};

static const cli_option options[COUNT] = {
    [PROTOCOL] = { "protocol", 0, CLI_WORD, .words = "asp-2023|clean|bci-2022", .usual = "asp-2023",
                   .help = "Whose definitions: ASP's evaluate.py, which most tables come from; the "
                           "metrics as their authors define them; BCI's evaluate.py" },
    [METRICS] = { "metrics", 0, CLI_TEXT, "LIST",
                  .help = "Some of ssim,psnr,stain,lpips,phv,fid,kid",
                  .otherwise = "all that the protocol has and weights are there for" },
    [LPIPS] = { "lpips-net", 0, CLI_WORD, .words = "alex|vgg|squeeze", .usual = "alex",
                .help = "The network of LPIPS" },
    [WEIGHTS] = { "weights", 0, CLI_PATH, "DIR",
                  .help = "Where the networks' files are, as they are published: "
                          "alexnet-owt-7be5be79.pth and LPIPS's alex.pth, resnet50-0676ba61.pth, "
                          "pt_inception-2015-12-05-6726825d.pth, inception_v3_google-0cc3c7bd.pth. "
                          "What is missing is said, and its metric left out",
                  .otherwise = "$RESTAIN_WEIGHTS" },
    [CACHE] = { "feature-cache", 0, CLI_PATH, "DIR",
                .help = "Keep the networks' features of pictures here, for later runs" },
    [REWRITE] = { "rewrite-real", 0, CLI_FLAG,
                  .help =
                      "Take from the real pictures what ASP's test.py takes when it writes them "
                      "beside its results: values 1 to 63 lose one" },
    [SEED] = { "seed", 0, CLI_INT, "N", .lo = 0, .hi = 9007199254740992.0, .usual = "0",
               .help = "Of intervals and KID's subsets; 0: KID's is the protocol's own" },
    [RESAMPLES] = { "resamples", 0, CLI_INT, "N", .lo = 100, .hi = 1000000, .usual = "1000",
                    .help = "How often pairs are drawn anew for an interval" },
    [COMPARE] = { "compare", 0, CLI_FLAG,
                  .help = "Several folders of virtual pictures; each is compared with the first, "
                          "pair by pair" },
    [TABLE] = { "table", 0, CLI_WORD, .words = "full|paper", .usual = "full",
                .help = "What is printed: everything, or a line in the columns of the paper's "
                        "tables" },
    [JSON] = { "json", 0, CLI_PATH, "FILE", .help = "Also write everything as JSON, pairs too" },
    [CSV] = { "csv", 0, CLI_PATH, "FILE", .help = "Also write a line for each pair" },
    [THREADS] = { "threads", 0, CLI_INT, "N", .lo = 1, .hi = 256, .help = "Threads",
                  .otherwise = "as many as the machine has" },
    [ALPHA] = { "alpha", 0, CLI_WORD, .words = "refuse|drop|white", .usual = "refuse",
                .help = "What to do with transparency: make it an error, take it away, or lay the "
                        "image on white" },
    [GRAY] = { "gray-to-rgb", 0, CLI_FLAG, .help = "Use grey images as three equal channels" },
    [QUIET] = { "quiet", 'q', CLI_FLAG, .help = "Only the tables" },
};

static int tell(void *user, int64_t done, int64_t total)
{
    (void)user;
    cli_progress(done, total);
    return 0;
}

/* "ssim,fid" as bits. */
static int parse_metrics(const char *text, unsigned *out, rst_error *err)
{
    for (const char *p = text; p; p = strchr(p, ',') ? strchr(p, ',') + 1 : NULL) {
        const size_t len = strcspn(p, ",");
        int m = 0;
        while (m < RST_METRICS && (strlen(rst_metric_name((rst_metric)m)) != len ||
                                   strncmp(rst_metric_name((rst_metric)m), p, len) != 0))
            m++;
        if (m == RST_METRICS)
            return rst_fail(err, RST_EINVAL,
                            "--metrics: '%.*s' is none of ssim, psnr, stain, lpips, phv, fid, kid",
                            (int)len, p);
        *out |= 1u << m;
    }
    return 0;
}

static int get_options(const cli_args *a, rst_evaluate_options *o, rst_error *err)
{
    const cli_value *v = a->value;
    *o = (rst_evaluate_options){
        .read = { .alpha = (rst_image_alpha)v[ALPHA].i, .gray_to_rgb = v[GRAY].given },
        .protocol = (rst_protocol)v[PROTOCOL].i,
        .lpips_net = (rst_lpips_net)v[LPIPS].i,
        .weights = v[WEIGHTS].given ? v[WEIGHTS].text : getenv("RESTAIN_WEIGHTS"),
        .cache = v[CACHE].text,
        .rewrite_real = v[REWRITE].given,
        .seed = (uint64_t)v[SEED].i,
        .resamples = (int)v[RESAMPLES].i,
        .threads = (int)v[THREADS].i,
        .progress = tell,
    };
    return v[METRICS].given ? parse_metrics(v[METRICS].text, &o->metrics, err) : 0;
}

static int compare(cli_scores *s, rst_error *err)
{
    int rc = 0;
    for (int i = 0; rc == 0 && i + 1 < s->runs; i++)
        rc = rst_evaluation_compare(&s->change[i], s->run[0], s->run[i + 1], err);
    return rc;
}

static int tell_all(const cli_args *a, const cli_scores *s, rst_error *err)
{
    const cli_value *v = a->value;
    if (v[TABLE].i)
        cli_scores_paper(s);
    else
        cli_scores_print(s);
    int rc = v[JSON].given ? cli_scores_json(s, v[JSON].text, err) : 0;
    return rc == 0 && v[CSV].given ? cli_scores_csv(s, v[CSV].text, err) : rc;
}

static int run(const cli_args *a, rst_error *err)
{
    const cli_value *v = a->value;
    const int runs = a->files - 1;
    rst_evaluate_options o;
    if (v[QUIET].given)
        cli_report_quiet();
    if (runs > 1 && !v[COMPARE].given)
        return rst_fail(err, RST_EINVAL, "evaluate: REAL and VIRTUAL, or several with --compare");
    if (runs < 2 && v[COMPARE].given)
        return rst_fail(err, RST_EINVAL, "--compare: REAL and two folders or more");
    int rc = get_options(a, &o, err);
    if (rc < 0)
        return rc;
    cli_scores s = { .run = rst__calloc((size_t)runs, sizeof *s.run),
                     .runs = runs,
                     .change = rst__calloc((size_t)runs, sizeof *s.change) };
    rc = s.run && s.change ? rst_evaluate_runs(s.run, a->file[0], a->file + 1, runs, &o, err)
                           : rst__fail_nomem(err, "evaluation");
    if (rc == 0)
        rc = compare(&s, err);
    if (rc == 0)
        rc = tell_all(a, &s, err);
    for (int i = 0; s.run && i < runs; i++)
        rst_evaluation_free(s.run[i]);
    rst__free(s.run);
    rst__free(s.change);
    return rc;
}

const cli_verb cli_verb_evaluate = {
    .name = "evaluate",
    .usage = "[OPTION...] REAL VIRTUAL [VIRTUAL...]",
    .brief = "compare virtual stains with real ones",
    .text = "Compares the pictures of two folders, paired by their names, two pictures, or two "
            "slides of one size, tile by tile. Each metric is told with the protocol that it "
            "follows, because the same name stands for other numbers elsewhere: SSIM by other "
            "windows, FID by other ways to resize, KID by other networks and subsets. Means have "
            "intervals by resampling pairs. SSIM, PSNR and the stain need nothing; LPIPS, PHV, "
            "FID and KID need networks, which --weights finds.\n"
            "Stain agreement is about the brown: optical density of DAB, its quantiles and the "
            "share of pixels above 0.15 (area); Pearson's r over all pixels (DAB r) and over "
            "the pictures' means (tile r), bias and limits of agreement; a proxy of the HER2 level "
            "by area and intensity; and colours that cannot be right. Where names end in a HER2 "
            "level, as BCI's do (00012_test_2+), there is a line for each.",
    .examples = "restain evaluate real virtual\n"
                "restain evaluate --weights ~/.cache/torch/hub --json scores.json valB results\n"
                "restain evaluate --compare --table paper valB cut asp seed",
    .options = options,
    .count = COUNT,
    .min_files = 2,
    .max_files = -1,
    .run = run,
};
