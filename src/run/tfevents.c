/* SPDX-License-Identifier: MIT */
/* A file is a row of records: length, its checksum, an Event message, its checksum. Messages are
 * protocol buffers; the few kinds of field that are needed are written by hand. Field numbers are
 * those of tensorflow/core/util/event.proto and framework/summary.proto. */
#include "run/tfevents.h"

#include <string.h>
#include <time.h>

#include "base/alloc.h"
#include "base/err.h"
#include "base/file.h"
#include "base/str.h"
#include "image/codec.h"

enum { MESSAGE_MAX = 1 << 28 };

/* Of an Event, a Summary, its Value, its Image, a SessionLog. */
enum {
    EVENT_TIME = 1,
    EVENT_STEP = 2,
    EVENT_VERSION = 3,
    EVENT_SUMMARY = 5,
    EVENT_SESSION = 7,
    SUMMARY_VALUE = 1,
    VALUE_TAG = 1,
    VALUE_SIMPLE = 2,
    VALUE_IMAGE = 4,
    IMAGE_HEIGHT = 1,
    IMAGE_WIDTH = 2,
    IMAGE_CHANNELS = 3,
    IMAGE_PNG = 4,
    SESSION_STATUS = 1,
    SESSION_START = 1
};

enum { WIRE_VARINT = 0, WIRE_64 = 1, WIRE_BYTES = 2, WIRE_32 = 5 };

struct rst_tfevents {
    rst_outfile *file; /* owned */
};

/* Bytes ---------------------------------------------------------------------------------------- */

uint32_t rst__crc32c(const void *data, size_t len)
{
    uint32_t table[256], crc = 0xFFFFFFFFu;
    const uint8_t *p = data;
    for (uint32_t i = 0; i < 256; i++) {
        uint32_t c = i;
        for (int k = 0; k < 8; k++)
            c = c & 1 ? c >> 1 ^ 0x82F63B78u : c >> 1;
        table[i] = c;
    }
    for (size_t i = 0; i < len; i++)
        crc = table[(crc ^ p[i]) & 0xFF] ^ crc >> 8;
    return ~crc;
}

/* A checksum that covers data with checksums in it: rotated, and moved by a constant. */
static uint32_t masked_crc(const void *data, size_t len)
{
    const uint32_t c = rst__crc32c(data, len);
    return (c >> 15 | c << 17) + 0xA282EAD8u;
}

static void put_fixed(rst_str *b, uint64_t v, int bytes)
{
    uint8_t p[8];
    for (int i = 0; i < bytes; i++)
        p[i] = (uint8_t)(v >> 8 * i);
    rst__str_bytes(b, p, (size_t)bytes);
}

static void put_varint(rst_str *b, uint64_t v)
{
    for (; v >= 0x80; v >>= 7)
        put_fixed(b, v | 0x80, 1);
    put_fixed(b, v, 1);
}

static void put_key(rst_str *b, int field, int wire)
{
    put_varint(b, (uint64_t)(field << 3 | wire));
}

static void put_number(rst_str *b, int field, int64_t v)
{
    put_key(b, field, WIRE_VARINT);
    put_varint(b, (uint64_t)v);
}

static void put_float(rst_str *b, int field, float v)
{
    uint32_t bits;
    memcpy(&bits, &v, sizeof bits);
    put_key(b, field, WIRE_32);
    put_fixed(b, bits, 4);
}

static void put_double(rst_str *b, int field, double v)
{
    uint64_t bits;
    memcpy(&bits, &v, sizeof bits);
    put_key(b, field, WIRE_64);
    put_fixed(b, bits, 8);
}

static void put_block(rst_str *b, int field, const void *data, size_t len)
{
    put_key(b, field, WIRE_BYTES);
    put_varint(b, len);
    rst__str_bytes(b, data, len);
}

/* A message inside of another; frees it. */
static void put_message(rst_str *b, int field, rst_str *inner)
{
    put_block(b, field, inner->s ? inner->s : "", inner->len);
    b->failed = b->failed || inner->failed;
    rst__str_free(inner);
}

/* Events --------------------------------------------------------------------------------------- */

static rst_str new_event(int64_t step)
{
    rst_str e = rst__str(MESSAGE_MAX);
    struct timespec t;
    (void)clock_gettime(CLOCK_REALTIME, &t);
    put_double(&e, EVENT_TIME, (double)t.tv_sec + 1e-9 * (double)t.tv_nsec);
    put_number(&e, EVENT_STEP, step);
    return e;
}

/* Writes the record of an event; frees it. */
static int write_event(rst_tfevents *ev, rst_str *event, rst_error *err)
{
    rst_str r = rst__str(MESSAGE_MAX);
    put_fixed(&r, event->len, 8);
    if (!r.failed)
        put_fixed(&r, masked_crc(r.s, 8), 4);
    rst__str_bytes(&r, event->s, event->len);
    put_fixed(&r, masked_crc(event->s, event->len), 4);
    const bool failed = event->failed || r.failed;
    const int rc =
        failed ? rst__fail_nomem(err, "event file") : rst__outfile_write(ev->file, r.s, r.len, err);
    rst__str_free(event);
    rst__str_free(&r);
    return rc;
}

/* The format's version, then the mark that a session starts at this step. */
static int write_head(rst_tfevents *ev, int64_t first_step, rst_error *err)
{
    static const char version[] = "brain.Event:2";
    rst_str e = new_event(0), session = rst__str(MESSAGE_MAX);
    put_block(&e, EVENT_VERSION, version, sizeof version - 1);
    int rc = write_event(ev, &e, err);
    e = new_event(first_step);
    put_number(&session, SESSION_STATUS, SESSION_START);
    put_message(&e, EVENT_SESSION, &session);
    if (rc < 0) {
        rst__str_free(&e);
        return rc;
    }
    return write_event(ev, &e, err);
}

/* A name that nothing has: the clock may stand still between two runs. */
static void new_path(rst_str *path, const char *dir)
{
    const long long now = (long long)time(NULL);
    int n = 0;
    do {
        rst__str_free(path);
        rst__str_printf(path, "%s/events.out.tfevents.%010lld.restain", dir, now);
        if (n > 0)
            rst__str_printf(path, ".%d", n);
        n++;
    } while (!path->failed && rst__exists(path->s));
}

int rst__tfevents_open(rst_tfevents **out, const char *dir, int64_t first_step, rst_error *err)
{
    rst_str path = rst__str(1 << 16);
    rst_tfevents *ev = rst__calloc(1, sizeof *ev);
    new_path(&path, dir);
    int rc = !ev || path.failed ? rst__fail_nomem(err, "event file")
                                : rst__outfile_append(&ev->file, path.s, err);
    rst__str_free(&path);
    if (rc == 0)
        rc = write_head(ev, first_step, err);
    if (rc < 0) {
        (void)rst__tfevents_close(ev, NULL);
        return rc;
    }
    *out = ev;
    return 0;
}

int rst__tfevents_scalars(rst_tfevents *ev, int64_t step, int n, const char *const *tag,
                          const double *value, rst_error *err)
{
    rst_str e = new_event(step), summary = rst__str(MESSAGE_MAX);
    for (int i = 0; i < n; i++) {
        rst_str v = rst__str(MESSAGE_MAX);
        put_block(&v, VALUE_TAG, tag[i], strlen(tag[i]));
        put_float(&v, VALUE_SIMPLE, (float)value[i]);
        put_message(&summary, SUMMARY_VALUE, &v);
    }
    put_message(&e, EVENT_SUMMARY, &summary);
    return write_event(ev, &e, err);
}

int rst__tfevents_image(rst_tfevents *ev, int64_t step, const char *tag, const rst_image *img,
                        rst_error *err)
{
    rst_bytes png;
    int rc = rst__png_encode(img, tag, 6, &png, err);
    if (rc < 0)
        return rc;
    rst_str e = new_event(step), summary = rst__str(MESSAGE_MAX), v = rst__str(MESSAGE_MAX),
            picture = rst__str(MESSAGE_MAX);
    put_number(&picture, IMAGE_HEIGHT, img->height);
    put_number(&picture, IMAGE_WIDTH, img->width);
    put_number(&picture, IMAGE_CHANNELS, img->channels);
    put_block(&picture, IMAGE_PNG, png.data, png.len);
    rst__free(png.data);
    put_block(&v, VALUE_TAG, tag, strlen(tag));
    put_message(&v, VALUE_IMAGE, &picture);
    put_message(&summary, SUMMARY_VALUE, &v);
    put_message(&e, EVENT_SUMMARY, &summary);
    return write_event(ev, &e, err);
}

int rst__tfevents_sync(rst_tfevents *ev, rst_error *err)
{
    return rst__outfile_sync(ev->file, err);
}

int rst__tfevents_close(rst_tfevents *ev, rst_error *err)
{
    int rc = 0;
    if (!ev)
        return rc;
    if (ev->file)
        rc = rst__outfile_commit(ev->file, err);
    rst__free(ev);
    return rc;
}
