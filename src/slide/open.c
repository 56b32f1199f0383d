/* SPDX-License-Identifier: MIT */
/* Which reader a file gets. */
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "slide/reader.h"

typedef enum kind { KIND_OTHER, KIND_TIFF, KIND_PICTURE, KIND_DICOM } kind;

static bool starts(const uint8_t *head, size_t len, const char *magic, size_t n)
{
    return len >= n && memcmp(head, magic, n) == 0;
}

static int look(const char *path, kind *out, rst_error *err)
{
    enum { HEAD = 132 };
    uint8_t head[HEAD];
    uint64_t size;
    int rc = rst__file_size(path, &size, err);
    const size_t n = rc == 0 && size < HEAD ? (size_t)size : HEAD;
    if (rc == 0)
        rc = rst__file_read_at(path, 0, head, n, err);
    if (rc < 0)
        return rc;
    *out = KIND_OTHER;
    if (starts(head, n, "II*\0", 4) || starts(head, n, "MM\0*", 4) || starts(head, n, "II+\0", 4) ||
        starts(head, n, "MM\0+", 4))
        *out = KIND_TIFF;
    else if (starts(head, n, "\x89PNG\r\n\x1a\n", 8) || starts(head, n, "\xff\xd8\xff", 3))
        *out = KIND_PICTURE;
    else if (n == HEAD && memcmp(head + 128, "DICM", 4) == 0)
        *out = KIND_DICOM;
    return 0;
}

/* A TIFF of no vendor goes to our own reader, although OpenSlide may know it as generic: OpenSlide
 * does not see SubIFDs, believes the TIFF about colours where the JPEG stream knows better, and
 * takes five times as long. What ours refuses (JPEG 2000, say) OpenSlide may try. */
static int open_plain_tiff(rst_slide **out, const char *path, bool generic,
                           const rst_slide_options *o, rst_error *err)
{
    rst_error why = RST_ERROR_INIT;
    int rc = rst__slide_open_with(out, path, &rst__slide_tiff, o, &why);
    if (rc == RST_EFORMAT && generic &&
        rst__slide_open_with(out, path, &rst__slide_openslide, o, NULL) == 0)
        return 0;
    return rc < 0 ? rst_fail(err, rc, "%s", why.msg) : 0;
}

static int refuse(const char *path, kind k, rst_error *err)
{
    const char *version = rst__openslide_version();
    if (k == KIND_DICOM)
        return rst_fail(err, RST_EFORMAT,
                        "%s: a DICOM file; OpenSlide 4 reads DICOM slides, this "
                        "is %s",
                        path, version ? version : "built without OpenSlide");
    return rst_fail(err, RST_EFORMAT, "%s: no slide or picture of a kind that is read%s", path,
                    version ? "" : " (built without OpenSlide)");
}

int rst_slide_open(rst_slide **out, const char *path, const rst_slide_options *o, rst_error *err)
{
    static const rst_slide_backend *const readers[] = {
        [RST_SLIDE_READER_OPENSLIDE] = &rst__slide_openslide,
        [RST_SLIDE_READER_TIFF] = &rst__slide_tiff,
        [RST_SLIDE_READER_IMAGE] = &rst__slide_image,
    };
    kind k;
    int rc = look(path, &k, err);
    if (rc < 0)
        return rc;
    if (o && o->reader != RST_SLIDE_READER_AUTO) {
        if ((unsigned)o->reader >= sizeof readers / sizeof readers[0])
            return rst_fail(err, RST_EINVAL, "%s: no slide reader %d", path, (int)o->reader);
        return rst__slide_open_with(out, path, readers[o->reader], o, err);
    }
    /* Before the pictures: the file that names a Mirax slide is a JPEG. */
    const char *vendor = rst__openslide_vendor(path);
    const bool generic = vendor && strcmp(vendor, "generic-tiff") == 0;
    if (vendor && !generic)
        return rst__slide_open_with(out, path, &rst__slide_openslide, o, err);
    if (k == KIND_TIFF)
        return open_plain_tiff(out, path, generic, o, err);
    if (k == KIND_PICTURE)
        return rst__slide_open_with(out, path, &rst__slide_image, o, err);
    return refuse(path, k, err);
}
