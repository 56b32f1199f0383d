/* SPDX-License-Identifier: MIT */
/* Micrometres per pixel: where slides state them, and when they are believed. Real files lie: a
 * printer's 72 dpi, 10 pixels a centimetre. A wrong scale spoils every result without a sign, so
 * what cannot be a microscope's is unknown, and unknown is an error later on, never a default. */
#include <math.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "slide/reader.h"

static const double mpp_min = 0.05, mpp_max = 20;

void rst__slide_warn(rst_slide *s, const char *fmt, ...)
{
    if (s->info.warnings == RST_SLIDE_WARNINGS_MAX)
        return;
    char *text = s->warning[s->info.warnings];
    va_list ap;
    va_start(ap, fmt);
    (void)vsnprintf(text, RST_SLIDE_TEXT, fmt, ap);
    va_end(ap);
    for (char *p = text; *p; p++) /* parts of it may come from the file */
        if ((unsigned char)*p < ' ' || (unsigned char)*p >= 127)
            *p = '?';
    s->info.warning[s->info.warnings++] = text;
}

double rst__slide_number(const char *text)
{
    double v = 0;
    int digits = 0, shift = 0, e = 0;
    while (*text == ' ')
        text++;
    for (; *text >= '0' && *text <= '9'; text++, digits++)
        v = 10 * v + (*text - '0');
    if (*text == '.')
        for (text++; *text >= '0' && *text <= '9'; text++, digits++, shift--)
            v = 10 * v + (*text - '0');
    if (!digits)
        return 0;
    if (*text == 'e' || *text == 'E') {
        const bool below = text[1] == '-';
        for (text += 1 + (below || text[1] == '+'); *text >= '0' && *text <= '9' && e < 400; text++)
            e = 10 * e + (*text - '0');
        shift += below ? -e : e;
    }
    /* One correctly rounded division gives the nearest double for what people write. */
    v = shift < 0 ? v / pow(10, -shift) : v * pow(10, shift);
    return isfinite(v) ? v : 0;
}

void rst__slide_offer_mpp(rst_slide *s, double x, double y, const char *source)
{
    if (s->info.mpp > 0 || !(x > 0) || !(y > 0) || !isfinite(x) || !isfinite(y))
        return;
    if (fabs(x - y) > 0.01 * x) {
        rst__slide_warn(s, "%s: %.4g um/px across and %.4g down; not used, pixels are not square",
                        source, x, y);
        return;
    }
    const double mpp = (x + y) / 2;
    if (mpp < mpp_min || mpp > mpp_max) {
        rst__slide_warn(s, "%s: %.4g um/px is no microscope's (0.05 to 20); not used", source, mpp);
        return;
    }
    s->info.mpp = mpp;
    s->info.mpp_source = source;
}

void rst__slide_offer_resolution(rst_slide *s, double x_per_unit, double y_per_unit, double unit_um)
{
    if (x_per_unit > 0 && y_per_unit > 0)
        rst__slide_offer_mpp(s, unit_um / x_per_unit, unit_um / y_per_unit, "resolution tags");
}

void rst__slide_settle_mpp(rst_slide *s)
{
    rst_slide_info *i = &s->info;
    if (s->o.mpp > 0) {
        if (i->mpp > 0 && fabs(s->o.mpp - i->mpp) > 0.05 * i->mpp)
            rst__slide_warn(s, "--mpp %.4g is used, though the file says %.4g (%s)", s->o.mpp,
                            i->mpp, i->mpp_source);
        i->mpp = s->o.mpp;
        i->mpp_source = "--mpp";
    }
    if (!(i->mpp > 0))
        rst__slide_warn(s, "micrometres per pixel are unknown; give --mpp");
}

int rst__slide_require_mpp(const rst_slide *s, double *mpp, rst_error *err)
{
    if (!(s->info.mpp > 0))
        return rst_fail(err, RST_EFORMAT,
                        "%s: the file does not say its micrometres per pixel; give --mpp", s->path);
    *mpp = s->info.mpp;
    return 0;
}

/* Descriptions ----------------------------------------------------------------------------------
 */

/* The text after `key` and its `=`, blanks skipped: " MPP = 0.25", `Name="0.25"`. NULL if none. */
static const char *value_of(const char *text, const char *key)
{
    for (const char *p = strstr(text, key); p; p = strstr(p + 1, key)) {
        const char *v = p + strlen(key);
        if (p != text && strchr("| \n\t\"", p[-1]) == NULL)
            continue;
        while (*v == ' ')
            v++;
        if (*v != '=')
            continue;
        for (v++; *v == ' '; v++)
            ;
        return v;
    }
    return NULL;
}

static void read_aperio(rst_slide *s, const char *text)
{
    const char *mpp = value_of(text, "MPP"), *power = value_of(text, "AppMag");
    if (mpp)
        rst__slide_offer_mpp(s, rst__slide_number(mpp), rst__slide_number(mpp),
                             "Aperio's description");
    if (power)
        s->info.objective = rst__slide_number(power);
}

/* In um: OME's default unit, or one of those that occur. */
static double ome_length(const char *pixels, const char *key, const char *unit_key)
{
    static const struct {
        const char *unit;
        double um;
    } units[] = { { "\"nm\"", 1e-3 },     { "\"mm\"", 1e3 },      { "\"cm\"", 1e4 },
                  { "\"\xc2\xb5m\"", 1 }, { "\"\xce\xbcm\"", 1 }, { "\"&#181;m\"", 1 },
                  { "\"um\"", 1 } };
    const char *v = value_of(pixels, key), *unit = value_of(pixels, unit_key);
    if (!v || *v != '"')
        return 0;
    const double n = rst__slide_number(v + 1);
    if (!unit)
        return n;
    for (size_t i = 0; i < sizeof units / sizeof units[0]; i++)
        if (strncmp(unit, units[i].unit, strlen(units[i].unit)) == 0)
            return n * units[i].um;
    return 0;
}

static void read_ome(rst_slide *s, const char *text)
{
    enum { TAG_MAX = 2048 };
    char tag[TAG_MAX];
    const char *pixels = strstr(text, "<Pixels"), *power = value_of(text, "NominalMagnification");
    if (power && *power == '"')
        s->info.objective = rst__slide_number(power + 1);
    if (!pixels)
        return;
    /* Only this element's attributes: the next picture's have the same names. */
    size_t n = strcspn(pixels, ">");
    if (n >= TAG_MAX)
        return;
    memcpy(tag, pixels, n);
    tag[n] = 0;
    rst__slide_offer_mpp(s, ome_length(tag, "PhysicalSizeX", "PhysicalSizeXUnit"),
                         ome_length(tag, "PhysicalSizeY", "PhysicalSizeYUnit"), "OME-XML");
}

void rst__slide_read_description(rst_slide *s, const char *text)
{
    const char *vendor = "generic-tiff";
    if (strncmp(text, "Aperio", 6) == 0) {
        vendor = "aperio";
        read_aperio(s, text);
    } else if (strstr(text, "<OME")) {
        vendor = "ome-tiff";
        read_ome(s, text);
    }
    (void)snprintf(s->vendor, sizeof s->vendor, "%s", vendor);
}
