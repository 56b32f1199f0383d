# SPDX-License-Identifier: MIT
"""The peer of bench/evaluate.sh: SSIM, PSNR and the stain's agreement of two folders with scikit-image.

usage: skimage_peer.py REAL VIRTUAL PROCESSES

SSIM and PSNR are the calls of ASP's evaluate.py (7 x 7 windows, per channel); the stain is what
separate_stains computes with restain's vectors, in base 10, but for DAB alone and with its negative values, which
scikit-image clips: means, shares above 0.15 and Pearson's r over a pair's pixels. With one process it is the loop that people write; with more it is a pool over pairs. Prints
    seconds max_rss_kib ssim psnr dab_real dab_virtual area_real area_virtual r
where seconds do not count the imports and the largest process is the one told.
"""
import multiprocessing
import os
import resource
import sys
import time

os.environ.setdefault("OMP_NUM_THREADS", "1")

import numpy as np
from PIL import Image
from skimage.metrics import peak_signal_noise_ratio, structural_similarity

H, D = np.array([0.651, 0.701, 0.290]), np.array([0.269, 0.568, 0.778])
N = np.cross(H, D)
FROM_RGB = np.linalg.inv(np.array([H, D, N / np.linalg.norm(N)]))


def dab(rgb):
    return -np.log10(np.maximum(rgb, 1) / 255) @ FROM_RGB[:, 1]


def pair(paths):
    real, fake = (np.asarray(Image.open(p).convert("RGB")) for p in paths)
    a, b = dab(real), dab(fake)
    return (
        structural_similarity(fake, real, channel_axis=2),
        peak_signal_noise_ratio(real, fake),
        a.mean(),
        b.mean(),
        (a > 0.15).mean(),
        (b > 0.15).mean(),
        np.corrcoef(a.ravel(), b.ravel())[0, 1],
    )


def main():
    real, fake, processes = sys.argv[1], sys.argv[2], int(sys.argv[3])
    todo = [(os.path.join(real, n), os.path.join(fake, n)) for n in sorted(os.listdir(real))]
    start = time.perf_counter()
    if processes > 1:
        with multiprocessing.Pool(processes) as pool:
            rows = pool.map(pair, todo, chunksize=1)
    else:
        rows = [pair(p) for p in todo]
    seconds = time.perf_counter() - start
    rss = max(resource.getrusage(w).ru_maxrss for w in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))
    print(f"{seconds:.3f} {rss}", *(f"{v:.9f}" for v in np.mean(rows, axis=0)))


main()
