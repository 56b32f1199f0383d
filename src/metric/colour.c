/* SPDX-License-Identifier: MIT */
/* What can be wrong with the colours of a virtual picture as a whole. */
#include <math.h>

#include <restain/metric.h>

#include "image/stain.h"
#include "metric/pair.h"

enum {
    GREEN = 16,
    DEPTH = 1 << 12,
    PIECE = 8192 /* pixels: 3 * 255^2 * 8192 fits 31 bits */
};

/* Margins of the verdicts: enough background to judge by; how much nearer another picture has to
 * be; how far hues may lie apart and how colourful both must be; how much green is too much. */
static const double WHITE = 255, TISSUE = 0.05, ENOUGH = 0.05, NEARER = 0.8, APART = 75,
                    COLOURFUL = 8, TOO_GREEN = 0.05;

/* Sums of whole numbers have no order. */
typedef struct side_sums {
    int64_t rgb[3], tissue[3]; /* of all pixels, of those of tissue */
    int64_t count, green;      /* pixels of tissue; of these, green ones */
} side_sums;

typedef struct pair_sums {
    side_sums side[2];
    int64_t as_is, inverted, swapped; /* squared differences */
} pair_sums;

/* A third of the optical density of each value, as whole numbers, and what makes tissue of three.
 */
typedef struct density {
    int32_t third[256], least;
} density;

static void make_density(density *d)
{
    double od[256];
    rst__density_table(WHITE, od);
    for (int i = 0; i < 256; i++)
        d->third[i] = (int32_t)lrint(od[i] / 3 * DEPTH);
    d->least = (int32_t)lrint(TISSUE * DEPTH);
}

static inline void add_pixel(side_sums *s, const density *d, const uint8_t *p)
{
    const int most = p[0] > p[2] ? p[0] : p[2];
    const int tissue = d->third[p[0]] + d->third[p[1]] + d->third[p[2]] >= d->least;
    for (int c = 0; c < 3; c++) {
        s->rgb[c] += p[c];
        s->tissue[c] += tissue ? p[c] : 0;
    }
    s->count += tissue;
    s->green += tissue & (p[1] >= most + GREEN);
}

static inline int32_t squared(int32_t a, int32_t b)
{
    return (a - b) * (a - b);
}

/* At most PIECE pixels. */
static void add_differences(pair_sums *s, const uint8_t *a, const uint8_t *b, int64_t n)
{
    int32_t as_is = 0, inverted = 0, swapped = 0;
    for (int64_t i = 0; i < 3 * n; i++) {
        as_is += squared(a[i], b[i]);
        inverted += squared(a[i], 255 - b[i]);
    }
    for (int64_t i = 0; i < 3 * n; i += 3)
        swapped += squared(a[i], b[i + 2]) + squared(a[i + 1], b[i + 1]) + squared(a[i + 2], b[i]);
    s->as_is += as_is;
    s->inverted += inverted;
    s->swapped += swapped;
}

static void add_pixels(side_sums *s, const density *d, const uint8_t *p, int64_t n)
{
    for (int64_t i = 0; i < n; i++)
        add_pixel(s, d, p + 3 * i);
}

/* The hue circle: red at 0, green at 120, blue at 240 degrees. */
static rst_colour_side side_of(const side_sums *s, double pixels)
{
    rst_colour_side out = { .hue = (double)NAN };
    const double tissue = (double)s->count;
    for (int c = 0; c < 3; c++)
        out.rgb[c] = (double)s->rgb[c] / pixels;
    out.background = 1 - tissue / pixels;
    if (s->count == 0)
        return out;
    const double r = (double)s->tissue[0] / tissue, g = (double)s->tissue[1] / tissue,
                 b = (double)s->tissue[2] / tissue;
    const double x = r - (g + b) / 2, y = sqrt(3) / 2 * (g - b);
    out.chroma = hypot(x, y);
    out.green = (double)s->green / tissue;
    if (out.chroma > 0)
        out.hue = fmod(atan2(y, x) * 180 / acos(-1) + 360, 360);
    return out;
}

static bool hues_differ(const rst_colour_side *a, const rst_colour_side *b)
{
    const double apart = fabs(remainder(a->hue - b->hue, 360));
    return (a->chroma >= COLOURFUL && b->chroma >= COLOURFUL && apart > APART) ||
           b->green > a->green + TOO_GREEN;
}

static unsigned verdict(const rst_colour_agreement *c)
{
    const double real = c->real.background, fake = c->fake.background;
    return (unsigned)(real >= ENOUGH && fake < real / 2) << RST_COLOUR_PAINTED |
           (unsigned)(fake >= ENOUGH && real < fake / 2) << RST_COLOUR_ERASED |
           (unsigned)(c->mse_inverted < NEARER * c->mse) << RST_COLOUR_INVERTED |
           (unsigned)(c->mse_swapped < NEARER * c->mse) << RST_COLOUR_SWAPPED |
           (unsigned)hues_differ(&c->real, &c->fake) << RST_COLOUR_HUE;
}

int rst_colour_compare(const rst_image *real, const rst_image *fake, rst_colour_agreement *out,
                       rst_error *err)
{
    const int rc = rst__image_pair(real, fake, "colours", err);
    if (rc < 0)
        return rc;
    const int64_t n = real->width * real->height;
    const double pixels = (double)n;
    pair_sums s = { .as_is = 0 };
    density d;
    make_density(&d);
    for (int64_t at = 0; at < n; at += PIECE) {
        const int64_t piece = n - at < PIECE ? n - at : PIECE;
        add_differences(&s, real->px + 3 * at, fake->px + 3 * at, piece);
        add_pixels(&s.side[0], &d, real->px + 3 * at, piece);
        add_pixels(&s.side[1], &d, fake->px + 3 * at, piece);
    }
    *out = (rst_colour_agreement){ .real = side_of(&s.side[0], pixels),
                                   .fake = side_of(&s.side[1], pixels),
                                   .mse = (double)s.as_is / (3 * pixels),
                                   .mse_inverted = (double)s.inverted / (3 * pixels),
                                   .mse_swapped = (double)s.swapped / (3 * pixels) };
    out->odd = verdict(out);
    return 0;
}

const char *rst_colour_check_name(rst_colour_check c)
{
    static const char *const name[RST_COLOUR_CHECKS] = { "painted background", "erased tissue",
                                                         "inverted colours",
                                                         "red and blue exchanged", "odd hue" };
    return (unsigned)c < RST_COLOUR_CHECKS ? name[c] : "";
}
