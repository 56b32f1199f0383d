/* SPDX-License-Identifier: MIT */
#include <restain/report.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"
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
    HEATMAP,
    GEOJSON,
    REPORT,
    STUDY,
    HE,
    NAMES,
    CASES,
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
    [HEATMAP] = { "heatmap", 0, CLI_PATH, "FILE.ome.tif",
                  .help =
                      "Of two slides: write where there is too much brown and where too little, "
                      "as a pyramid of a 32nd of their sides" },
    [GEOJSON] = { "geojson", 0, CLI_PATH, "FILE",
                  .help = "Of two slides: write the tiles with their scores for QuPath" },
    [REPORT] = { "report", 0, CLI_PATH, "DIR",
                 .help = "Write a report here: index.html (one file), figures as PNG, the paper's "
                         "tables as LaTeX, scores.json, scores.csv" },
    [STUDY] = { "reader-study", 0, CLI_PATH, "DIR",
                .help = "Write a blinded set for readers here: real and virtual pictures under "
                        "letters, a sheet to fill in, and the key. --seed chooses" },
    [HE] = { "he", 0, CLI_PATH, "DIR",
             .help = "The H&E of the pairs, by the same names, for report and reader study" },
    [NAMES] = { "names", 0, CLI_TEXT, "LIST",
                .help = "What the folders of virtual pictures are called, with commas between",
                .otherwise = "their own names" },
    [CASES] = { "cases", 0, CLI_INT, "N", .lo = 1, .hi = 10000,
                .help = "Rows of a report's figure, up to 64; cases of a reader study",
                .otherwise = "4 and 20" },
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

/* Names --------------------------------------------------------------------------------------- */

enum { NAME = 64 };

/* The end of a path: what is behind its last slash, slashes at its very end aside. */
static void name_of_path(const char *path, char *name)
{
    size_t end = strlen(path);
    while (end > 1 && path[end - 1] == '/')
        end--;
    size_t begin = end;
    while (begin > 0 && path[begin - 1] != '/')
        begin--;
    (void)snprintf(name, NAME, "%.*s", (int)(end - begin), path + begin);
}

/* The names that were given, or the folders' own. @return 0 or RST_EINVAL */
static int name_runs(const cli_args *a, char (*name)[NAME], int runs, rst_error *err)
{
    const char *p = a->value[NAMES].given ? a->value[NAMES].text : NULL;
    for (int i = 0; i < runs; i++) {
        const size_t len = p ? strcspn(p, ",") : 0;
        if (!a->value[NAMES].given)
            name_of_path(a->file[i + 1], name[i]);
        else if (len == 0)
            return rst_fail(err, RST_EINVAL,
                            "--names: fewer names than the %d folders of virtual pictures", runs);
        else
            (void)snprintf(name[i], NAME, "%.*s", (int)len, p);
        p = p && p[len] == ',' ? p + len + 1 : NULL;
    }
    return p ? rst_fail(err, RST_EINVAL,
                        "--names: more names than the %d folders of virtual pictures", runs)
             : 0;
}

/* Report and reader study ---------------------------------------------------------------------- */

/* What can be refused is refused before hours of computing. */
static int check_for_people(const cli_args *a, int runs, rst_error *err)
{
    const cli_value *v = a->value;
    const bool any = v[REPORT].given || v[STUDY].given;
    char name[RST_RUNS_SHOWN][NAME];
    for (int i = HE; i <= CASES; i++)
        if (v[i].given && !any)
            return rst_fail(err, RST_EINVAL, "--%s: only with --report or --reader-study",
                            options[i].name);
    if (any && runs > RST_RUNS_SHOWN)
        return rst_fail(err, RST_EINVAL, "a report shows at most %d folders, not %d",
                        RST_RUNS_SHOWN, runs);
    if (v[STUDY].given && rst__exists(v[STUDY].text))
        return rst_fail(err, RST_EOUTPUT, "%s: exists; a reader study gets a folder of its own",
                        v[STUDY].text);
    if (v[HE].given && !rst__is_dir(v[HE].text))
        return rst_fail(err, RST_EINPUT, "%s: no such folder of H&E", v[HE].text);
    if (v[REPORT].given && v[CASES].given && v[CASES].i > 64)
        return rst_fail(err, RST_EINVAL, "--cases: a report's figure has 64 rows at most, not %lld",
                        (long long)v[CASES].i);
    return any ? name_runs(a, name, runs, err) : 0;
}

static int write_beside(const cli_scores *s, const char *dir, rst_error *err)
{
    char path[4096];
    if ((size_t)snprintf(path, sizeof path, "%s/scores.json", dir) >= sizeof path)
        return rst_fail(err, RST_EINVAL, "%.60s...: the name is too long", dir);
    int rc = cli_scores_json(s, path, err);
    (void)snprintf(path, sizeof path, "%s/scores.csv", dir);
    return rc == 0 ? cli_scores_csv(s, path, err) : rc;
}

static int write_report(const cli_args *a, const cli_scores *s, const rst_report_run *run,
                        const rst_image_read_options *read, rst_error *err)
{
    const cli_value *v = a->value;
    const rst_report_options o = { .he = v[HE].text, .cases = (int)v[CASES].i, .read = *read };
    int rc = rst_report_write(v[REPORT].text, run, s->runs, &o, err);
    if (rc == 0)
        rc = write_beside(s, v[REPORT].text, err);
    if (rc == 0)
        cli_say("%s/index.html: a report", v[REPORT].text);
    return rc;
}

static int write_study(const cli_args *a, const cli_scores *s, const rst_report_run *run,
                       const rst_image_read_options *read, rst_error *err)
{
    const cli_value *v = a->value;
    const rst_reader_study_options o = {
        .he = v[HE].text, .cases = (int)v[CASES].i, .seed = (uint64_t)v[SEED].i, .read = *read
    };
    const int rc = rst_reader_study_write(v[STUDY].text, run, s->runs, &o, err);
    if (rc == 0)
        cli_say("%s: a reader study; keep key.csv from the readers", v[STUDY].text);
    return rc;
}

static int write_for_people(const cli_args *a, const cli_scores *s,
                            const rst_image_read_options *read, rst_error *err)
{
    const cli_value *v = a->value;
    char(*name)[NAME] = rst__calloc((size_t)s->runs, sizeof *name);
    rst_report_run *run = rst__calloc((size_t)s->runs, sizeof *run);
    int rc = name && run ? name_runs(a, name, s->runs, err) : rst__fail_nomem(err, "report");
    for (int i = 0; rc == 0 && i < s->runs; i++)
        run[i] = (rst_report_run){ name[i], s->run[i], i ? &s->change[i - 1] : NULL };
    if (rc == 0 && v[REPORT].given)
        rc = write_report(a, s, run, read, err);
    if (rc == 0 && v[STUDY].given)
        rc = write_study(a, s, run, read, err);
    rst__free(name);
    rst__free(run);
    return rc;
}

static int tell_all(const cli_args *a, const cli_scores *s, const rst_image_read_options *read,
                    rst_error *err)
{
    const cli_value *v = a->value;
    if (v[TABLE].i)
        cli_scores_paper(s);
    else
        cli_scores_print(s);
    int rc = v[JSON].given ? cli_scores_json(s, v[JSON].text, err) : 0;
    if (rc == 0 && v[CSV].given)
        rc = cli_scores_csv(s, v[CSV].text, err);
    if (rc == 0 && v[HEATMAP].given)
        rc = rst_evaluation_heatmap(s->run[0], v[HEATMAP].text, err);
    if (rc == 0 && v[GEOJSON].given)
        rc = cli_scores_geojson(s, v[GEOJSON].text, err);
    return rc == 0 && (v[REPORT].given || v[STUDY].given) ? write_for_people(a, s, read, err) : rc;
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
    if (rc == 0 && (v[HEATMAP].given || v[GEOJSON].given) && (runs > 1 || rst__is_dir(a->file[0])))
        rc = rst_fail(err, RST_EINVAL, "--%s: only of two slides",
                      options[v[HEATMAP].given ? HEATMAP : GEOJSON].name);
    if (rc == 0)
        rc = check_for_people(a, runs, err);
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
        rc = tell_all(a, &s, &o.read, err);
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
                "restain evaluate --compare --table paper valB cut asp seed\n"
                "restain evaluate --compare --report report --he valA valB cut asp",
    .options = options,
    .count = COUNT,
    .min_files = 2,
    .max_files = -1,
    .run = run,
};
