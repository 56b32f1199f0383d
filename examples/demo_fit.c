/* SPDX-License-Identifier: MIT */
/*
 * What ./demo runs: a colour network (StainNet's three 1x1 convolutions) is fitted to pattern-made
 * pairs of H&E and IHC tiles with restain's own tape, and a sample tile is written for it.
 *
 *     demo_fit fit FOLDER             colour.safetensors, he.png, ihc.png into FOLDER
 *     demo_fit join OUT.png A.png...  pictures of one height side by side
 *
 * The patterns are drawn from the physics of the stains (Beer-Lambert): a map of classes says how
 * much haematoxylin, eosin and DAB each pixel holds.
 */
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <restain/graph.h>
#include <restain/image.h>
#include <restain/nn.h>
#include <restain/weights.h>

enum { SIDE = 64, PAIRS = 8, STEPS = 900, SAMPLE = 384 };

typedef enum tissue { GLASS, STROMA, TUMOUR, TUMOUR_NUCLEUS, LYMPHOCYTE } tissue;

/* Optical densities of a class: in H&E haematoxylin and eosin, in IHC haematoxylin and DAB. */
static const struct {
    double he_h, he_e, ihc_h, ihc_dab;
} dye[] = {
    [GLASS] = { 0.00, 0.02, 0.00, 0.00 },      [STROMA] = { 0.08, 0.55, 0.10, 0.03 },
    [TUMOUR] = { 0.30, 0.40, 0.12, 0.85 },     [TUMOUR_NUCLEUS] = { 0.80, 0.30, 0.55, 0.45 },
    [LYMPHOCYTE] = { 1.25, 0.20, 0.90, 0.05 },
};

/* Ruifrok and Johnston's vectors: what a dye takes from red, green and blue. */
static const double haematoxylin[3] = { 0.651, 0.701, 0.290 };
static const double eosin[3] = { 0.216, 0.801, 0.558 };
static const double dab[3] = { 0.269, 0.568, 0.778 };

static unsigned noise_state = 12345;

static double noise(void)
{
    noise_state = noise_state * 1664525u + 1013904223u;
    return (double)(noise_state >> 8) / (1 << 24);
}

/* Nests of tumour in stroma, nuclei on a jittered grid, a lumen of glass. */
static tissue class_at(double x, double y, double phase)
{
    double nest = sin(x / 23 + phase) * cos(y / 19 - phase) + 0.5 * sin((x + y) / 37 + 2 * phase);
    if (sin(x / 61 - phase) * sin(y / 53 + phase) > 0.86)
        return GLASS;
    double gx = floor(x / 12), gy = floor(y / 12);
    double jx = fmod(fabs(sin(gx * 12.9898 + gy * 78.233 + phase) * 43758.5), 1) * 4 - 2;
    double jy = fmod(fabs(sin(gx * 39.346 + gy * 11.135 + phase) * 24634.6), 1) * 4 - 2;
    double dx = x - gx * 12 - 6 - jx, dy = y - gy * 12 - 6 - jy, r = sqrt(dx * dx + dy * dy);
    if (nest > 0.25)
        return r < 3.6 ? TUMOUR_NUCLEUS : TUMOUR;
    return r < 2.2 && jx > 0.5 ? LYMPHOCYTE : STROMA;
}

/* One pixel's colours, 0..1, with a little uneven staining. */
static void colours(tissue t, float he[3], float ihc[3])
{
    double k = 0.95 + 0.1 * noise();
    for (int c = 0; c < 3; c++) {
        double od_he = k * (dye[t].he_h * haematoxylin[c] + dye[t].he_e * eosin[c]);
        double od_ihc = k * (dye[t].ihc_h * haematoxylin[c] + dye[t].ihc_dab * dab[c]);
        he[c] = (float)pow(10, -od_he);
        ihc[c] = (float)pow(10, -od_ihc);
    }
}

/* A pair of tiles, interleaved RGB in [-1, 1]. */
static void draw(int side, double phase, float *he, float *ihc)
{
    for (int y = 0; y < side; y++)
        for (int x = 0; x < side; x++) {
            size_t at = 3 * ((size_t)y * (size_t)side + (size_t)x);
            colours(class_at(x, y, phase), he + at, ihc + at);
            for (int c = 0; c < 3; c++) {
                he[at + (size_t)c] = 2 * he[at + (size_t)c] - 1;
                ihc[at + (size_t)c] = 2 * ihc[at + (size_t)c] - 1;
            }
        }
}

static int report(const rst_error *err)
{
    fprintf(stderr, "demo_fit: %s\n", err->msg);
    return 1;
}

static int write_tile(const char *folder, const char *name, const float *v, rst_error *err)
{
    rst_image img = RST_IMAGE_INIT;
    char path[4096];
    int rc = rst_image_new(&img, SAMPLE, SAMPLE, 3, err);
    for (size_t i = 0; rc == 0 && i < 3u * SAMPLE * SAMPLE; i++)
        img.px[i] = (uint8_t)lrintf((v[i] + 1) / 2 * 255);
    snprintf(path, sizeof path, "%s/%s", folder, name);
    if (rc == 0)
        rc = rst_image_write(path, &img, NULL, err);
    rst_image_free(&img);
    return rc;
}

/* Fits the network: mean absolute difference, Adam, one pair a step. */
static int train(rst_ctx *c, rst_module *net, rst_adam *opt, rst_error *err)
{
    const rst_dims s = { 1, 3, SIDE, SIDE };
    static float he[PAIRS][3 * SIDE * SIDE], ihc[PAIRS][3 * SIDE * SIDE];
    for (int i = 0; i < PAIRS; i++)
        draw(SIDE, 0.7 * i + 0.3, he[i], ihc[i]);
    for (int step = 0; step < STEPS; step++) {
        int k = step % PAIRS;
        rst_begin(c);
        rst_tensor *virt = rst_module_forward(net, rst_upload(c, s, RST_NHWC, he[k]));
        rst_tensor *real = rst_upload(c, s, RST_NHWC, ihc[k]);
        rst_tensor *loss = rst_mean(rst_abs(rst_sub(virt, real)), RST_AXIS_ALL);
        rst_adam_zero_grad(opt);
        rst_backward(loss);
        double value = rst_item(loss);
        int rc = rst_end(c, err);
        if (rc == 0)
            rc = rst_adam_step(opt, step < STEPS * 2 / 3 ? 1e-2 : 1e-3, err);
        if (rc < 0)
            return rc;
        if (step % 150 == 0 || step == STEPS - 1)
            printf("  step %3d  mean absolute difference %5.1f grey levels\n", step, value * 127.5);
    }
    return 0;
}

static int save(const rst_module *net, const char *folder, rst_error *err)
{
    char path[4096];
    rst_weights *w = rst_weights_new();
    if (!w)
        return RST_ENOMEM;
    snprintf(path, sizeof path, "%s/colour.safetensors", folder);
    int rc = rst_module_store(net, w, "", err);
    if (rc == 0)
        rc = rst_weights_write_safetensors(w, path, err);
    rst_weights_free(w);
    return rc;
}

static int fit(const char *folder)
{
    static float he[3 * SAMPLE * SAMPLE], ihc[3 * SAMPLE * SAMPLE];
    rst_error err = RST_ERROR_INIT;
    rst_ctx *c = NULL;
    rst_arch arch;
    rst_module *net = NULL;
    rst_adam *opt = NULL;
    int rc = rst_ctx_new(&c, NULL, &err);
    if (rc == 0)
        rc = rst_arch_preset("stainnet", &arch, &err);
    if (rc == 0)
        rc = rst_module_new(&net, c, &arch, &err);
    if (rc == 0)
        rc = rst_module_init(net, RST_INIT_KAIMING, 1, true, 1, &err);
    if (rc == 0)
        rc = rst_adam_new(&opt, net, 0.9, 0.999, 1e-8, &err);
    if (rc == 0)
        rc = train(c, net, opt, &err);
    if (rc == 0)
        rc = save(net, folder, &err);
    draw(SAMPLE, 5.5, he, ihc);
    if (rc == 0)
        rc = write_tile(folder, "he.png", he, &err);
    if (rc == 0)
        rc = write_tile(folder, "ihc.png", ihc, &err);
    rst_adam_free(opt);
    rst_module_free(net);
    rst_ctx_free(c);
    return rc < 0 ? report(&err) : 0;
}

/* Pictures of one height, 8 white pixels between them. */
static int join(const char *out, int n, char **paths)
{
    enum { GAP = 8, MAX = 16 };
    rst_image in[MAX] = { RST_IMAGE_INIT }, all = RST_IMAGE_INIT;
    rst_error err = RST_ERROR_INIT;
    int64_t width = 0, x = 0;
    int rc = 0, read = 0;
    for (; read < n && read < MAX && rc == 0; read++) {
        rc = rst_image_read(&in[read], paths[read], NULL, &err);
        if (rc == 0)
            rc = rst_image_require_channels(&in[read], paths[read], 3, &err);
        width += in[read].width + (read ? GAP : 0);
    }
    if (rc == 0)
        rc = rst_image_new(&all, width, in[0].height, 3, &err);
    if (rc == 0)
        memset(all.px, 255, (size_t)(width * all.height * 3));
    for (int i = 0; i < read && rc == 0; x += in[i].width + GAP, i++)
        for (int64_t y = 0; y < all.height && y < in[i].height; y++)
            memcpy(all.px + (y * width + x) * 3, in[i].px + y * in[i].width * 3,
                   (size_t)in[i].width * 3);
    if (rc == 0)
        rc = rst_image_write(out, &all, NULL, &err);
    for (int i = 0; i < read; i++)
        rst_image_free(&in[i]);
    rst_image_free(&all);
    return rc < 0 ? report(&err) : 0;
}

int main(int argc, char **argv)
{
    if (argc == 3 && strcmp(argv[1], "fit") == 0)
        return fit(argv[2]);
    if (argc > 3 && strcmp(argv[1], "join") == 0)
        return join(argv[2], argc - 3, argv + 3);
    fprintf(stderr, "usage: demo_fit fit FOLDER | demo_fit join OUT.png A.png...\n");
    return 2;
}
