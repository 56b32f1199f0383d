/* SPDX-License-Identifier: MIT */
#include "run/model.h"

#include <math.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/log.h"
#include "image/convert.h"
#include "plan/plan.h"
#include "run/identify.h"

enum { PLANS = 4, PLANS_BYTES = 1 << 30 };

/* A recording for one size; the network's weights are packed in it once more. */
typedef struct recording {
    rst_plan *plan;
    rst_dims s;
    size_t bytes;
    uint64_t used; /* the model's clock at the last use */
} recording;

struct rst_model {
    char *path; /* owned */
    rst_ctx *c;
    rst_module *net;
    rst_arch arch;
    rst_card card;
    rst_conv_mode conv; /* as it was opened */
    uint64_t seed, clock;
    size_t budget; /* bytes that recordings may keep between pictures */
    bool watch;    /* recordings give the gates after the picture */
    recording plan[PLANS];
};

static void forget(recording *r)
{
    rst__plan_free(r->plan);
    *r = (recording){ 0 };
}

void rst_model_close(rst_model *m)
{
    if (!m)
        return;
    for (int i = 0; i < PLANS; i++)
        forget(&m->plan[i]);
    rst_module_free(m->net);
    rst_ctx_free(m->c);
    rst__free(m->path);
    rst__free(m);
}

/* Opening ---------------------------------------------------------------------------------------
 */

static rst_bn_mode bn_mode(const rst_model *m, rst_model_bn wanted)
{
    if (wanted != RST_MODEL_BN_CARD)
        return wanted == RST_MODEL_BN_BATCH ? RST_BN_BATCH : RST_BN_RUNNING;
    if (*m->card.bn)
        return strcmp(m->card.bn, "running") == 0 ? RST_BN_RUNNING : RST_BN_BATCH;
    return m->arch.stats == RST_BN_RUNNING ? RST_BN_RUNNING : RST_BN_BATCH;
}

static int build(rst_model *m, const rst_weights *w, const char *path, const rst_model_options *o,
                 rst_error *err)
{
    rst_error why = RST_ERROR_INIT;
    int rc = rst_ctx_new(&m->c, &o->ctx, err);
    if (rc < 0)
        return rc;
    rc = rst_module_new(&m->net, m->c, &m->arch, &why);
    if (rc == 0)
        rc = rst_module_load(m->net, w, "", 0, &why);
    if (rc < 0)
        return rst_fail(err, rc == RST_EINVAL ? RST_EFORMAT : rc, "%s: %s", path, why.msg);
    if (o->rounding != RST_MODEL_ROUNDING_CARD)
        m->card.rounding =
            o->rounding == RST_MODEL_ROUNDING_NEAREST ? RST_ROUNDING_ROUND : RST_ROUNDING_TRUNCATE;
    rst_module_inference(m->net);
    rst_module_set_bn(m->net, bn_mode(m, o->bn));
    rst_module_set_dropout(m->net, o->dropout || m->card.dropout);
    return 0;
}

static int identify(rst_model *m, const rst_weights *w, const char *path, rst_error *err)
{
    rst_identity id;
    char name[32];
    int rc = rst__identify(&id, w, path, NULL, err);
    if (rc < 0)
        return rc;
    if (!rst__translates(&id.arch))
        return rst_fail(err, RST_EFORMAT, "%s: %s is no network that translates pictures", path,
                        rst_arch_name(&id.arch, name));
    if (*id.note)
        rst__log(RST_LOG_WARN, "%s: %s", path, id.note);
    if (!id.card.trained)
        rst__log(RST_LOG_WARN, "%s: the network is untrained, its weights are random", path);
    m->arch = id.arch;
    m->card = id.card;
    return 0;
}

int rst_model_open(rst_model **out, const char *path, const rst_model_options *o, rst_error *err)
{
    static const rst_model_options usual = { 0 };
    rst_weights *w;
    o = o ? o : &usual;
    int rc = rst__weights_load(&w, path, NULL, err);
    if (rc < 0)
        return rc;
    rst_model *m = rst__calloc(1, sizeof *m);
    if (!m || !(m->path = rst__strdup(path))) {
        rst_model_close(m);
        rst_weights_free(w);
        return rst__fail_nomem(err, path);
    }
    m->seed = o->ctx.seed;
    m->conv = o->ctx.conv;
    m->budget = PLANS_BYTES;
    rc = identify(m, w, path, err);
    if (rc == 0)
        rc = build(m, w, path, o, err);
    rst_weights_free(w);
    if (rc < 0) {
        rst_model_close(m);
        return rc;
    }
    *out = m;
    return 0;
}

rst_model_info rst_model_describe(const rst_model *m)
{
    return (rst_model_info){ .arch = m->arch,
                             .trained = m->card.trained,
                             .mpp = m->card.mpp,
                             .stride = rst_arch_stride(&m->arch),
                             .scale = rst_arch_scale(&m->arch) };
}

/* Recordings ------------------------------------------------------------------------------------
 */

static int64_t up_to(int64_t n, int64_t step)
{
    return (n + step - 1) / step * step;
}

static int forward(void *arg, rst_tensor *x, rst_tensor **out, int max)
{
    const rst_model *m = arg;
    rst_gates seen = { 0 };
    int n = 0;
    m->net->gates = m->watch ? &seen : NULL;
    out[n++] = rst_module_forward(m->net, x);
    m->net->gates = NULL;
    for (int k = 0; k < RST_GATE_LEVELS; k++)
        for (int i = 0; i < RST_GATE_KINDS && n < max; i++)
            if (seen.at[k][i])
                out[n++] = seen.at[k][i];
    return n;
}

static recording *oldest(rst_model *m)
{
    recording *r = &m->plan[0];
    for (int i = 1; i < PLANS; i++)
        if (m->plan[i].used < r->used)
            r = &m->plan[i];
    return r;
}

/* Recordings go, least used first, until those left and a new one of `more` bytes fit the budget.
 */
static void make_room(rst_model *m, size_t more)
{
    for (int left = PLANS; left > 0; left--) {
        size_t sum = more;
        recording *worst = NULL;
        for (int i = 0; i < PLANS; i++) {
            recording *r = &m->plan[i];
            sum += r->bytes;
            if (r->plan && (!worst || r->used < worst->used))
                worst = r;
        }
        if (!worst || sum <= m->budget)
            return;
        forget(worst);
    }
}

/* Gives all memory back that the next picture does not need. */
static void drop_all(rst_model *m)
{
    for (int i = 0; i < PLANS; i++)
        forget(&m->plan[i]);
    rst__pool_trim(m->c->pool);
}

/* Dropout's masks are constants of a recording: those of the seed, whatever ran before. */
static int record(rst_model *m, rst_dims s, rst_plan **out, rst_error *err)
{
    rst_module_reseed(m->net, m->seed, "translate/dropout");
    return rst__plan_new(out, m->c, s, forward, m, err);
}

static int find_plan(rst_model *m, rst_dims s, rst_plan **out, rst_error *err)
{
    m->clock++;
    for (int i = 0; i < PLANS; i++) {
        recording *r = &m->plan[i];
        if (r->plan && r->s.h == s.h && r->s.w == s.w) {
            r->used = m->clock;
            *out = r->plan;
            return 0;
        }
    }
    recording *r = oldest(m);
    forget(r);
    rst_plan *plan;
    int rc = record(m, s, &plan, err);
    if (rc == RST_ENOMEM) {
        drop_all(m);
        rc = record(m, s, &plan, err);
    }
    if (rc < 0)
        return rc;
    size_t bytes =
        rst__plan_describe(plan).arena_bytes + 4 * (size_t)rst_module_param_count(m->net);
    make_room(m, bytes); /* before the new one stands in the list: it stays whatever its size */
    *r = (recording){ plan, s, bytes, m->clock };
    *out = plan;
    return 0;
}

/* Any picture serves; one this large holds every kernel and every reflected border. */
int rst__model_write_onnx(rst_model *m, rst_onnx_about *about, const char *path, rst_error *err)
{
    enum { SIDE = 256 };
    about->stride = rst_arch_stride(&m->arch);
    const int64_t side = up_to(SIDE, about->stride);
    rst_error why = RST_ERROR_INIT;
    rst_module_reseed(m->net, m->seed, "translate/dropout");
    int rc = rst__plan_write_onnx(m->c, (rst_dims){ 1, m->arch.input_nc, side, side }, forward, m,
                                  about, path, &why);
    if (rc == RST_EINVAL)
        return rst_fail(err, rc, "%s: %s", m->path, why.msg);
    return rc < 0 ? rst_fail(err, rc, "%s", why.msg) : 0;
}

/* Pixels ----------------------------------------------------------------------------------------
 */

/* Where pixel i of a side of n comes from, once it is padded to `all` at its end. */
static int64_t source(int64_t i, int64_t n, int64_t all)
{
    if (i < n)
        return i;
    return all - n < n ? 2 * (n - 1) - i : n - 1;
}

/* BSRGAN's networks see 0..1, all others -1..1. */
static void to_floats(const rst_model *m, const uint8_t *src, int64_t n, float *dst)
{
    if (m->arch.family == RST_NET_RRDB)
        rst__unit_from_u8(src, n, dst);
    else
        rst__float_from_u8(src, n, dst);
}

static void to_bytes(const rst_model *m, const float *src, int64_t n, uint8_t *dst)
{
    if (m->arch.family == RST_NET_RRDB)
        rst__u8_from_unit(src, n, dst);
    else if (m->card.rounding == RST_ROUNDING_ROUND)
        rst__u8_from_float_rounded(src, n, dst);
    else
        rst__u8_from_float(src, n, dst);
}

static void fill_padded(const rst_model *m, const rst_image *in, rst_dims s, float *x)
{
    const int64_t c = s.c, row = s.w * c;
    for (int64_t y = 0; y < in->height; y++) {
        float *to = x + y * row;
        to_floats(m, in->px + y * in->width * c, in->width * c, to);
        for (int64_t i = in->width; i < s.w; i++)
            memcpy(to + i * c, to + source(i, in->width, s.w) * c, (size_t)c * sizeof *x);
    }
    for (int64_t y = in->height; y < s.h; y++)
        memcpy(x + y * row, x + source(y, in->height, s.h) * row, (size_t)row * sizeof *x);
}

static bool all_finite(const float *v, int64_t n)
{
    bool ok = true;
    for (int64_t i = 0; i < n; i++)
        ok &= isfinite(v[i]) != 0;
    return ok;
}

/* Translating -----------------------------------------------------------------------------------
 */

/* One picture's way through the network. */
typedef struct pass {
    rst_model *m;
    const rst_image *in;
    const char *name;
    rst_dims s, t; /* padded input, output */
    float *x, *y;  /* NHWC */
    rst_attention *seen;
} pass;

static int run(pass *p, rst_error *err)
{
    rst_plan *plan;
    rst_tensor *y[RST_PLAN_OUTPUTS] = { NULL };
    int rc = find_plan(p->m, p->s, &plan, err);
    if (rc < 0)
        return rc;
    rst_begin_nograd(p->m->c);
    rst_tensor *x = rst_upload(p->m->c, p->s, RST_NHWC, p->x);
    if (rst__plan_run(plan, x, y) == 0) {
        rst_dims s = rst_shape(y[0]);
        if (s.c == p->t.c && s.h == p->t.h && s.w == p->t.w)
            (void)rst_download(y[0], RST_NHWC, p->y); /* the scope reports */
        else
            rc = rst_fail(err, RST_EINTERNAL, "%s: the network made an image of %lld x %lld",
                          p->name, (long long)s.w, (long long)s.h);
        if (rc == 0 && p->seen)
            rc = rst__attention_take(p->seen, p->m->arch.ammfi_levels, y + 1, p->in->width,
                                     p->in->height, err);
    }
    int ended = rst_end(p->m->c, err);
    return ended < 0 ? ended : rc;
}

/* What a failure means to whoever gave the picture. */
static int explain(const pass *p, int rc, const rst_error *why, rst_error *err)
{
    if (rc == RST_ENOMEM) {
        drop_all(p->m);
        return rst_fail(err, rc,
                        "%s: out of memory for %lld x %lld pixels; smaller tiles need less",
                        p->name, (long long)p->in->width, (long long)p->in->height);
    }
    return rst_fail(err, rc == RST_EINVAL ? RST_EFORMAT : rc, "%s: %lld x %lld pixels: %s", p->name,
                    (long long)p->in->width, (long long)p->in->height, why->msg);
}

static int finish(const pass *p, rst_image *out, rst_error *err)
{
    const int scale = rst_arch_scale(&p->m->arch);
    rst_image img;
    if (!all_finite(p->y, rst__numel(p->t)))
        return rst_fail(err, RST_ENUMERIC, "%s: the network gave NaN or Inf", p->name);
    int rc = rst_image_new(&img, p->in->width * scale, p->in->height * scale, (int)p->t.c, err);
    if (rc < 0)
        return rc;
    img.mpp = p->in->mpp / scale;
    const int64_t row = img.width * img.channels;
    for (int64_t y = 0; y < img.height; y++)
        to_bytes(p->m, p->y + y * p->t.w * p->t.c, row, img.px + y * row);
    *out = img;
    return 0;
}

static void say_padding(const pass *p)
{
    if (p->s.w != p->in->width || p->s.h != p->in->height)
        rst__log(RST_LOG_INFO, "%s: %lld x %lld pixels padded to %lld x %lld and cropped back",
                 p->name, (long long)p->in->width, (long long)p->in->height, (long long)p->s.w,
                 (long long)p->s.h);
}

static int translate(rst_model *m, const rst_image *in, const char *name, rst_image *out,
                     rst_attention *seen, rst_error *err)
{
    int rc = rst_image_require_channels(in, name, m->arch.input_nc, err);
    if (rc < 0)
        return rc;
    const int64_t step = rst_arch_stride(&m->arch), scale = rst_arch_scale(&m->arch);
    pass p = { .m = m, .in = in, .name = name, .seen = seen };
    p.s = (rst_dims){ 1, m->arch.input_nc, up_to(in->height, step), up_to(in->width, step) };
    p.t = (rst_dims){ 1, m->arch.output_nc, p.s.h * scale, p.s.w * scale };
    say_padding(&p);
    p.x = rst__calloc((size_t)rst__numel(p.s), sizeof *p.x);
    p.y = rst__calloc((size_t)rst__numel(p.t), sizeof *p.y);
    rst_error why = RST_ERROR_INIT;
    if (p.x && p.y) {
        fill_padded(m, in, p.s, p.x);
        rc = run(&p, &why);
    } else {
        rc = RST_ENOMEM;
    }
    rc = rc < 0 ? explain(&p, rc, &why, err) : finish(&p, out, err);
    rst__free(p.x);
    rst__free(p.y);
    return rc;
}

/* Recordings with gates and such without do not stand in for each other. */
static void set_watch(rst_model *m, bool on)
{
    if (m->watch != on)
        drop_all(m);
    m->watch = on;
}

int rst__model_translate(rst_model *m, const rst_image *in, const char *name, rst_image *out,
                         rst_error *err)
{
    set_watch(m, false);
    return translate(m, in, name, out, NULL, err);
}

int rst__model_require_gates(const rst_model *m, rst_error *err)
{
    char net[32];
    return m->arch.family == RST_NET_AMMFI
               ? 0
               : rst_fail(err, RST_EINVAL, "--save-attention: %s is %s, which has no attention",
                          m->path, rst_arch_name(&m->arch, net));
}

int rst__model_attend(rst_model *m, const rst_image *in, const char *name, rst_image *out,
                      rst_attention *seen, rst_error *err)
{
    int rc = rst__model_require_gates(m, err);
    *seen = (rst_attention){ .count = 0 };
    if (rc < 0)
        return rc;
    set_watch(m, true);
    rc = translate(m, in, name, out, seen, err);
    if (rc < 0)
        rst__attention_free(seen);
    return rc;
}

int rst_model_translate(rst_model *m, const rst_image *in, rst_image *out, rst_error *err)
{
    return rst__model_translate(m, in, "image", out, err);
}

/* Windows of slides -----------------------------------------------------------------------------
 */

void rst__model_set_budget(rst_model *m, size_t bytes)
{
    m->budget = bytes;
}

rst_module *rst__model_net(rst_model *m)
{
    return m->net;
}

const char *rst__model_path(const rst_model *m)
{
    return m->path;
}

void rst__model_set_conv(rst_model *m, rst_conv_mode conv)
{
    rst_conv_mode *now = &m->c->dev->conv;
    if (conv == RST_CONV_AUTO)
        conv = m->conv;
    if (*now != conv)
        drop_all(m);
    *now = conv;
}

rst_conv_mode rst__model_conv(const rst_model *m)
{
    return m->c->dev->conv;
}

rst_precision rst__model_precision(const rst_model *m)
{
    return m->c->dev->precision;
}

int rst__model_set_stats(rst_model *m, rst_stats_policy policy, rst_error *err)
{
    drop_all(m);
    return rst_module_set_stats(m->net, policy, err);
}

int rst__model_load_stats(rst_model *m, const rst_weights *w, rst_error *err)
{
    drop_all(m);
    return rst_module_load_stats(m->net, w, err);
}

static rst_dims window_dims(const rst_model *m, int64_t h, int64_t w)
{
    return (rst_dims){ 1, m->arch.input_nc, h, w };
}

int rst__model_gather(rst_model *m, const uint8_t *rgb, int64_t h, int64_t w, rst_error *err)
{
    const rst_dims s = window_dims(m, h, w);
    float *x = rst__calloc((size_t)rst__numel(s), sizeof *x);
    if (!x)
        return rst__fail_nomem(err, "a window of the slide");
    to_floats(m, rgb, rst__numel(s), x);
    rst_begin_nograd(m->c);
    rst_module_reseed(m->net, m->seed, "translate/dropout");
    (void)rst_module_forward(m->net, rst_upload(m->c, s, RST_NHWC, x)); /* the scope reports */
    rst__free(x);
    return rst_end(m->c, err);
}

int rst__model_reach(rst_model *m, rst_reach *out, rst_error *err)
{
    enum { SIDE = 64 };
    const int64_t side = up_to(SIDE, rst_arch_stride(&m->arch));
    rst_plan *plan;
    int rc = find_plan(m, window_dims(m, side, side), &plan, err);
    return rc < 0 ? rc : rst__plan_reach(plan, out, err);
}

/* A recording of a window like any other, for what is in proportion to its pixels. */
static int sample(rst_model *m, rst_plan **plan, double *pixels, rst_error *err)
{
    enum { SIDE = 256 };
    const int64_t side = up_to(SIDE, rst_arch_stride(&m->arch));
    *pixels = (double)(side * side);
    return find_plan(m, window_dims(m, side, side), plan, err);
}

int rst__model_cost(rst_model *m, double *out, rst_error *err)
{
    rst_plan *plan;
    double pixels;
    int rc = sample(m, &plan, &pixels, err);
    if (rc == 0)
        *out = rst__plan_cost(plan) / pixels;
    return rc;
}

int rst__model_working_bytes(rst_model *m, int64_t h, int64_t w, size_t *out, rst_error *err)
{
    rst_plan *plan;
    double pixels;
    int rc = sample(m, &plan, &pixels, err);
    if (rc < 0)
        return rc;
    const double each = (double)rst__plan_describe(plan).arena_bytes / pixels;
    const double numbers = 4.0 * (2 * m->arch.input_nc + 2 * m->arch.output_nc);
    *out = (size_t)((each + numbers) * (double)h * (double)w) +
           8 * (size_t)rst_module_param_count(m->net);
    return 0;
}

size_t rst__model_peak_bytes(const rst_model *m)
{
    return rst_ctx_statistics(m->c).bytes_peak;
}

int rst__model_window(rst_model *m, const uint8_t *rgb, int64_t h, int64_t w, float *y,
                      rst_error *err)
{
    const rst_image in = { .width = w, .height = h, .channels = m->arch.input_nc };
    pass p = { .m = m, .in = &in, .name = "a window", .s = window_dims(m, h, w), .y = y };
    p.t = (rst_dims){ 1, m->arch.output_nc, h, w };
    p.x = rst__calloc((size_t)rst__numel(p.s), sizeof *p.x);
    if (!p.x)
        return rst__fail_nomem(err, "a window of the slide");
    to_floats(m, rgb, rst__numel(p.s), p.x);
    int rc = run(&p, err);
    rst__free(p.x);
    if (rc == 0 && !all_finite(y, rst__numel(p.t)))
        rc = rst_fail(err, RST_ENUMERIC, "the network gave NaN or Inf");
    return rc;
}

void rst__model_to_bytes(const rst_model *m, const float *y, int64_t n, uint8_t *dst)
{
    to_bytes(m, y, n, dst);
}
