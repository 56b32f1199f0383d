/* SPDX-License-Identifier: MIT */
/* The CPU device: opening, memory, and the table of kernels. */
#include <omp.h>
#include <pthread.h>
#include <stdio.h>
#include <sys/mman.h>

#include "backend/cpu/conv.h"
#include "backend/cpu/kernels.h"
#include "base/alloc.h"
#include "base/err.h"

typedef struct cpu_device {
    rst_cpu_dev cpu; /* first */
    char text[96];
} cpu_device;

enum { HUGE_FROM = 4 << 20, HUGE_PAGE = 2 << 20 };

/* There is no slow way to it: who asks for bf16 wants speed. */
static int check_precision(const rst__isa *isa, const rst_ctx_options *o, rst_error *err)
{
    if (o->precision != RST_PRECISION_BF16)
        return 0;
    if (o->conv == RST_CONV_DIRECT)
        return rst_fail(err, RST_EINVAL,
                        "precision bf16 is for Winograd's products: not with conv direct");
    if (!rst__isa_bf16(isa))
        return rst_fail(err, RST_EINVAL,
                        "precision bf16 needs AVX-512 BF16, which the kernels in use here (%s) or "
                        "this processor lack",
                        isa->name);
    return 0;
}

static int cpu_open(rst_dev **dev, const rst_ctx_options *o, rst_error *err)
{
    const rst__isa *isa;
    int rc = rst__isa_choose(&isa, err);
    if (rc == 0)
        rc = check_precision(isa, o, err);
    if (rc < 0)
        return rc;
    cpu_device *d = rst__calloc(1, sizeof *d);
    if (!d)
        return rst__fail_nomem(err, "backend cpu");
    rst_dev *base = &d->cpu.base;
    base->be = rst__cpu_backend();
    base->threads = o->threads > 0 ? o->threads : omp_get_max_threads();
    base->conv = o->conv;
    base->precision = o->precision;
    d->cpu.isa = isa;
    (void)snprintf(d->text, sizeof d->text, "own kernels, %s%s, %d thread%s", isa->name,
                   base->precision == RST_PRECISION_BF16 ? " with bf16" : "", base->threads,
                   base->threads == 1 ? "" : "s");
    *dev = base;
    return 0;
}

static void cpu_close(rst_dev *dev)
{
    if (!dev)
        return;
    rst__cpu_scratch_free(rst__cpu(dev));
    rst__free(dev);
}

/* Large blocks ask for huge pages: the first touch of 4 KiB pages costs more than most kernels do.
 */
static void *cpu_alloc(rst_dev *dev, size_t bytes)
{
    (void)dev;
    char *p = rst__malloc_aligned(bytes);
#ifdef MADV_HUGEPAGE
    if (p && bytes >= HUGE_FROM) {
        const uintptr_t mask = HUGE_PAGE - 1, at = (uintptr_t)p;
        const uintptr_t from = (at + mask) & ~mask, to = (at + bytes) & ~mask;
        (void)madvise(p + (from - at), to - from, MADV_HUGEPAGE); /* a wish; refusal is fine */
    }
#endif
    return p;
}

static void cpu_release(rst_dev *dev, void *p)
{
    (void)dev;
    rst__free(p);
}

static const char *cpu_describe(rst_dev *dev)
{
    return ((const cpu_device *)dev)->text;
}

/* Kernels that are not here are the reference's. */
static rst_backend table = {
    .api = RST_BACKEND_API,
    .name = "cpu",
    .dtype = RST_F32,
    .host_memory = true,
    .open = cpu_open,
    .close = cpu_close,
    .alloc = cpu_alloc,
    .release = cpu_release,
    .describe = cpu_describe,
    .fill = rst__cpu_fill,
    .axpby = rst__cpu_axpby,
    .finite = rst__cpu_finite,
    .upload = rst__cpu_upload,
    .download = rst__cpu_download,
    .block = rst__cpu_block,
    .map = rst__cpu_map,
    .map_vjp = rst__cpu_map_vjp,
    .binary = rst__cpu_binary,
    .reduce = rst__cpu_reduce,
    .reduce_max = rst__cpu_reduce_max,
    .reduce_max_vjp = rst__cpu_reduce_max_vjp,
    .expand = rst__cpu_expand,
    .conv_tile = rst__cpu_conv_tile,
    .conv_pack = rst__cpu_conv_pack,
    .packed_free = rst__cpu_packed_free,
    .conv_fwd = rst__cpu_conv_fwd,
    .conv_data = rst__cpu_conv_data,
    .conv_weights = rst__cpu_conv_weights,
    .blur = rst__cpu_blur,
    .blur_vjp = rst__cpu_blur_vjp,
    .blur_up = rst__cpu_blur_up,
    .blur_up_vjp = rst__cpu_blur_up_vjp,
    .norm_stats = rst__cpu_norm_stats,
    .norm_apply = rst__cpu_norm_apply,
    .norm_vjp = rst__cpu_norm_vjp,
    .spectral = rst__cpu_spectral,
    .spectral_vjp = rst__cpu_spectral_vjp,
    .max_pool = rst__cpu_max_pool,
    .max_pool_vjp = rst__cpu_max_pool_vjp,
    .avg_pool = rst__cpu_avg_pool,
    .avg_pool_vjp = rst__cpu_avg_pool_vjp,
    .resample = rst__cpu_resample,
    .resample_vjp = rst__cpu_resample_vjp,
    .pad = rst__cpu_pad,
    .pad_vjp = rst__cpu_pad_vjp,
    .flip_w = rst__cpu_flip_w,
    .gemm = rst__cpu_gemm,
    .gather = rst__cpu_gather,
    .gather_vjp = rst__cpu_gather_vjp,
    .l2norm = rst__cpu_l2norm,
    .l2norm_vjp = rst__cpu_l2norm_vjp,
    .nce = rst__cpu_nce,
    .nce_vjp = rst__cpu_nce_vjp,
    .adam = rst__cpu_adam,
};

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void complete(void)
{
    rst__backend_complete(&table, &rst__ref_f32);
}

const rst_backend *rst__cpu_backend(void)
{
    (void)pthread_once(&once, complete);
    return &table;
}
