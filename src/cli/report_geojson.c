/* SPDX-License-Identifier: MIT */
/* Tiles of two slides as GeoJSON (RFC 7946, in pixels of level 0) the way QuPath reads objects: a
 * polygon each, with measurements, and a class by what the brown does there. */
#include <math.h>

#include "base/err.h"
#include "base/file.h"
#include "base/json.h"
#include "cli/report_scores.h"

/* Mean DAB that still counts as agreement: what area's threshold is to a pixel, a fifth of it. */
static const double AGREES = 0.03;

static json_t *corner(int64_t x, int64_t y)
{
    return json_pack("[I, I]", (json_int_t)x, (json_int_t)y);
}

static json_t *outline(const rst_evaluation_row *r)
{
    const int64_t x = r->x + r->width, y = r->y + r->height;
    return json_pack("{s:s, s:[[o, o, o, o, o]]}", "type", "Polygon", "coordinates",
                     corner(r->x, r->y), corner(x, r->y), corner(x, y), corner(r->x, y),
                     corner(r->x, r->y));
}

static json_t *classification(double bias)
{
    if (bias > AGREES)
        return json_pack("{s:s, s:[i, i, i]}", "name", "too brown", "color", 179, 88, 6);
    if (bias < -AGREES)
        return json_pack("{s:s, s:[i, i, i]}", "name", "too pale", "color", 5, 80, 170);
    return json_pack("{s:s, s:[i, i, i]}", "name", "agrees", "color", 120, 120, 120);
}

static json_t *feature(const rst_evaluation_row *r)
{
    json_t *values = json_object();
    for (int s = 0; s < RST_SCORES; s++)
        if (isfinite(r->score[s]))
            (void)json_object_set_new(values, rst_score_describe((rst_score)s)->key,
                                      json_real(r->score[s]));
    json_t *p =
        json_pack("{s:s, s:s, s:o}", "objectType", "tile", "name", r->name, "measurements", values);
    if (isfinite(r->score[RST_SCORE_DAB_BIAS]))
        (void)json_object_set_new(p, "classification",
                                  classification(r->score[RST_SCORE_DAB_BIAS]));
    return json_pack("{s:s, s:o, s:o}", "type", "Feature", "geometry", outline(r), "properties", p);
}

int cli_scores_geojson(const cli_scores *s, const char *path, rst_error *err)
{
    const rst_evaluation *e = s->run[0];
    if (!rst_evaluation_describe(e).slides)
        return rst_fail(err, RST_EINVAL, "--geojson: only of two slides, tile by tile");
    json_t *list = json_array();
    for (int64_t i = 0; i < rst_evaluation_describe(e).rows; i++)
        (void)json_array_append_new(list, feature(rst_evaluation_row_at(e, i)));
    return cli_json_write(json_pack("{s:s, s:o}", "type", "FeatureCollection", "features", list),
                          path, err);
}
