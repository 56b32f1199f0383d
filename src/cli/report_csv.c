/* SPDX-License-Identifier: MIT */
/* Pairs as CSV (RFC 4180). */
#include <math.h>

#include "base/err.h"
#include "base/file.h"
#include "base/str.h"
#include "cli/report_scores.h"

static const size_t MOST = (size_t)1 << 31;

static void add_text(rst_str *b, const char *text)
{
    rst__str_csv(b, text);
    rst__str_add(b, ",");
}

/* Nothing for what there is not; `inf` as most readers take it. */
static void add_number(rst_str *b, double v)
{
    if (!isnan(v))
        rst__str_printf(b, "%.9g", v);
    rst__str_add(b, ",");
}

static void add_header(rst_str *b)
{
    rst__str_add(b, "run,name,protocol,version,x,y,width,height,level,");
    for (int s = 0; s < RST_SCORES; s++)
        rst__str_printf(b, "%s,", rst_score_describe((rst_score)s)->key);
    rst__str_add(b, "proxy_real,proxy_virtual,background_real,background_virtual,hue_real,"
                    "hue_virtual,checks\r\n");
}

static void add_row(rst_str *b, const rst_evaluation *e, const rst_evaluation_row *r)
{
    const rst_evaluation_facts f = rst_evaluation_describe(e);
    add_text(b, f.fake);
    add_text(b, r->name);
    rst__str_printf(b, "%s,%d,%lld,%lld,%lld,%lld,", rst_protocol_name(f.protocol),
                    rst_protocol_version(f.protocol), (long long)r->x, (long long)r->y,
                    (long long)r->width, (long long)r->height);
    if (r->level >= 0)
        rst__str_printf(b, "%d", r->level);
    rst__str_add(b, ",");
    for (int s = 0; s < RST_SCORES; s++)
        add_number(b, r->score[s]);
    if (rst_evaluation_metric(e, RST_METRIC_STAIN)->done) {
        rst__str_printf(b, "%d,%d,", r->stain.real.level, r->stain.fake.level);
        add_number(b, r->colour.real.background);
        add_number(b, r->colour.fake.background);
        add_number(b, r->colour.real.hue);
        add_number(b, r->colour.fake.hue);
        for (int k = 0, n = 0; k < RST_COLOUR_CHECKS; k++)
            if (r->colour.odd >> k & 1)
                rst__str_printf(b, "%s%s", n++ ? "; " : "",
                                rst_colour_check_name((rst_colour_check)k));
    } else {
        rst__str_add(b, ",,,,,,");
    }
    rst__str_add(b, "\r\n");
}

int cli_scores_csv(const cli_scores *s, const char *path, rst_error *err)
{
    rst_str b = rst__str(MOST);
    const rst_evaluation_row *r;
    add_header(&b);
    for (int i = 0; i < s->runs; i++)
        for (int64_t k = 0; (r = rst_evaluation_row_at(s->run[i], k)); k++)
            add_row(&b, s->run[i], r);
    const int rc = b.failed ? rst__fail_nomem(err, path) : rst__file_write(path, b.s, b.len, err);
    rst__str_free(&b);
    return rc;
}
