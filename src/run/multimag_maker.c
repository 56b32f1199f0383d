/* SPDX-License-Identifier: MIT */
#include "run/multimag_maker.h"

#include <pthread.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/log.h"
#include "base/rng.h"
#include "base/str.h"
#include "data/check.h"
#include "image/resize.h"
#include "run/multimag.h"

enum { VIEWS = RST_MULTIMAG_VIEWS, SCALES = 2, TILE = 256, TILE_MIN = 16, MAX_NAME = 1 << 16 };

const char *const rst__multimag_words[VIEWS + 1] = { "1", "2", "4", RST_DATA_NATIVE };

static const int magnification[VIEWS] = { 1, 2, 4 };

struct rst_multimag_maker {
    const rst_dataset *d;
    rst_data_side named;
    rst_model *sr[SCALES]; /* owned: x2, x4; NULL: bicubic. Under the lock */
    pthread_mutex_t lock;
    int64_t uniform, tile;
    uint64_t seed;
    bool centre;
};

/* Which super-resolver a magnification goes through. */
static int scale_at(int view)
{
    return magnification[view] == 4 ? 1 : 0;
}

/* Beginning and end -----------------------------------------------------------------------------
 */

void rst__multimag_maker_free(rst_multimag_maker *m)
{
    if (!m)
        return;
    for (int k = 0; k < SCALES; k++)
        rst_model_close(m->sr[k]);
    (void)pthread_mutex_destroy(&m->lock);
    rst__free(m);
}

/* The side of the results; all pictures are looked at before the first is made. */
static int settle_size(rst_multimag_maker *m, int64_t uniform, rst_error *err)
{
    const rst_dataset_check_options check = { 0 };
    const char *folder = m->d->list[RST_DATA_A].folder;
    rst_dataset_report r;
    int rc = rst__dataset_check(m->d, &check, &r, err);
    if (rc < 0)
        return rc;
    const bool one = r.min_w == r.max_w && r.min_h == r.max_h && r.min_w == r.min_h;
    m->uniform = uniform ? uniform : r.min_w;
    if (!uniform && !one)
        return rst_fail(err, RST_EINVAL,
                        "%s: pictures of %lld x %lld to %lld x %lld pixels; give --uniform, the "
                        "side that all are brought to",
                        folder, (long long)r.min_w, (long long)r.min_h, (long long)r.max_w,
                        (long long)r.max_h);
    if (m->uniform < 4 || m->uniform % 4 || r.min_w < 4 || r.min_h < 4)
        return rst_fail(err, RST_EINVAL,
                        "%s: --uniform %lld: it is a multiple of 4, and pictures have 4 pixels a "
                        "side or more",
                        folder, (long long)m->uniform);
    return 0;
}

static int open_resolver(rst_multimag_maker *m, int k, const char *path, const rst_ctx_options *c,
                         rst_error *err)
{
    const rst_model_options o = { .ctx = *c };
    int rc = rst_model_open(&m->sr[k], path, &o, err);
    if (rc < 0)
        return rc;
    const rst_model_info i = rst_model_describe(m->sr[k]);
    return i.arch.family == RST_NET_RRDB && i.scale == 2 << k
               ? 0
               : rst_fail(err, RST_EINVAL,
                          "%s: --sr-x%d wants a super-resolver that enlarges by %d", path, 2 << k,
                          2 << k);
}

static int open_resolvers(rst_multimag_maker *m, const rst_multimag_settings *o, rst_error *err)
{
    if (!o->sr_x2 != !o->sr_x4)
        return rst_fail(err, RST_EINVAL,
                        "--sr-x2 (magnifications 1 and 2) and --sr-x4 (4) go together");
    if (!o->sr_x2) {
        rst__log(RST_LOG_WARN, "no super-resolver (--sr-x2, --sr-x4): pictures are enlarged "
                               "bicubically, which is called mm-bicubic; results do not compare "
                               "with those of BSRGAN");
        return 0;
    }
    int rc = open_resolver(m, 0, o->sr_x2, &o->ctx, err);
    return rc < 0 ? rc : open_resolver(m, 1, o->sr_x4, &o->ctx, err);
}

int rst__multimag_maker_new(rst_multimag_maker **out, const rst_dataset *d, rst_data_side named,
                            const rst_multimag_settings *o, rst_error *err)
{
    const char *folder = d->list[RST_DATA_A].folder;
    if (d->views > 1)
        return rst_fail(err, RST_EINVAL, "%s: has several magnifications already", folder);
    if (o->tile < 0 || (o->tile > 0 && o->tile < TILE_MIN))
        return rst_fail(err, RST_EINVAL, "--sr-tile %lld: it is %d pixels or more",
                        (long long)o->tile, TILE_MIN);
    if (!d->paired)
        return rst_fail(err, RST_EINVAL,
                        "--multimag is for pairs: it does not go with --dataset-mode unaligned");
    rst_multimag_maker *m = rst__calloc(1, sizeof *m);
    if (!m)
        return rst__fail_nomem(err, folder);
    (void)pthread_mutex_init(&m->lock, NULL);
    m->d = d;
    m->named = named;
    m->tile = o->tile ? o->tile : TILE;
    m->seed = o->seed;
    m->centre = o->centre;
    int rc = settle_size(m, o->uniform, err);
    if (rc == 0)
        rc = open_resolvers(m, o, err);
    if (rc < 0) {
        rst__multimag_maker_free(m);
        return rc;
    }
    *out = m;
    return 0;
}

int64_t rst__multimag_maker_uniform(const rst_multimag_maker *m)
{
    return m->uniform;
}

int64_t rst__multimag_maker_tile(const rst_multimag_maker *m)
{
    return m->tile;
}

const char *rst__multimag_maker_resolver(const rst_multimag_maker *m)
{
    return m->sr[0] ? "mm-bsrgan" : "mm-bicubic";
}

/* Pictures --------------------------------------------------------------------------------------
 */

/* Where a crop lies: chance, but the same for both stains and in every run. */
static rst_multimag_view view_of(const rst_multimag_maker *m, const char *stem, int64_t side,
                                 int view)
{
    const int times = magnification[view];
    rst_multimag_view v = { .uniform = m->uniform, .crop = times > 1, .size = side / times };
    if (m->centre) {
        v.y = v.x = (side - v.size) / 2;
        return v;
    }
    rst_str name = rst__str(MAX_NAME);
    rst__str_printf(&name, "multimag %d %s", times, stem);
    rst_rng r = rst__rng(m->seed, name.s ? name.s : stem);
    v.y = v.crop ? rst__rng_below(&r, side - v.size + 1) : 0;
    v.x = v.crop ? rst__rng_below(&r, side - v.size + 1) : 0;
    rst__str_free(&name);
    return v;
}

int rst__multimag_make(rst_multimag_maker *m, const rst_image *img, rst_data_side side,
                       int64_t item, int view, rst_image *out, rst_error *err)
{
    const rst_multimag_view v = view_of(m, m->d->list[m->named].item[item].stem, img->width, view);
    rst_model *sr = m->sr[scale_at(view)];
    rst_image low = RST_IMAGE_INIT;
    rst_error why = RST_ERROR_INIT;
    int rc = rst__multimag_low(img, &v, 2 << scale_at(view), &low, &why);
    if (rc < 0) /* not square: what is read has a name, what is seen has none */
        return rst_fail(err, rc, "%s: %s", m->d->list[side].item[item].path, why.msg);
    if (sr) {
        (void)pthread_mutex_lock(&m->lock);
        rc = rst__multimag_resolve(sr, &low, m->tile, out, err);
        (void)pthread_mutex_unlock(&m->lock);
    } else {
        rc = rst__image_resize(&low, m->uniform, m->uniform, RST_RESIZE_BICUBIC, out, err);
    }
    rst_image_free(&low);
    return rc;
}

/* As a data set ---------------------------------------------------------------------------------
 */

int rst__multimag_spread(rst_dataset **out, const rst_multimag_maker *m, rst_error *err)
{
    return rst__dataset_spread(out, m->d, VIEWS + 1, rst__multimag_words,
                               rst__multimag_maker_resolver(m), err);
}

int rst__multimag_pick(void *maker, rst_data_side side, int64_t item, rst_image *out,
                       rst_error *err)
{
    rst_multimag_maker *m = maker;
    const int64_t pair = item / (VIEWS + 1);
    const int view = (int)(item % (VIEWS + 1));
    rst_image img = RST_IMAGE_INIT;
    int rc = rst__dataset_read(m->d, side, pair, &img, err);
    if (rc < 0)
        return rc;
    if (view == VIEWS) {
        *out = img;
        return 0;
    }
    rc = rst__multimag_make(m, &img, side, pair, view, out, err);
    rst_image_free(&img);
    return rc;
}
