/* SPDX-License-Identifier: MIT */
/* That synthetic pairs are a task: colour alone tells neither where DAB is nor which level a tile
 * has. Both guesses are fitted on one half of the pairs and judged on the other. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "image/stain.h"
#include "run/synth_pairs.h"

enum { PAIRS = 96, HALF = PAIRS / 2, N = 128, AREA = N * N, LEVELS = RST_SYNTH_LEVELS, BINS = 16 };

/* All pairs' pixels, of level k % 4. */
static struct {
    uint8_t he[PAIRS][AREA * 3];
    uint8_t ihc[AREA * 3];
    float dab[PAIRS][AREA];
    uint8_t level[PAIRS][AREA];
    double separated_r; /* of DAB as the IHC's colours tell it with the truth */
} set;

/* Sums for Pearson's r. */
typedef struct moments {
    double n, a, b, aa, bb, ab;
} moments;

static void add(moments *m, double a, double b)
{
    m->n++;
    m->a += a;
    m->b += b;
    m->aa += a * a;
    m->bb += b * b;
    m->ab += a * b;
}

static double correlation(const moments *m)
{
    const double va = m->n * m->aa - m->a * m->a, vb = m->n * m->bb - m->b * m->b;
    return (m->n * m->ab - m->a * m->b) / sqrt(va * vb);
}

static int make_set(void **state)
{
    (void)state;
    const rst_stains stains = rst__stains(RST_STAINS_HDAB);
    double part[3][256];
    moments m = { .n = 0 };
    rst__stain_table(&stains, 1, 255, part);
    for (int k = 0; k < PAIRS; k++) {
        rst_synth *s;
        int64_t x, y;
        if (rst__synth_pair(&s, 21, k, k % LEVELS, N, NULL, &x, &y, NULL) < 0)
            return -1;
        const rst_synth_view v = {
            .he = set.he[k], .ihc = set.ihc, .dab = set.dab[k], .level = set.level[k]
        };
        const int rc = rst_synth_region(s, x, y, N, N, &v, NULL);
        rst_synth_free(s);
        if (rc < 0)
            return -1;
        for (int i = 0; i < AREA; i++) {
            const uint8_t *p = set.ihc + 3 * i;
            add(&m, part[0][p[0]] + part[1][p[1]] + part[2][p[2]], (double)set.dab[k][i]);
        }
    }
    set.separated_r = correlation(&m);
    return 0;
}

static void test_the_truth_is_what_the_ihc_shows(void **state)
{
    (void)state;
    assert_true(set.separated_r > 0.98);
}

static int bin(const uint8_t *rgb)
{
    return (rgb[0] * BINS / 256 * BINS + rgb[1] * BINS / 256) * BINS + rgb[2] * BINS / 256;
}

/* The best guess from a pixel's colour is the mean of what pixels of that colour had. */
static void test_a_pixels_colour_does_not_tell_dab(void **state)
{
    (void)state;
    static double sum[BINS * BINS * BINS], count[BINS * BINS * BINS];
    moments m = { .n = 0 };
    for (int k = 0; k < HALF; k++)
        for (int i = 0; i < AREA; i++) {
            const int at = bin(set.he[k] + 3 * i);
            sum[at] += (double)set.dab[k][i];
            count[at]++;
        }
    for (int k = HALF; k < PAIRS; k++)
        for (int i = 0; i < AREA; i++) {
            const int at = bin(set.he[k] + 3 * i);
            add(&m, (sum[at] + 0.1) / (count[at] + 1), (double)set.dab[k][i]);
        }
    const double r = correlation(&m);
    if (!(r < 0.45))
        fail_msg("colour predicts DAB with r = %.3f", r);
}

static void mean_colour(int k, double out[3])
{
    for (int c = 0; c < 3; c++) {
        out[c] = 0;
        for (int i = 0; i < AREA; i++)
            out[c] += set.he[k][3 * i + c] / (double)AREA;
    }
}

static double distance(const double a[3], const double b[3])
{
    double d = 0;
    for (int c = 0; c < 3; c++)
        d += (a[c] - b[c]) * (a[c] - b[c]);
    return d;
}

/* By the nearest of the levels' mean colours, and by the nearest pair. */
static void test_a_tiles_colour_does_not_tell_its_level(void **state)
{
    (void)state;
    static double colour[PAIRS][3];
    double centre[LEVELS][3] = { { 0 } };
    int by_centre = 0, by_pair = 0;
    for (int k = 0; k < PAIRS; k++)
        mean_colour(k, colour[k]);
    for (int k = 0; k < HALF; k++)
        for (int c = 0; c < 3; c++)
            centre[k % LEVELS][c] += colour[k][c] / (HALF / LEVELS);
    for (int k = HALF; k < PAIRS; k++) {
        int near = 0, pair = 0;
        for (int l = 1; l < LEVELS; l++)
            if (distance(colour[k], centre[l]) < distance(colour[k], centre[near]))
                near = l;
        for (int j = 1; j < HALF; j++)
            if (distance(colour[k], colour[j]) < distance(colour[k], colour[pair]))
                pair = j;
        by_centre += near == k % LEVELS;
        by_pair += pair % LEVELS == k % LEVELS;
    }
    if (!(by_centre < 0.4 * HALF && by_pair < 0.4 * HALF))
        fail_msg("mean colour finds the level of %d or %d of %d tiles", by_centre, by_pair, HALF);
}

/* Every pair shows tumour of its level, and no other. */
static void test_pairs_show_their_level(void **state)
{
    (void)state;
    for (int k = 0; k < PAIRS; k++) {
        int tumour = 0;
        for (int i = 0; i < AREA; i++) {
            assert_true(set.level[k][i] == k % LEVELS || set.level[k][i] == RST_SYNTH_NO_LEVEL);
            tumour += set.level[k][i] != RST_SYNTH_NO_LEVEL;
        }
        assert_true(tumour > AREA / 8);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_the_truth_is_what_the_ihc_shows),
        cmocka_unit_test(test_a_pixels_colour_does_not_tell_dab),
        cmocka_unit_test(test_a_tiles_colour_does_not_tell_its_level),
        cmocka_unit_test(test_pairs_show_their_level),
    };
    return cmocka_run_group_tests(tests, make_set, NULL);
}
