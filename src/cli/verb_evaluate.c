/* SPDX-License-Identifier: MIT */
#include <restain/evaluate.h>

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "cli/report.h"
#include "cli/verbs.h"

enum { JSON, ALPHA, GRAY, QUIET, COUNT };

static const cli_option options[COUNT] = {
    [JSON] = { "json", 0, CLI_PATH, "FILE", .help = "Also write the numbers as JSON" },
    [ALPHA] = { "alpha", 0, CLI_WORD, .words = "refuse|drop|white", .usual = "refuse",
                .help = "What to do with transparency: make it an error, take it away, or lay the "
                        "image on white" },
    [GRAY] = { "gray-to-rgb", 0, CLI_FLAG, .help = "Use grey images as three equal channels" },
    [QUIET] = { "quiet", 'q', CLI_FLAG, .help = "Only the table" },
};

static int tell(void *user, int64_t done, int64_t total)
{
    (void)user;
    cli_progress(done, total);
    return 0;
}

static void print_table(const rst_evaluation *e)
{
    const rst_evaluation_scores *g;
    (void)printf("%-6s %6s %7s %7s %7s %7s %9s %9s %8s %8s\n", "level", "images", "SSIM", "PSNR",
                 "DAB r", "tile r", "DAB real", "DAB virt", "area rl", "area vt");
    for (int i = 0; (g = rst_evaluation_group(e, i)); i++)
        (void)printf("%-6s %6lld %7.4f %7.3f %7.4f %7.4f %9.5f %9.5f %8.5f %8.5f\n", g->name,
                     (long long)g->images, g->ssim, g->psnr, g->stain.r, g->tile_r,
                     g->stain.real.mean, g->stain.fake.mean, g->stain.real.positive,
                     g->stain.fake.positive);
}

/* JSON has no infinity and no NaN. */
static json_t *number(double v)
{
    return isfinite(v) ? json_real(v) : json_null();
}

static json_t *group_json(const rst_evaluation_scores *g)
{
    const rst_stain_agreement *s = &g->stain;
    return json_pack("{s:s, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:o, s:i, s:i}", "level",
                     g->name, "images", (json_int_t)g->images, "ssim", number(g->ssim), "psnr_db",
                     number(g->psnr), "dab_r", number(s->r), "dab_tile_r", number(g->tile_r),
                     "dab_mean_real", number(s->real.mean), "dab_mean_virtual",
                     number(s->fake.mean), "dab_area_real", number(s->real.positive),
                     "dab_area_virtual", number(s->fake.positive), "level_proxy_real",
                     s->real.level, "level_proxy_virtual", s->fake.level);
}

static int write_json(const rst_evaluation *e, const char *path, rst_error *err)
{
    const rst_evaluation_scores *g;
    json_t *groups = json_array();
    bool ok = groups != NULL;
    for (int i = 0; ok && (g = rst_evaluation_group(e, i)); i++)
        ok = json_array_append_new(groups, group_json(g)) == 0;
    json_t *all = json_pack("{s:i, s:s, s:o}", "schema", 1, "protocol",
                            "SSIM 7x7 uniform per channel, PSNR per image, DAB by fixed vectors, "
                            "pooled over pixels",
                            "groups", groups);
    char *text = ok && all ? json_dumps(all, JSON_INDENT(1) | JSON_REAL_PRECISION(9)) : NULL;
    int rc =
        text ? rst__file_write(path, text, strlen(text), err) : rst__fail_nomem(err, "evaluation");
    free(text); /* allow free: jansson made it */
    json_decref(all);
    return rc;
}

static int run(const cli_args *a, rst_error *err)
{
    const cli_value *v = a->value;
    const rst_evaluate_options o = { .read = { .alpha = (rst_image_alpha)v[ALPHA].i,
                                               .gray_to_rgb = v[GRAY].given },
                                     .progress = tell };
    rst_evaluation *e;
    if (v[QUIET].given)
        cli_report_quiet();
    int rc = rst_evaluate(&e, a->file[0], a->file[1], &o, err);
    if (rc < 0)
        return rc;
    print_table(e);
    if (v[JSON].given)
        rc = write_json(e, v[JSON].text, err);
    rst_evaluation_free(e);
    return rc;
}

const cli_verb cli_verb_evaluate = {
    .name = "evaluate",
    .usage = "[OPTION...] REAL VIRTUAL",
    .brief = "compare virtual stains with real ones",
    .text = "Compares the pictures of two folders, paired by their names, two pictures, or two "
            "slides of one size, tile by tile. Prints "
            "the means of SSIM and PSNR as ASP's and BCI's code compute them, and how well the "
            "brown agrees: Pearson's r of DAB optical density over all pixels (DAB r) and over the "
            "pictures' means (tile r), the means, and the share of pixels with an optical density "
            "above 0.15 (area). Where names end in a HER2 level, as BCI's do (00012_test_2+), "
            "there is a line for each.",
    .examples = "restain evaluate real virtual\n"
                "restain evaluate --json scores.json valB results",
    .options = options,
    .count = COUNT,
    .min_files = 2,
    .max_files = 2,
    .run = run,
};
