/* SPDX-License-Identifier: MIT */
#include "run/inspect.h"

#include <stdio.h>
#include <string.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"
#include "base/hash.h"
#include "image/codec.h"
#include "run/identify.h"
#include "slide/reader.h"

enum { HEAD = 16, FILE_MAX = 1 << 30 };

void rst__json_set(json_t **root, const char *key, json_t *value)
{
    if (*root && json_object_set_new(*root, key, value) == 0)
        return;
    json_decref(*root);
    *root = NULL;
}

/* Names of files need not be UTF-8; JSON does. */
static json_t *plain(const char *text)
{
    char buf[512];
    rst__card_text(buf, sizeof buf, text);
    return json_string(buf);
}

/* Pictures --------------------------------------------------------------------------------------
 */

typedef int (*decoder)(const rst_decode_job *job, rst_raw_image *out, rst_error *err);

static const struct {
    const char *magic;
    size_t len;
    const char *kind;
    decoder decode;
} pictures[] = {
    { "\x89PNG\r\n\x1a\n", 8, "PNG", rst__png_decode },
    { "\xff\xd8\xff", 3, "JPEG", rst__jpeg_decode },
    { "II*\0", 4, "TIFF", rst__tiff_decode },
    { "MM\0*", 4, "TIFF", rst__tiff_decode },
    { "II+\0", 4, "BigTIFF", rst__tiff_decode },
    { "MM\0+", 4, "BigTIFF", rst__tiff_decode },
};
enum { PICTURES = sizeof pictures / sizeof pictures[0] };

static int picture_of(const char *head, size_t len)
{
    for (int i = 0; i < PICTURES; i++)
        if (len >= pictures[i].len && memcmp(head, pictures[i].magic, pictures[i].len) == 0)
            return i;
    return -1;
}

static const char *channels_text(int channels)
{
    static const char *const text[] = { "grey", "grey with alpha", "RGB", "RGB with alpha" };
    return text[channels - 1];
}

static int inspect_picture(json_t **root, const char *path, int which, rst_error *err)
{
    void *buf;
    size_t len;
    int rc = rst__file_read(path, FILE_MAX, &buf, &len, err);
    if (rc < 0)
        return rc;
    rst_decode_job job = { .data = buf, .len = len, .name = path };
    job.o.max_side = 65535;
    job.o.max_pixels = 1 << 28;
    rst_raw_image raw = { .img = RST_IMAGE_INIT };
    rc = pictures[which].decode(&job, &raw, err);
    rst__free(buf);
    if (rc < 0)
        return rc;
    rst__json_set(root, "width", json_integer(raw.img.width));
    rst__json_set(root, "height", json_integer(raw.img.height));
    rst__json_set(root, "channels", json_integer(raw.img.channels));
    rst__json_set(root, "colour", json_string(channels_text(raw.img.channels)));
    rst__json_set(root, "mpp", raw.img.mpp > 0 ? json_real(raw.img.mpp) : json_null());
    rst_image_free(&raw.img);
    return 0;
}

/* Slides
 * ------------------------------------------------------------------------------------------- */

/* *out stays NULL for what is no slide: a TIFF of one level that fits into memory is a picture, and
 * is read whole; so is one that the slide reader refuses, so that the picture's reader says why. */
static int open_slide(rst_slide **out, const char *path, int which, rst_error *err)
{
    const bool tiff = which >= 0 && pictures[which].decode == rst__tiff_decode;
    const char *vendor = rst__openslide_vendor(path);
    const bool sure = vendor && strcmp(vendor, "generic-tiff") != 0;
    const rst_slide_options o = { .gray_to_rgb = true };
    *out = NULL;
    if (!tiff && !sure)
        return 0;
    rst_slide *s = NULL;
    int rc = rst_slide_open(&s, path, &o, sure ? err : NULL);
    if (rc < 0)
        return sure ? rc : 0;
    const rst_slide_info *i = rst_slide_describe(s);
    if (!sure && i->levels == 1 && i->width * i->height <= 1 << 28)
        rst_slide_close(s);
    else
        *out = s;
    return 0;
}

/* Width, height and downsample by level. */
static json_t *list_levels(const rst_slide_info *i)
{
    json_t *all = json_object();
    for (int k = 0; k < i->levels; k++) {
        char key[16];
        const rst_slide_level *l = &i->level[k];
        (void)snprintf(key, sizeof key, "%d", k);
        rst__json_set(
            &all, key,
            json_pack("[IIf]", (json_int_t)l->width, (json_int_t)l->height, l->downsample));
    }
    return all;
}

static void describe_slide(json_t **root, const rst_slide_info *i)
{
    json_t *warnings = json_array();
    for (int k = 0; k < i->warnings; k++)
        (void)json_array_append_new(warnings, plain(i->warning[k]));
    rst__json_set(root, "kind", json_string("slide"));
    rst__json_set(root, "vendor", plain(i->vendor));
    rst__json_set(root, "reader", json_string(i->reader));
    rst__json_set(root, "width", json_integer(i->width));
    rst__json_set(root, "height", json_integer(i->height));
    rst__json_set(root, "mpp", i->mpp > 0 ? json_real(i->mpp) : json_null());
    if (i->mpp > 0)
        rst__json_set(root, "mpp_source", json_string(i->mpp_source));
    rst__json_set(root, "objective", i->objective > 0 ? json_real(i->objective) : json_null());
    rst__json_set(root, "colour_profile", json_boolean(i->icc_bytes > 0));
    rst__json_set(root, "levels", list_levels(i));
    rst__json_set(root, "warnings", warnings);
}

/* Weights ---------------------------------------------------------------------------------------
 */

static void count_tensors(json_t **root, const rst_weights *w)
{
    int64_t numbers = 0;
    json_t *types = json_object();
    for (int64_t i = 0; i < rst_weights_count(w); i++) {
        const rst_weight *t = rst_weights_get(w, i);
        const char *type = rst_weight_type_name(t->type);
        numbers += rst_weight_elements(t);
        json_int_t n = json_integer_value(json_object_get(types, type));
        rst__json_set(&types, type, json_integer(n + 1));
    }
    rst__json_set(root, "tensors", json_integer(rst_weights_count(w)));
    rst__json_set(root, "numbers", json_integer(numbers));
    rst__json_set(root, "types", types);
}

static json_t *parsed(const char *text)
{
    return json_loads(text, JSON_REJECT_DUPLICATES, NULL);
}

/* Trained numbers, where the network is known. */
static int count_parameters(json_t **root, const rst_arch *a, rst_error *err)
{
    rst_module *m;
    int rc = rst_module_new(&m, NULL, a, err);
    if (rc < 0)
        return rc;
    rst__json_set(root, "parameters", json_integer(rst_module_param_count(m)));
    rst_module_free(m);
    return 0;
}

static int describe_network(json_t **root, const rst_weights *w, const char *path, rst_error *err)
{
    rst_identity id;
    rst_error why = RST_ERROR_INIT;
    char name[32];
    int rc = rst__identify(&id, w, path, NULL, &why);
    if (rc == RST_EFORMAT && !rst_weights_meta(w, "restain")) {
        rst__json_set(root, "network", json_null()); /* tensors of something else are fine here */
        return 0;
    }
    if (rc < 0)
        return rst_fail(err, rc, "%s", why.msg);
    rst__json_set(root, "network", json_string(rst_arch_name(&id.arch, name)));
    if ((rc = count_parameters(root, &id.arch, err)) < 0)
        return rc;
    rst__json_set(root, "options", parsed(id.card.arch));
    if (*id.note)
        rst__json_set(root, "note", json_string(id.note));
    if (id.has_card)
        rst__json_set(root, "card", parsed(rst_weights_meta(w, "restain")));
    return 0;
}

static int inspect_weights(json_t **root, const char *path, rst_error *err)
{
    rst_weights *w;
    rst_weights_info info;
    int rc = rst__weights_load(&w, path, &info, err);
    if (rc < 0)
        return rc;
    rst__json_set(root, "kind", json_string(rst_weights_container_name(info.container)));
    if (*info.wrapper)
        rst__json_set(root, "inside", json_string(info.wrapper));
    count_tensors(root, w);
    rc = describe_network(root, w, path, err);
    rst_weights_free(w);
    return rc;
}

/* Both ------------------------------------------------------------------------------------------
 */

static int describe_file(json_t **root, const char *path, rst_error *err)
{
    char head[HEAD] = { 0 }, sha[65];
    uint64_t size;
    int rc = rst__file_size(path, &size, err);
    size_t len = rc == 0 && size < HEAD ? (size_t)size : HEAD;
    if (rc == 0)
        rc = rst__file_read_at(path, 0, head, len, err);
    if (rc < 0)
        return rc;
    const int which = picture_of(head, len);
    rst__json_set(root, "file", plain(path));
    rst__json_set(root, "bytes", json_integer((json_int_t)size));
    rst_slide *slide;
    if ((rc = open_slide(&slide, path, which, err)) < 0)
        return rc;
    if (slide) {
        describe_slide(root, rst_slide_describe(slide));
        rst_slide_close(slide);
    } else if (which >= 0) {
        rst__json_set(root, "kind", json_string(pictures[which].kind));
        rc = inspect_picture(root, path, which, err);
    } else {
        rc = inspect_weights(root, path, err);
    }
    if (rc == 0)
        rc = rst__sha256_file(path, sha, err);
    if (rc == 0)
        rst__json_set(root, "sha256", json_string(sha));
    return rc;
}

int rst__inspect(json_t **out, const char *path, rst_error *err)
{
    json_t *root = json_object();
    int rc = describe_file(&root, path, err);
    if (rc == 0 && !root)
        rc = rst__fail_nomem(err, path);
    if (rc < 0) {
        json_decref(root);
        return rc;
    }
    *out = root;
    return 0;
}
