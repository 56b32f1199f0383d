/* SPDX-License-Identifier: MIT */
#include "run/pair_scores.h"

int rst__pair_scores_add(rst_pair_scores *s, const rst_image *virt, const rst_image *real,
                         rst_error *err)
{
    double ssim, psnr;
    int rc = rst_ssim(virt, real, NULL, &ssim, err);
    if (rc == 0)
        rc = rst_psnr(virt, real, &psnr, err);
    if (rc == 0)
        rc = rst_stain_add(&s->stain, real, virt, err);
    if (rc == 0) {
        s->ssim += ssim;
        s->psnr += psnr;
    }
    return rc;
}
