/* SPDX-License-Identifier: MIT */
/* What conv.c composes: Winograd and direct convolution, and where their results go. */
#ifndef RST_CPU_CONV_PARTS_H
#define RST_CPU_CONV_PARTS_H

#include <omp.h>

#include "backend/cpu/cpu.h"

/** Outputs per side of a Winograd tile. */
enum { RST_WINO_TILE = 4 };

/** Row (or column) i of a padded image as one of the n stored ones; -1: it is a zero. */
static inline int64_t rst__pad_index(rst_pad_mode mode, int64_t i, int64_t n)
{
    if (i >= 0 && i < n)
        return i;
    if (mode == RST_PAD_ZERO)
        return -1;
    int64_t j = mode == RST_PAD_EDGE ? (i < 0 ? 0 : n - 1) : i < 0 ? -i : 2 * n - 2 - i;
    return j >= 0 && j < n ? j : -1;
}

/** Pixels of an image and, for the gradient of a padded one, of the border around it. */
typedef struct rst__frame {
    float *y;
    int64_t n, h, w, c;
    rst_pads pad; /* width of the border */
    float *ring;  /* the border: ring_size floats an image; NULL: there is none */
    int64_t ring_size;
} rst__frame;

/** Pixel (py,px) in coordinates whose origin is the border's corner; NULL outside. */
float *rst__frame_at(const rst__frame *f, int64_t n, int64_t py, int64_t px);
/** The frame of dx for geometry g; the ring, zeroed, lies in RST_SLOT_BORDER unless mode is zero.
 */
int rst__frame_open(rst_cpu_dev *dev, const rst_conv *g, float *dx, rst__frame *f);
/** Adds the border's pixels to those they were copied from. */
void rst__frame_fold(const rst_cpu_dev *dev, const rst__frame *f, rst_pad_mode mode);

/** One strided image seen through a padding, as a convolution reads it. */
typedef struct rst__source {
    const float *x;
    int64_t n, h, w, c;
    int64_t top, left; /* tap (0,0) of output (0,0) reads pixel (-top,-left) */
    rst_pad_mode mode;
} rst__source;

/** Panels of nr columns that k columns need. */
static inline int64_t rst__panels(const rst__isa *isa, int64_t k)
{
    return (k + isa->nr - 1) / isa->nr;
}

/** Columns of panel p, of k in all. */
static inline int rst__panel_width(const rst__isa *isa, int64_t k, int64_t p)
{
    int64_t left = k - p * isa->nr;
    return (int)(left < isa->nr ? left : isa->nr);
}

/** Threads worth starting for this many multiply-adds. */
static inline int rst__cpu_threads(const rst_cpu_dev *dev, double macs)
{
    return macs < 2e5 ? 1 : dev->base.threads;
}

/** Reduction length that keeps a panel of B in the first cache. */
#define RST_KC 256

/* --- Winograd F(4x4,3x3) --- */

bool rst__wino_fits(const rst_conv *g);
size_t rst__wino_packed_bytes(const rst_cpu_dev *dev, const rst_conv *g, bool data);
void rst__wino_pack(const rst_cpu_dev *dev, const rst_conv *g, bool data, const float *w, float *u);
/** out (+)= 3x3 convolution of s, or with `data` its gradient; u: weights packed for that; the grid
 * of tiles starts at out's corner. */
int rst__wino_run(rst_cpu_dev *dev, const rst__source *s, bool data, const float *u,
                  const rst__frame *out, bool add, const rst__epi *epi);
int rst__wino_dw(rst_cpu_dev *dev, const rst_conv *g, const float *x, const float *dy, float *dw,
                 bool add);

/* --- direct --- */

size_t rst__direct_packed_bytes(const rst_cpu_dev *dev, const rst_conv *g, bool data);
void rst__direct_pack(const rst_cpu_dev *dev, const rst_conv *g, bool data, const float *w,
                      float *p);
int rst__direct_fwd(rst_cpu_dev *dev, const rst_conv *g, const float *x, const float *panels,
                    const rst__epi *epi, float *y);
int rst__direct_data(rst_cpu_dev *dev, const rst_conv *g, const float *panels, const float *dy,
                     const rst__frame *dx, bool add);
int rst__direct_dw(rst_cpu_dev *dev, const rst_conv *g, const float *x, const float *dy, float *dw,
                   bool add);

#endif
