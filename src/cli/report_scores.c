/* SPDX-License-Identifier: MIT */
#include "cli/report_scores.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* NaN is a dash: there is no such number. */
static const char *number(double v, int digits, char buf[32])
{
    if (isnan(v))
        (void)snprintf(buf, 32, "-");
    else
        (void)snprintf(buf, 32, "%.*f", digits, v);
    return buf;
}

static const char *interval(double low, double high, int digits, char buf[72])
{
    char a[32], b[32];
    if (isnan(low) || isnan(high))
        (void)snprintf(buf, 72, "-");
    else
        (void)snprintf(buf, 72, "%s .. %s", number(low, digits, a), number(high, digits, b));
    return buf;
}

static bool done(const rst_evaluation *e, rst_metric m)
{
    return rst_evaluation_metric(e, m)->done;
}

/* Levels ----------------------------------------------------------------------------------------
 */

static void print_levels(const rst_evaluation *e)
{
    const rst_evaluation_scores *g;
    char t[9][32];
    (void)printf("%-6s %6s %7s %7s %7s %7s %9s %9s %8s %8s %6s\n", "level", "images", "SSIM",
                 "PSNR", "DAB r", "tile r", "DAB real", "DAB virt", "area rl", "area vt", "kappa");
    for (int i = 0; (g = rst_evaluation_group(e, i)); i++)
        (void)printf("%-6s %6lld %7s %7s %7s %7s %9s %9s %8s %8s %6s\n", g->name,
                     (long long)g->images, number(g->score[RST_SCORE_SSIM].mean, 4, t[0]),
                     number(g->score[RST_SCORE_PSNR].mean, 3, t[1]), number(g->stain.r, 4, t[2]),
                     number(g->tile_r, 4, t[3]), number(g->stain.real.mean, 5, t[4]),
                     number(g->stain.fake.mean, 5, t[5]), number(g->stain.real.positive, 5, t[6]),
                     number(g->stain.fake.positive, 5, t[7]),
                     number(done(e, RST_METRIC_STAIN) ? g->kappa : (double)NAN, 3, t[8]));
}

/* Metrics ---------------------------------------------------------------------------------------
 */

/* What a value was computed with stands behind it. */
static void print_value(const char *title, const char *value, const char *range, int64_t n,
                        const rst_evaluation *e, rst_metric m)
{
    const rst_metric_use *u = rst_evaluation_metric(e, m);
    (void)printf("%-13s %9s  %-20s %5lld  %s", title, value, range, (long long)n, u->how);
    for (int i = 0; i < u->files; i++)
        (void)printf("%s %s %.12s", i ? "," : ";", u->file[i].name, u->file[i].sha256);
    (void)putchar('\n');
}

static void print_score(const rst_evaluation *e, rst_score s)
{
    const rst_score_info *info = rst_score_describe(s);
    const rst_score_summary *v = &rst_evaluation_group(e, 0)->score[s];
    char title[32], value[32], range[72];
    (void)snprintf(title, sizeof title, "%s%s%s", info->title, *info->unit ? " " : "", info->unit);
    print_value(title, number(v->mean, info->digits, value),
                interval(v->low, v->high, info->digits, range), v->n, e, info->metric);
}

static void print_sets(const rst_evaluation *e)
{
    const rst_evaluation_sets *d = rst_evaluation_distances(e);
    const int64_t n = rst_evaluation_describe(e).rows;
    char value[32], range[72];
    if (done(e, RST_METRIC_FID))
        print_value("FID", number(d->fid, 2, value), "-", n, e, RST_METRIC_FID);
    if (!done(e, RST_METRIC_KID))
        return;
    (void)snprintf(range, sizeof range, "+/- %.2f by subsets", 1000 * d->kid_deviation);
    print_value("KID x1000", number(1000 * d->kid, 2, value), range, n, e, RST_METRIC_KID);
    (void)snprintf(range, sizeof range, "+/- %.5f", d->kid_deviation);
    print_value("KID", number(d->kid, 5, value), range, n, e, RST_METRIC_KID);
}

static void print_metrics(const rst_evaluation *e)
{
    static const rst_score shown[] = { RST_SCORE_SSIM, RST_SCORE_PSNR, RST_SCORE_LPIPS,
                                       RST_SCORE_PHV1, RST_SCORE_PHV2, RST_SCORE_PHV3,
                                       RST_SCORE_PHV4, RST_SCORE_PHV };
    const rst_evaluation_facts f = rst_evaluation_describe(e);
    (void)printf("\nprotocol %s, version %d; real pictures %s; %.0f %% intervals of means from %d "
                 "resamples, seed %llu\n",
                 rst_protocol_name(f.protocol), rst_protocol_version(f.protocol),
                 f.rewrite_real ? "as ASP's test.py re-writes them" : "as they are",
                 100 * f.interval, f.resamples, (unsigned long long)f.seed);
    (void)printf("%-13s %9s  %-20s %5s  %s\n", "metric", "value", "interval", "n", "how");
    for (size_t i = 0; i < sizeof shown / sizeof shown[0]; i++)
        if (done(e, rst_score_describe(shown[i])->metric))
            print_score(e, shown[i]);
    print_sets(e);
    if (f.equal > 0)
        (void)printf("%lld of %lld pairs are equal: their PSNR is infinite\n", (long long)f.equal,
                     (long long)f.rows);
    else if (done(e, RST_METRIC_PSNR) && f.rows > 1)
        (void)printf("PSNR of the mean squared error of all pairs: %.3f dB\n", f.psnr_of_mean);
}

/* Stain -----------------------------------------------------------------------------------------
 */

static void print_quantiles(const char *side, const double *q)
{
    (void)printf("  %-8s", side);
    for (int i = 0; i < RST_QUANTILES; i++)
        (void)printf(" %8.4f", q[i]);
    (void)putchar('\n');
}

static void print_bland_altman(const char *what, const rst_bland_altman *b)
{
    char t[4][32], limits[72];
    (void)printf("  %-14s bias %8s, deviation %7s, limits of agreement %s, r %s\n", what,
                 number(b->bias, 4, t[0]), number(b->deviation, 4, t[1]),
                 interval(b->low, b->high, 4, limits), number(b->r, 4, t[2]));
}

static void print_confusion(const rst_evaluation_scores *g)
{
    static const char *const level[RST_STAIN_LEVELS] = { "0", "1+", "2+", "3+" };
    char t[32];
    (void)printf("HER2-level proxy, by area and intensity (not the ASCO/CAP reading): %.1f %% of "
                 "pairs agree, weighted kappa %s\n",
                 100 * g->level_agree, number(g->kappa, 3, t));
    (void)printf("  real, virtual");
    for (int j = 0; j < RST_STAIN_LEVELS; j++)
        (void)printf(" %6s", level[j]);
    (void)putchar('\n');
    for (int i = 0; i < RST_STAIN_LEVELS; i++) {
        (void)printf("  %12s", level[i]);
        for (int j = 0; j < RST_STAIN_LEVELS; j++)
            (void)printf(" %6lld", (long long)g->confusion[i][j]);
        (void)putchar('\n');
    }
}

static void print_checks(const rst_evaluation_scores *g)
{
    (void)printf("checks of colour, pairs of %lld:", (long long)g->images);
    for (int k = 0; k < RST_COLOUR_CHECKS; k++)
        (void)printf("%s %s %lld", k ? "," : "", rst_colour_check_name((rst_colour_check)k),
                     (long long)g->odd[k]);
    (void)putchar('\n');
}

static void print_stain(const rst_evaluation *e)
{
    const rst_evaluation_scores *g = rst_evaluation_group(e, 0);
    const rst_score_summary *r = &g->score[RST_SCORE_DAB_R];
    char t[32], range[72];
    if (!done(e, RST_METRIC_STAIN))
        return;
    (void)printf("\nstain agreement, virtual less real\n");
    (void)printf("  %-8s %8s %8s %8s %8s %8s   DAB optical density of pixels\n", "", "5 %", "25 %",
                 "50 %", "75 %", "95 %");
    print_quantiles("real", g->quantile_real);
    print_quantiles("virtual", g->quantile_fake);
    print_bland_altman("mean DAB", &g->dab);
    print_bland_altman("positive area", &g->area);
    (void)printf("  r of DAB within pairs %s (%s), between pairs %.4f, over all pixels %.4f\n",
                 number(r->mean, 4, t), interval(r->low, r->high, 4, range), g->tile_r, g->stain.r);
    print_confusion(g);
    print_checks(g);
}

/* Two runs --------------------------------------------------------------------------------------
 */

static void print_change(const cli_scores *s, int i)
{
    const rst_comparison *c = &s->change[i];
    (void)printf("\n%s less %s, %lld pairs\n", rst_evaluation_describe(s->run[i + 1]).fake,
                 rst_evaluation_describe(s->run[0]).fake, (long long)c->pairs);
    (void)printf("%-15s %10s %10s %10s  %-22s %11s %7s\n", "score", "first", "second", "change",
                 "interval", "better", "p");
    for (int k = 0; k < RST_SCORES; k++) {
        const rst_score_info *info = rst_score_describe((rst_score)k);
        const rst_score_change *d = &c->score[k];
        const int digits = info->digits;
        char t[4][32], range[72], wins[48];
        if (d->n == 0 || k == RST_SCORE_DAB_REAL || k == RST_SCORE_AREA_REAL)
            continue;
        (void)snprintf(wins, sizeof wins, "%lld of %lld", (long long)d->wins, (long long)d->n);
        (void)printf("%-15s %10s %10s %10s  %-22s %11s %7s\n", info->title,
                     number(d->a, digits, t[0]), number(d->b, digits, t[1]),
                     number(d->mean, digits, t[2]), interval(d->low, d->high, digits, range),
                     info->better ? wins : "-", number(d->p, 4, t[3]));
    }
    if (!isnan(c->fid))
        (void)printf("%-15s %32.2f\n", "FID", c->fid);
    if (!isnan(c->kid))
        (void)printf("%-15s %32.2f\n", "KID x1000", 1000 * c->kid);
}

void cli_scores_print(const cli_scores *s)
{
    for (int i = 0; i < s->runs; i++) {
        if (s->runs > 1)
            (void)printf("%s%s\n", i ? "\n" : "", rst_evaluation_describe(s->run[i]).fake);
        print_levels(s->run[i]);
        print_metrics(s->run[i]);
        print_stain(s->run[i]);
    }
    for (int i = 0; i + 1 < s->runs; i++)
        print_change(s, i);
}

/* The paper's columns ---------------------------------------------------------------------------
 */

void cli_scores_paper(const cli_scores *s)
{
    static const rst_score column[] = { RST_SCORE_SSIM, RST_SCORE_PHV1, RST_SCORE_PHV2,
                                        RST_SCORE_PHV3, RST_SCORE_PHV4, RST_SCORE_PHV };
    enum { COLUMNS = sizeof column / sizeof column[0] };
    const rst_evaluation_facts f = rst_evaluation_describe(s->run[0]);
    char t[32];
    int width = (int)strlen("method");
    for (int i = 0; i < s->runs; i++) {
        const int len = (int)strlen(rst_evaluation_describe(s->run[i]).fake);
        width = len > width ? len : width;
    }
    (void)printf("%-*s %7s %7s %7s %7s %7s %7s %7s %7s %7s %8s  protocol %s, version %d\n", width,
                 "method", "SSIM", "PHV l1", "l2", "l3", "l4", "avg", "FID", "KID", "LPIPS", "PSNR",
                 rst_protocol_name(f.protocol), rst_protocol_version(f.protocol));
    for (int i = 0; i < s->runs; i++) {
        const rst_evaluation_scores *g = rst_evaluation_group(s->run[i], 0);
        const rst_evaluation_sets *d = rst_evaluation_distances(s->run[i]);
        (void)printf("%-*s", width, rst_evaluation_describe(s->run[i]).fake);
        for (int k = 0; k < COLUMNS; k++)
            (void)printf(" %7s", number(g->score[column[k]].mean, 4, t));
        (void)printf(" %7s", number(d->fid, 1, t));
        (void)printf(" %7s", number(1000 * d->kid, 1, t));
        (void)printf(" %7s", number(g->score[RST_SCORE_LPIPS].mean, 4, t));
        (void)printf(" %8s\n", number(g->score[RST_SCORE_PSNR].mean, 4, t));
    }
}
