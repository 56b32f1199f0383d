/* SPDX-License-Identifier: MIT */
/* The page: one file, no scripts, nothing fetched. */
#include <math.h>
#include <stdio.h>

#include <restain/version.h>

#include "run/report_parts.h"

/* Pieces ----------------------------------------------------------------------------------------
 */

static void text(rst_str *b, const char *t)
{
    for (; *t; t++) {
        if (*t == '<')
            rst__str_add(b, "&lt;");
        else if (*t == '>')
            rst__str_add(b, "&gt;");
        else if (*t == '&')
            rst__str_add(b, "&amp;");
        else if (*t == '"')
            rst__str_add(b, "&quot;");
        else
            rst__str_bytes(b, t, 1);
    }
}

/* <tag>text</tag> */
static void element(rst_str *b, const char *tag, const char *t)
{
    rst__str_printf(b, "<%s>", tag);
    text(b, t);
    rst__str_printf(b, "</%s>", tag);
}

static void number(rst_str *b, double v, int digits)
{
    if (isnan(v))
        rst__str_add(b, "&ndash;");
    else if (isinf(v))
        rst__str_add(b, v > 0 ? "&infin;" : "&minus;&infin;");
    else
        rst__str_printf(b, "%s%.*f", v < 0 && fabs(v) >= 0.5 * pow(10, -digits) ? "&minus;" : "",
                        digits, fabs(v));
}

static void cell(rst_str *b, double v, int digits, bool strong)
{
    rst__str_add(b, strong ? "<td class=\"best\">" : "<td>");
    number(b, v, digits);
    rst__str_add(b, "</td>");
}

static void interval(rst_str *b, double low, double high, int digits)
{
    if (isnan(low) || isnan(high))
        return;
    rst__str_add(b, "<small>");
    number(b, low, digits);
    rst__str_add(b, " to ");
    number(b, high, digits);
    rst__str_add(b, "</small>");
}

static const char style[] =
    "body{font:15px/1.45 system-ui,\"DejaVu "
    "Sans\",sans-serif;color:#26262a;max-width:1280px;margin:2em auto;padding:0 1.2em}"
    "h1{font-size:1.6em;margin-bottom:.2em}h2{font-size:1.2em;margin-top:2em}"
    "table{border-collapse:collapse;margin:.6em 0}"
    "th,td{padding:.3em .8em;text-align:right;border-bottom:1px solid #e3e3e6;vertical-align:top}"
    "th{font-weight:600;border-bottom:2px solid "
    "#9a9aa0}th:first-child,td:first-child{text-align:left}"
    "td "
    "small{display:block;color:#6a6a70;white-space:nowrap}.best{font-weight:700}.odd{color:#b23c00;"
    "font-weight:600}"
    "p{max-width:75ch}figure{margin:1em 0;overflow-x:auto}figure "
    "img{max-width:100%;height:auto;border:1px solid #e3e3e6}"
    "figcaption{color:#55555a;max-width:75ch}dl{max-width:90ch}dt{font-weight:600;margin-top:.6em}"
    "dd{margin-left:1.2em}"
    "code{font-size:.85em;overflow-wrap:anywhere}.wide{overflow-x:auto}"
    "@media(prefers-color-scheme:dark){body{background:#1b1b1e;color:#e4e4e8}th,td{border-color:#"
    "3a3a40}"
    "td small,figcaption{color:#a8a8b0}}@media print{body{max-width:none}}";

/* What was compared -----------------------------------------------------------------------------
 */

static void introduction(rst_str *b, const rst_report *r)
{
    const rst_evaluation_facts f = rst_evaluation_describe(r->run[0].e);
    rst__str_printf(b, "<p>%lld %s of real IHC (", (long long)f.rows,
                    f.slides ? "tiles of a slide" : "pictures");
    element(b, "code", f.real);
    rst__str_add(b, ") and their virtual counterparts:</p><ul>");
    for (int k = 0; k < r->runs; k++) {
        rst__str_add(b, "<li>");
        element(b, "b", r->run[k].name);
        rst__str_add(b, " from ");
        element(b, "code", rst_evaluation_describe(r->run[k].e).fake);
        rst__str_add(b, "</li>");
    }
    rst__str_printf(
        b,
        "</ul><p>Protocol <b>%s</b>, version %d. Means have %.0f&nbsp;%% intervals from %d "
        "resamples of the pairs "
        "(seed %llu).%s</p>",
        rst_protocol_name(f.protocol), rst_protocol_version(f.protocol), 100 * f.interval,
        f.resamples, (unsigned long long)f.seed,
        f.rewrite_real
            ? " Real pictures lost what ASP's test.py takes from them when it writes them."
            : "");
}

/* Scores ----------------------------------------------------------------------------------------
 */

static const rst_score columns[] = { RST_SCORE_SSIM, RST_SCORE_PSNR,     RST_SCORE_LPIPS,
                                     RST_SCORE_PHV,  RST_SCORE_DAB_BIAS, RST_SCORE_AREA_BIAS,
                                     RST_SCORE_DAB_R };
enum { COLUMNS = sizeof columns / sizeof columns[0] };

static bool any_has(const rst_report *r, rst_metric m)
{
    for (int k = 0; k < r->runs; k++)
        if (rst_evaluation_metric(r->run[k].e, m)->done)
            return true;
    return false;
}

static double mean_of(const rst_report *r, int k, rst_score s)
{
    return rst_evaluation_group(r->run[k].e, 0)->score[s].mean;
}

/* The better the smaller; a bias is best near 0. */
static double merit(double v, int better)
{
    return better == 0 ? fabs(v) : -better * v;
}

static bool is_best(const rst_report *r, int k, rst_score s)
{
    const int better = rst_score_describe(s)->better;
    const double mine = merit(mean_of(r, k, s), better);
    for (int i = 0; i < r->runs; i++)
        if (merit(mean_of(r, i, s), better) < mine)
            return false;
    return r->runs > 1 && !isnan(mine);
}

static void score_head(rst_str *b, const rst_report *r)
{
    rst__str_add(b, "<tr><th></th>");
    for (int i = 0; i < COLUMNS; i++) {
        const rst_score_info *f = rst_score_describe(columns[i]);
        if (!any_has(r, f->metric))
            continue;
        rst__str_add(b, "<th>");
        text(b, f->title);
        if (*f->unit) {
            rst__str_add(b, ", ");
            text(b, f->unit);
        }
        rst__str_add(b, f->better > 0 ? " &uarr;" : f->better < 0 ? " &darr;" : "");
        rst__str_add(b, "</th>");
    }
    if (any_has(r, RST_METRIC_FID))
        rst__str_add(b, "<th>FID &darr;</th>");
    if (any_has(r, RST_METRIC_KID))
        rst__str_add(b, "<th>KID &times;1000 &darr;</th>");
    rst__str_add(b, "</tr>");
}

static void score_row(rst_str *b, const rst_report *r, int k)
{
    const rst_evaluation_sets *d = rst_evaluation_distances(r->run[k].e);
    rst__str_add(b, "<tr>");
    element(b, "td", r->run[k].name);
    for (int i = 0; i < COLUMNS; i++) {
        const rst_score_info *f = rst_score_describe(columns[i]);
        const rst_score_summary *s = &rst_evaluation_group(r->run[k].e, 0)->score[columns[i]];
        if (!any_has(r, f->metric))
            continue;
        rst__str_add(b, is_best(r, k, columns[i]) ? "<td class=\"best\">" : "<td>");
        number(b, s->mean, f->digits);
        interval(b, s->low, s->high, f->digits);
        rst__str_add(b, "</td>");
    }
    if (any_has(r, RST_METRIC_FID))
        cell(b, d->fid, 1, false);
    if (any_has(r, RST_METRIC_KID)) {
        rst__str_add(b, "<td>");
        number(b, 1000 * d->kid, 1);
        rst__str_printf(b, "<small>&plusmn; %.1f</small></td>", 1000 * d->kid_deviation);
    }
    rst__str_add(b, "</tr>");
}

static void scores(rst_str *b, const rst_report *r)
{
    rst__str_add(b, "<h2>Scores</h2><div class=\"wide\"><table>");
    score_head(b, r);
    for (int k = 0; k < r->runs; k++)
        score_row(b, r, k);
    rst__str_add(b, "</table></div>");
    if (any_has(r, RST_METRIC_STAIN))
        rst__str_add(b, "<p>DAB is the mean optical density of the brown, area the share of pixels "
                        "above 0.15; a bias is virtual "
                        "less real. DAB r is Pearson's over the pixels of a pair.</p>");
}

static void change_row(rst_str *b, const char *name, const rst_score_change *c,
                       const rst_score_info *f)
{
    rst__str_add(b, "<tr>");
    element(b, "td", name);
    element(b, "td", f->title);
    cell(b, c->a, f->digits, false);
    cell(b, c->b, f->digits, false);
    rst__str_add(b, "<td>");
    number(b, c->mean, f->digits);
    interval(b, c->low, c->high, f->digits);
    if (f->better)
        rst__str_printf(b, "</td><td>%lld of %lld</td><td>", (long long)c->wins, (long long)c->n);
    else
        rst__str_add(b, "</td><td>&ndash;</td><td>");
    if (c->p < 0.001)
        rst__str_add(b, "&lt; 0.001");
    else
        number(b, c->p, 3);
    rst__str_add(b, "</td></tr>");
}

static void changes(rst_str *b, const rst_report *r)
{
    bool begun = false;
    for (int k = 0; k < r->runs; k++)
        for (int i = 0; r->run[k].change && i < COLUMNS; i++) {
            const rst_score_info *f = rst_score_describe(columns[i]);
            const rst_score_change *c = &r->run[k].change->score[columns[i]];
            if (c->n == 0)
                continue;
            if (!begun) {
                rst__str_add(b, "<h2>Pair by pair against ");
                text(b, r->run[0].name);
                rst__str_add(b, "</h2><div class=\"wide\"><table><tr><th></th><th>score</th><th>");
                text(b, r->run[0].name);
                rst__str_add(
                    b, "</th><th>this</th><th>difference</th><th>better in</th><th>p</th></tr>");
                begun = true;
            }
            change_row(b, r->run[k].name, c, f);
        }
    if (begun)
        rst__str_add(b, "</table></div><p>p is the share of random signs that give as large a mean "
                        "difference; many scores "
                        "were tried, so read it with care.</p>");
}

/* The stain -------------------------------------------------------------------------------------
 */

/* Of the pairs of one level kappa says nothing: there is one row to agree on. */
static void stain_row(rst_str *b, const rst_report *r, int k, const rst_evaluation_scores *g,
                      bool all)
{
    rst__str_add(b, "<tr>");
    element(b, "td", r->run[k].name);
    element(b, "td", g->name);
    rst__str_printf(b, "<td>%lld</td>", (long long)g->images);
    cell(b, g->stain.real.mean, 4, false);
    cell(b, g->stain.fake.mean, 4, false);
    rst__str_add(b, "<td>");
    number(b, g->dab.bias, 4);
    interval(b, g->dab.low, g->dab.high, 4);
    rst__str_add(b, "</td>");
    cell(b, 100 * g->stain.real.positive, 1, false);
    cell(b, 100 * g->stain.fake.positive, 1, false);
    cell(b, g->stain.r, 3, false);
    cell(b, g->tile_r, 3, false);
    cell(b, all ? g->kappa : (double)NAN, 2, false);
    rst__str_add(b, "</tr>");
}

static void confusion(rst_str *b, const rst_report *r, int k)
{
    static const char *const level[RST_STAIN_LEVELS] = { "0", "1+", "2+", "3+" };
    const rst_evaluation_scores *g = rst_evaluation_group(r->run[k].e, 0);
    rst__str_add(b, "<table><tr><th>");
    text(b, r->run[k].name);
    rst__str_add(b, ": real \\ virtual</th>");
    for (int i = 0; i < RST_STAIN_LEVELS; i++)
        element(b, "th", level[i]);
    rst__str_add(b, "</tr>");
    for (int i = 0; i < RST_STAIN_LEVELS; i++) {
        rst__str_add(b, "<tr>");
        element(b, "td", level[i]);
        for (int j = 0; j < RST_STAIN_LEVELS; j++)
            rst__str_printf(b, "<td%s>%lld</td>", i == j ? " class=\"best\"" : "",
                            (long long)g->confusion[i][j]);
        rst__str_add(b, "</tr>");
    }
    rst__str_add(b, "</table>");
}

/* Pairs whose colours cannot be right, by kind. */
static void odd_colours(rst_str *b, const rst_report *r)
{
    bool any = false;
    for (int k = 0; k < r->runs; k++)
        for (int c = 0; c < RST_COLOUR_CHECKS; c++) {
            const int64_t n = rst_evaluation_group(r->run[k].e, 0)->odd[c];
            if (n == 0)
                continue;
            rst__str_add(b, any ? "<br>" : "<p class=\"odd\">");
            text(b, r->run[k].name);
            rst__str_printf(b, ": %lld with ", (long long)n);
            text(b, rst_colour_check_name((rst_colour_check)c));
            any = true;
        }
    rst__str_add(b, any ? "</p>"
                        : "<p>No picture has a painted or erased background, inverted or exchanged "
                          "colours, or a hue far "
                          "from the real one's.</p>");
}

static void stain(rst_str *b, const rst_report *r)
{
    if (!rst__report_has(r, RST_METRIC_STAIN))
        return;
    rst__str_add(
        b,
        "<h2>Is the brown right?</h2><div "
        "class=\"wide\"><table><tr><th></th><th>level</th><th>pairs</th><th>DAB real</th>"
        "<th>virtual</th><th>bias, limits of agreement</th><th>area real, %</th><th>virtual, %</th>"
        "<th>r, pixels</th><th>r, pairs</th><th>&kappa;</th></tr>");
    for (int k = 0; k < r->runs; k++)
        for (int i = 0; rst_evaluation_group(r->run[k].e, i); i++)
            stain_row(b, r, k, rst_evaluation_group(r->run[k].e, i), i == 0);
    rst__str_add(b, "</table></div><p>&kappa; (quadratic weights) compares a proxy of the HER2 "
                    "level, made from area and intensity of "
                    "the brown; it is not a reading of membranes after ASCO/CAP:</p>");
    for (int k = 0; k < r->runs; k++)
        confusion(b, r, k);
    odd_colours(b, r);
}

/* How -------------------------------------------------------------------------------------------
 */

static void methods(rst_str *b, const rst_report *r)
{
    rst__str_add(b, "<h2>How each number was computed</h2><dl>");
    for (int m = 0; m < RST_METRICS; m++) {
        const rst_metric_use *u = rst_evaluation_metric(r->run[0].e, (rst_metric)m);
        if (!u->done && !u->skipped[0])
            continue;
        element(b, "dt", rst_metric_name((rst_metric)m));
        rst__str_add(b, "<dd>");
        text(b, u->done ? u->how : u->skipped);
        for (int i = 0; u->done && i < u->files; i++) {
            rst__str_add(b, "<br><code>");
            text(b, u->file[i].name);
            rst__str_add(b, " sha256 ");
            text(b, u->file[i].sha256);
            rst__str_add(b, "</code>");
        }
        rst__str_add(b, "</dd>");
    }
    rst__str_add(b, "</dl>");
}

static void picture(rst_str *b, const rst_report_picture *p)
{
    rst__str_add(b, "<h2>");
    text(b, p->title);
    rst__str_printf(b, "</h2><figure><img width=\"%lld\" alt=\"", (long long)p->width);
    text(b, p->title);
    rst__str_add(b, "\" src=\"data:image/png;base64,");
    rst__str_base64(b, p->png, p->bytes);
    rst__str_add(b, "\"><figcaption>");
    text(b, p->text);
    rst__str_add(b, "</figcaption></figure>");
}

static void ranking(rst_str *b, const rst_report *r, int pictures)
{
    const int by = rst__report_ranking(r);
    if (by < 0 || pictures == 0)
        return;
    rst__str_add(b, "<h2>Pictures</h2><p>Pairs are ranked by ");
    text(b, rst_score_describe((rst_score)by)->title);
    rst__str_add(b, ", over all runs. The framed part, where the real picture is brownest, is "
                    "magnified in the quarter opposite to it.</p>");
}

void rst__report_html(const rst_report *r, const rst_report_picture *p, int pictures, rst_str *out)
{
    rst__str_printf(out,
                    "<!DOCTYPE html>\n<html lang=\"en\"><head><meta charset=\"utf-8\">"
                    "<meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">"
                    "<title>Virtual IHC against real IHC</title><style>%s</style></head><body>"
                    "<h1>Virtual IHC against real IHC</h1>",
                    style);
    introduction(out, r);
    scores(out, r);
    changes(out, r);
    stain(out, r);
    int i = 0;
    for (; i < pictures && p[i].chart; i++)
        picture(out, &p[i]);
    ranking(out, r, pictures - i);
    for (; i < pictures; i++)
        picture(out, &p[i]);
    methods(out, r);
    rst__str_printf(out,
                    "<hr><p>restain %s. Numbers of synthetic or virtual stains are for research, "
                    "not for diagnosis.</p></body></html>\n",
                    rst_version());
}
