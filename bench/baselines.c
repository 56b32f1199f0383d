/* SPDX-License-Identifier: MIT */
/*
 * What colour alone can do, to hold results against (doc/results.md).
 *
 *     bench_baselines affine DATAROOT   the best affine map from H&E to IHC colours
 *     bench_baselines levels DATAROOT   guessing a tile's HER2 level from its mean H&E colour
 *     bench_baselines overlap A B DY DX OUT_A OUT_B   of two pictures, what both show
 *
 * The first two are fitted on the training pairs of a data set and tested on its validation pairs.
 * The last cuts a pair where A[y + DY, x + DX] lies on B[y, x], for recipes/real/tables.sh.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <restain/restain.h>

#include "base/err.h"
#include "data/dataset.h"
#include "data/level.h"
#include "image/crop.h"

static int die(const rst_error *err)
{
    fprintf(stderr, "bench_baselines: %s\n", err->msg);
    return 1;
}

static int read_side(const rst_dataset *d, rst_data_side side, int64_t i, rst_image *img,
                     rst_error *err)
{
    const char *path = d->list[side].item[i].path;
    int rc = rst_image_read(img, path, NULL, err);
    return rc < 0 ? rc : rst_image_require_channels(img, path, 3, err);
}

/* The affine map --------------------------------------------------------------------------------
 */

/* Normal equations of y = M (r, g, b, 1). */
typedef struct normal {
    double a[4][4], b[4][3];
} normal;

static void gather(normal *s, const rst_image *x, const rst_image *y)
{
    for (int64_t i = 0; i < x->width * x->height; i++) {
        const double v[4] = { x->px[3 * i], x->px[3 * i + 1], x->px[3 * i + 2], 1 };
        for (int r = 0; r < 4; r++) {
            for (int c = 0; c < 4; c++)
                s->a[r][c] += v[r] * v[c];
            for (int c = 0; c < 3; c++)
                s->b[r][c] += v[r] * y->px[3 * i + c];
        }
    }
}

/* Gauss-Jordan; the matrix is positive definite. The map is left in b. */
static void solve(normal *s)
{
    for (int i = 0; i < 4; i++) {
        const double pivot = s->a[i][i];
        for (int c = 0; c < 4; c++)
            s->a[i][c] /= pivot;
        for (int c = 0; c < 3; c++)
            s->b[i][c] /= pivot;
        for (int r = 0; r < 4; r++) {
            const double f = s->a[r][i];
            if (r == i)
                continue;
            for (int c = 0; c < 4; c++)
                s->a[r][c] -= f * s->a[i][c];
            for (int c = 0; c < 3; c++)
                s->b[r][c] -= f * s->b[i][c];
        }
    }
}

static void apply(const normal *s, rst_image *x)
{
    for (int64_t i = 0; i < x->width * x->height; i++) {
        const double v[4] = { x->px[3 * i], x->px[3 * i + 1], x->px[3 * i + 2], 1 };
        for (int c = 0; c < 3; c++) {
            double y = 0;
            for (int r = 0; r < 4; r++)
                y += v[r] * s->b[r][c];
            x->px[3 * i + c] = (uint8_t)lrint(y < 0 ? 0 : y > 255 ? 255 : y);
        }
    }
}

static int affine(const rst_dataset *train, const rst_dataset *val, rst_error *err)
{
    normal s = { 0 };
    double sum = 0, identity = 0;
    for (int pass = 0; pass < 2; pass++) {
        const rst_dataset *d = pass ? val : train;
        for (int64_t i = 0; i < rst__dataset_count(d); i++) {
            rst_image x = RST_IMAGE_INIT, y = RST_IMAGE_INIT;
            double db = 0, own = 0;
            int rc = read_side(d, RST_DATA_A, i, &x, err);
            if (rc == 0)
                rc = read_side(d, RST_DATA_B, i, &y, err);
            if (rc == 0 && pass == 0)
                gather(&s, &x, &y);
            if (rc == 0 && pass == 1 && (rc = rst_psnr(&x, &y, &own, err)) == 0) {
                apply(&s, &x);
                rc = rst_psnr(&x, &y, &db, err);
            }
            rst_image_free(&x);
            rst_image_free(&y);
            if (rc < 0)
                return rc;
            sum += db;
            identity += own;
        }
        if (pass == 0)
            solve(&s);
    }
    const double n = (double)rst__dataset_count(val);
    printf("PSNR on %.0f pairs: affine colour map %.3f dB, the H&E itself %.3f dB\n", n, sum / n,
           identity / n);
    return 0;
}

/* Levels by colour ------------------------------------------------------------------------------
 */

enum { LEVELS = RST_LEVELS, TILES = 4096 };

typedef struct tile {
    double rgb[3];
    int level;
} tile;

static int mean_colours(const rst_dataset *d, tile *t, int *count, rst_error *err)
{
    for (int64_t i = 0; i < rst__dataset_count(d) && *count < TILES; i++) {
        rst_image x = RST_IMAGE_INIT;
        tile one = { { 0 }, rst__level_of_name(d->list[RST_DATA_A].item[i].stem) };
        int rc = read_side(d, RST_DATA_A, i, &x, err);
        if (rc < 0)
            return rc;
        const int64_t n = x.width * x.height;
        for (int64_t k = 0; k < 3 * n; k++)
            one.rgb[k % 3] += x.px[k] / (double)n;
        rst_image_free(&x);
        if (one.level >= 0)
            t[(*count)++] = one;
    }
    return 0;
}

static double distance(const double *a, const double *b)
{
    return (a[0] - b[0]) * (a[0] - b[0]) + (a[1] - b[1]) * (a[1] - b[1]) +
           (a[2] - b[2]) * (a[2] - b[2]);
}

/* The commonest level among the k nearest. */
static int guess(const tile *t, int n, const double *rgb, int k)
{
    static bool taken[TILES];
    int votes[LEVELS] = { 0 }, best = 0;
    memset(taken, 0, sizeof taken);
    for (int j = 0; j < k && j < n; j++) {
        int nearest = -1;
        for (int i = 0; i < n; i++)
            if (!taken[i] &&
                (nearest < 0 || distance(t[i].rgb, rgb) < distance(t[nearest].rgb, rgb)))
                nearest = i;
        taken[nearest] = true;
        votes[t[nearest].level]++;
    }
    for (int i = 1; i < LEVELS; i++)
        if (votes[i] > votes[best])
            best = i;
    return best;
}

static int levels(const rst_dataset *train, const rst_dataset *val, rst_error *err)
{
    static tile known[TILES], asked[TILES];
    int n = 0, m = 0;
    int rc = mean_colours(train, known, &n, err);
    if (rc == 0)
        rc = mean_colours(val, asked, &m, err);
    if (rc < 0)
        return rc;
    for (int k = 1; k <= 15; k = 2 * k + 1) {
        int right = 0;
        for (int i = 0; i < m; i++)
            right += guess(known, n, asked[i].rgb, k) == asked[i].level;
        printf("level guessed from the mean colour, %d nearest of %d tiles: %d of %d right (%.1f "
               "%%)\n",
               k, n, right, m, 100.0 * right / (m ? m : 1));
    }
    return 0;
}

/* Where two pictures overlap --------------------------------------------------------------------
 */

static int cut(const char *in, const char *out, int64_t y, int64_t x, int64_t lost_y,
               int64_t lost_x, rst_error *err)
{
    rst_image img = RST_IMAGE_INIT, part = RST_IMAGE_INIT;
    int rc = rst_image_read(&img, in, NULL, err);
    if (rc == 0)
        rc = rst_image_require_channels(&img, in, 3, err);
    if (rc == 0 && (img.height <= lost_y || img.width <= lost_x))
        rc = rst_fail(err, RST_EINVAL, "%s: nothing is left of it", in);
    if (rc == 0)
        rc = rst__image_crop(&img, y, x, img.height - lost_y, img.width - lost_x, &part, err);
    if (rc == 0)
        rc = rst_image_write(out, &part, NULL, err);
    rst_image_free(&img);
    rst_image_free(&part);
    return rc;
}

static int overlap(char **arg, rst_error *err)
{
    const int64_t dy = strtoll(arg[2], NULL, 10), dx = strtoll(arg[3], NULL, 10);
    const int64_t down = dy > 0 ? dy : 0, right = dx > 0 ? dx : 0; /* of A's corner */
    int rc = cut(arg[0], arg[4], down, right, llabs(dy), llabs(dx), err);
    return rc < 0 ? rc : cut(arg[1], arg[5], down - dy, right - dx, llabs(dy), llabs(dx), err);
}

int main(int argc, char **argv)
{
    rst_error err = RST_ERROR_INIT;
    rst_dataset *train = NULL, *val = NULL;
    if (argc == 8 && strcmp(argv[1], "overlap") == 0)
        return overlap(argv + 2, &err) < 0 ? die(&err) : 0;
    if (argc != 3 || (strcmp(argv[1], "affine") != 0 && strcmp(argv[1], "levels") != 0)) {
        fputs("usage: see the head of bench/baselines.c\n", stderr);
        return 2;
    }
    const rst_dataset_options o = { .root = argv[2], .phase = "train" };
    rst_dataset_options v = o;
    v.phase = "val";
    int rc = rst__dataset_open(&train, &o, &err);
    if (rc == 0)
        rc = rst__dataset_open(&val, &v, &err);
    if (rc == 0)
        rc = argv[1][0] == 'a' ? affine(train, val, &err) : levels(train, val, &err);
    rst__dataset_close(train);
    rst__dataset_close(val);
    return rc < 0 ? die(&err) : 0;
}
