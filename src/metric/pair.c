/* SPDX-License-Identifier: MIT */
#include "metric/pair.h"

#include "base/err.h"

int rst__image_match(const rst_image *a, const rst_image *b, const char *what, rst_error *err)
{
    if (a->channels != b->channels || (a->channels != 1 && a->channels != 3))
        return rst_fail(err, RST_EINVAL,
                        "%s: needs two grey or two RGB images, not %d and %d channels", what,
                        a->channels, b->channels);
    if (a->width != b->width || a->height != b->height)
        return rst_fail(err, RST_EINVAL, "%s: images of %lldx%lld and %lldx%lld pixels", what,
                        (long long)a->width, (long long)a->height, (long long)b->width,
                        (long long)b->height);
    return 0;
}

int rst__image_pair(const rst_image *a, const rst_image *b, const char *what, rst_error *err)
{
    if (a->channels != 3 || b->channels != 3)
        return rst_fail(err, RST_EINVAL, "%s: needs RGB images, not %d and %d channels", what,
                        a->channels, b->channels);
    return rst__image_match(a, b, what, err);
}
