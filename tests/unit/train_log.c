/* SPDX-License-Identifier: MIT */
/* A training's log: rows, cutting them when a run goes on, and event files read back by a reader
 * that shares nothing with their writer. */
#include <dirent.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>

#include "base/alloc.h"
#include "base/file.h"
#include "image/codec.h"
#include "run/tfevents.h"
#include "run/train_log.h"

static char folder[64];

static const char *in_folder(const char *name)
{
    static char path[400];
    assert_true(strlen(name) < 300);
    (void)snprintf(path, sizeof path, "%s/%.300s", folder, name);
    return path;
}

static int make_folder(void **state)
{
    (void)state;
    (void)snprintf(folder, sizeof folder, "/tmp/rst-log-XXXXXX");
    return mkdtemp(folder) ? 0 : -1;
}

/* The names of the event files, in order of making: the later ones are longer. */
static int event_files(char name[][256], int max)
{
    int n = 0;
    DIR *d = opendir(folder);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));)
        if (strstr(e->d_name, "tfevents") && n < max)
            (void)snprintf(name[n++], 256, "%s", e->d_name);
    (void)closedir(d);
    for (int i = 1; i < n; i++)
        for (int k = i; k > 0 && strcmp(name[k - 1], name[k]) > 0; k--) {
            char swap[256];
            memcpy(swap, name[k], sizeof swap);
            memcpy(name[k], name[k - 1], sizeof swap);
            memcpy(name[k - 1], swap, sizeof swap);
        }
    return n;
}

static int remove_folder(void **state)
{
    (void)state;
    static char name[256][256];
    for (int round = 0; round < 16; round++) { /* a test of every allocation makes hundreds */
        const int n = event_files(name, 256);
        for (int i = 0; i < n; i++)
            (void)unlink(in_folder(name[i]));
    }
    (void)unlink(in_folder("metrics.csv"));
    (void)unlink(in_folder("log.jsonl"));
    return rmdir(folder); /* fails if a .part file was left behind */
}

static void succeeded(int rc, const rst_error *err)
{
    if (rc < 0)
        fail_msg("%d: %s", rc, err->msg);
}

static char *text_of(const char *name, size_t *len)
{
    void *buf;
    size_t n;
    rst_error err = RST_ERROR_INIT;
    succeeded(rst__file_read(in_folder(name), 1 << 24, &buf, len ? len : &n, &err), &err);
    return buf;
}

static void write_text(const char *name, const char *text)
{
    rst_error err = RST_ERROR_INIT;
    succeeded(rst__file_write(in_folder(name), text, strlen(text), &err), &err);
}

static void is_text(const char *name, const char *want)
{
    char *got = text_of(name, NULL);
    assert_string_equal(got, want);
    rst__free(got);
}

/* The log under test --------------------------------------------------------------------------- */

static const char *const loss[] = { "G", "D" }, *const norm[] = { "net" },
                         *const score[] = { "ssim" };
static const rst_train_columns columns = {
    .losses = 2, .norms = 1, .scores = 1, .loss = loss, .norm = norm, .score = score
};

#define HEADER "step,epoch,phase,lr,G,D,grad_net,ssim,seconds,images_per_s,loader_share\n"

static rst_train_log *open_log(int64_t step)
{
    rst_train_log *log = NULL;
    rst_error err = RST_ERROR_INIT;
    succeeded(rst__train_log_open(&log, folder, &columns, step, true, &err), &err);
    return log;
}

static void close_log(rst_train_log *log)
{
    rst_error err = RST_ERROR_INIT;
    succeeded(rst__train_log_close(log, &err), &err);
}

static void add_step(rst_train_log *log, int64_t step, double g, double d)
{
    const double v[2] = { g, d }, length = 0.25 * (double)step;
    const rst_train_step s = { .step = step,
                               .epoch = 1 + step / 10,
                               .lr = 0.0002,
                               .loss = v,
                               .norm = &length,
                               .seconds = 0.5 * (double)step,
                               .images_per_s = 6.25,
                               .loader_share = 0.015 };
    rst_error err = RST_ERROR_INIT;
    succeeded(rst__train_log_step(log, &s, &err), &err);
}

static void add_eval(rst_train_log *log, int64_t step, double ssim)
{
    rst_error err = RST_ERROR_INIT;
    succeeded(rst__train_log_eval(log, step, 1 + step / 10, &ssim, &err), &err);
}

/* Lines ---------------------------------------------------------------------------------------- */

static void test_csv(void **state)
{
    (void)state;
    rst_train_log *log = open_log(0);
    is_text("metrics.csv", HEADER);
    add_step(log, 1, 4.3125, 0.1);
    is_text("metrics.csv", HEADER "1,1,train,0.0002,4.3125,0.1,0.25,,0.500,6.25,0.015\n");
    add_step(log, 2, (double)NAN, (double)INFINITY);
    add_eval(log, 2, 0.4375);
    is_text("metrics.csv", HEADER "1,1,train,0.0002,4.3125,0.1,0.25,,0.500,6.25,0.015\n"
                                  "2,1,train,0.0002,nan,inf,0.5,,1.000,6.25,0.015\n"
                                  "2,1,val,,,,,0.4375,,,\n");
    close_log(log);
}

static json_t *line_at(const char **text)
{
    rst_error err = RST_ERROR_INIT;
    const char *end = strchr(*text, '\n');
    assert_non_null(end);
    json_t *o = rst__json_parse(*text, (size_t)(end - *text), "line", &err);
    assert_non_null(o);
    assert_int_equal(json_integer_value(json_object_get(o, "schema")), 1);
    assert_true(strlen(json_string_value(json_object_get(o, "time"))) == 24);
    *text = end + 1;
    return o;
}

static void is_event(json_t *o, const char *name, int64_t step)
{
    assert_string_equal(json_string_value(json_object_get(o, "event")), name);
    assert_int_equal(json_integer_value(json_object_get(o, "step")), step);
}

static void test_jsonl(void **state)
{
    (void)state;
    rst_error err = RST_ERROR_INIT;
    rst_train_log *log = open_log(0);
    add_step(log, 7, 1.5, (double)NAN);
    add_eval(log, 7, (double)INFINITY);
    succeeded(
        rst__train_log_event(log, "checkpoint", 7, json_pack("{s:s}", "file", "a \"b\"\n"), &err),
        &err);
    succeeded(rst__train_log_sync(log, &err), &err);
    char *text = text_of("log.jsonl", NULL);
    const char *at = text;
    json_t *o = line_at(&at);
    is_event(o, "start", 0);
    json_decref(o);
    o = line_at(&at);
    is_event(o, "step", 7);
    assert_true(json_real_value(json_object_get(json_object_get(o, "loss"), "G")) == 1.5);
    assert_string_equal(json_string_value(json_object_get(json_object_get(o, "loss"), "D")), "nan");
    assert_true(json_real_value(json_object_get(json_object_get(o, "grad"), "net")) == 1.75);
    assert_true(json_real_value(json_object_get(o, "lr")) == 0.0002);
    assert_int_equal(json_integer_value(json_object_get(o, "epoch")), 1);
    json_decref(o);
    o = line_at(&at);
    is_event(o, "eval", 7);
    assert_string_equal(json_string_value(json_object_get(json_object_get(o, "score"), "ssim")),
                        "inf");
    json_decref(o);
    o = line_at(&at);
    is_event(o, "checkpoint", 7);
    assert_string_equal(json_string_value(json_object_get(o, "file")), "a \"b\"\n");
    json_decref(o);
    assert_true(*at == 0);
    rst__free(text);
    close_log(log);
}

static int lines_in(const char *name)
{
    char *text = text_of(name, NULL);
    int n = 0;
    for (const char *p = text; *p; p++)
        n += *p == '\n';
    rst__free(text);
    return n;
}

/* Killed at step 8, resumed at 5, then at 5 again, then anew. */
static void test_resume(void **state)
{
    (void)state;
    rst_train_log *log = open_log(0);
    for (int i = 1; i <= 8; i++)
        add_step(log, i, i, -i);
    add_eval(log, 8, 0.5);
    close_log(log);
    char *whole = text_of("metrics.csv", NULL);
    assert_int_equal(lines_in("metrics.csv"), 10);
    assert_int_equal(lines_in("log.jsonl"), 10);
    for (int again = 0; again < 2; again++) {
        log = open_log(5);
        assert_int_equal(lines_in("metrics.csv"), 6);
        assert_int_equal(lines_in("log.jsonl"), 7 + again); /* both resumptions are told */
        for (int i = 6; i <= 8; i++)
            add_step(log, i, i, -i);
        add_eval(log, 8, 0.5);
        close_log(log);
        is_text("metrics.csv", whole);
    }
    char name[8][256];
    assert_int_equal(event_files(name, 8), 3);
    log = open_log(0);
    is_text("metrics.csv", HEADER);
    assert_int_equal(lines_in("log.jsonl"), 1);
    close_log(log);
    rst__free(whole);
}

/* Killed after its last row of a validation, whose checkpoint says that it is still due. */
static void test_resume_before_validation(void **state)
{
    (void)state;
    rst_error err = RST_ERROR_INIT;
    rst_train_log *log = open_log(0);
    add_step(log, 1, 1, -1);
    add_eval(log, 1, 0.25);
    add_step(log, 2, 2, -2);
    close_log(log);
    log = open_log(2);
    add_eval(log, 2, 0.5);
    close_log(log);
    char *whole = text_of("metrics.csv", NULL);
    assert_int_equal(lines_in("log.jsonl"), 6);
    succeeded(rst__train_log_open(&log, folder, &columns, 2, false, &err), &err);
    assert_int_equal(lines_in("metrics.csv"), 4); /* that of step 1 stays */
    assert_int_equal(lines_in("log.jsonl"), 6);   /* in its place stands the resumption */
    add_eval(log, 2, 0.5);
    close_log(log);
    is_text("metrics.csv", whole);
    rst__free(whole);
}

static void cuts(const char *tail, const char *want)
{
    char text[400];
    (void)snprintf(text, sizeof text, HEADER "%s", tail);
    write_text("metrics.csv", text);
    close_log(open_log(50));
    (void)snprintf(text, sizeof text, HEADER "%s", want);
    is_text("metrics.csv", text);
}

static void test_damage(void **state)
{
    (void)state;
    cuts("3,1,train,1,2,3,,4,5,6\n4,1,tra", "3,1,train,1,2,3,,4,5,6\n");
    cuts("3,1,\nx\n4,1,\n", "3,1,\n");
    cuts("3,1,\n51,1,\n4,1,\n", "3,1,\n");
    cuts("3,1,\n-1,1,\n", "3,1,\n");
    cuts("3,1,\n99999999999999999999,1,\n", "3,1,\n");
    cuts("50,1,\n", "50,1,\n");
    write_text("log.jsonl", "{\"step\":4}\n{\"step\":5\n{\"step\":6}\n");
    close_log(open_log(50));
    assert_int_equal(lines_in("log.jsonl"), 2);
}

static void test_refuses(void **state)
{
    (void)state;
    static const char *const comma[] = { "G,D" }, *const empty[] = { "" },
                             *const line[] = { "a\n" };
    const char *const *const bad[] = { comma, empty, line };
    rst_error err = RST_ERROR_INIT;
    rst_train_log *log = NULL;
    for (int i = 0; i < 3; i++) {
        const rst_train_columns c = { .losses = 1, .loss = bad[i] };
        assert_int_equal(rst__train_log_open(&log, folder, &c, 0, true, &err), RST_EINVAL);
    }
    write_text("metrics.csv", "step,epoch,phase,lr,G,ssim,seconds,images_per_s,loader_share\n");
    assert_int_equal(rst__train_log_open(&log, folder, &columns, 3, true, &err), RST_EFORMAT);
    assert_non_null(strstr(err.msg, "metrics.csv: its columns"));
    assert_int_equal(rst__train_log_open(&log, in_folder("metrics.csv"), &columns, 3, true, &err),
                     RST_EOUTPUT);
    assert_null(log);
    assert_int_equal(rst__train_log_close(NULL, &err), 0);
}

/* A full disk: the row fails, the log can still be closed, and what was there is whole. */
static void test_full_disk(void **state)
{
    (void)state;
    const double v[2] = { 1, 2 };
    const rst_train_step s = { .step = 2, .epoch = 1, .loss = v, .norm = v };
    rst_error err = RST_ERROR_INIT;
    for (int n = 0; n < 3; n++) {
        rst_train_log *log = open_log(0);
        add_step(log, 1, 1, 2);
        rst__file_fail_after(-1, n);
        assert_int_equal(rst__train_log_step(log, &s, &err), RST_EOUTPUT);
        assert_non_null(strstr(err.msg, folder));
        assert_int_equal(rst__train_log_sync(log, &err), RST_EOUTPUT);
        assert_int_equal(rst__train_log_close(log, &err), RST_EOUTPUT);
        rst__file_fail_after(-1, -1);
        assert_int_equal(lines_in("metrics.csv"), n ? 3 : 2);
    }
    for (int n = 0; n < 12; n++) {
        rst_train_log *log = NULL;
        rst__file_fail_after(-1, n);
        const int rc = rst__train_log_open(&log, folder, &columns, 1, true, &err);
        rst__file_fail_after(-1, -1);
        assert_true(rc == 0 || rc == RST_EOUTPUT);
        assert_int_equal(lines_in("metrics.csv"), 2 + (n < 3));
        assert_int_equal(rst__train_log_close(log, &err), 0);
        if (rc == 0)
            return;
    }
    fail_msg("opening never succeeded");
}

static void test_no_memory(void **state)
{
    (void)state;
    rst_error err = RST_ERROR_INIT;
    const long live = rst__alloc_live();
    int rc = RST_ENOMEM;
    for (long n = 0; rc == RST_ENOMEM; n++) {
        rst_train_log *log = NULL;
        rst__alloc_fail_after(n);
        rc = rst__train_log_open(&log, folder, &columns, 0, true, &err);
        rst__alloc_fail_after(-1);
        assert_true(rc == 0 || rc == RST_ENOMEM);
        close_log(log);
        assert_int_equal(rst__alloc_live(), live);
    }
}

/* Event files ---------------------------------------------------------------------------------- */

static void test_crc(void **state)
{
    (void)state;
    const uint8_t zeros[32] = { 0 };
    assert_int_equal(rst__crc32c("123456789", 9), 0xE3069283u);
    assert_int_equal(rst__crc32c("", 0), 0);
    assert_int_equal(rst__crc32c(zeros, 32), 0x8A9136AAu); /* RFC 3720, B.4 */
}

/* Bit by bit, from the definition. */
static uint32_t slow_masked_crc(const uint8_t *p, size_t n)
{
    uint32_t c = 0xFFFFFFFFu;
    for (size_t i = 0; i < 8 * n; i++) {
        const uint32_t bit = (c ^ p[i / 8] >> i % 8) & 1;
        c = (c >> 1) ^ (bit ? 0x82F63B78u : 0);
    }
    c = ~c;
    return ((c >> 15) | (c << 17)) + 0xA282EAD8u;
}

static uint64_t little(const uint8_t *p, int n)
{
    uint64_t v = 0;
    while (n-- > 0)
        v = v << 8 | p[n];
    return v;
}

typedef struct message {
    const uint8_t *p, *end;
} message;

typedef struct field {
    int number, wire;
    uint64_t v;   /* of a number, whatever its width */
    message body; /* of a block */
} field;

static uint64_t read_varint(message *m)
{
    uint64_t v = 0;
    for (int shift = 0;; shift += 7) {
        assert_true(m->p < m->end && shift < 64);
        v |= (uint64_t)(*m->p & 0x7F) << shift;
        if (!(*m->p++ & 0x80))
            return v;
    }
}

static bool next_field(message *m, field *f)
{
    if (m->p == m->end)
        return false;
    const uint64_t key = read_varint(m);
    *f = (field){ .number = (int)(key >> 3), .wire = key & 7 };
    const int width = f->wire == 1 ? 8 : 4;
    if (f->wire == 0) {
        f->v = read_varint(m);
    } else if (f->wire == 2) {
        const uint64_t n = read_varint(m);
        assert_true(n <= (uint64_t)(m->end - m->p));
        f->body = (message){ m->p, m->p + n };
        m->p += n;
    } else {
        assert_true((f->wire == 1 || f->wire == 5) && m->end - m->p >= width);
        f->v = little(m->p, width);
        m->p += width;
    }
    return true;
}

/* The field of that number and wire type; it must be there. */
static field get(message m, int number, int wire)
{
    field f;
    while (next_field(&m, &f))
        if (f.number == number && f.wire == wire)
            return f;
    fail_msg("no field %d", number);
    return f;
}

/* The next record's message; checks both checksums. */
static bool next_record(message *file, message *event)
{
    if (file->p == file->end)
        return false;
    assert_true(file->end - file->p >= 16);
    const uint64_t n = little(file->p, 8);
    assert_true(n <= (uint64_t)(file->end - file->p) - 16);
    assert_int_equal(little(file->p + 8, 4), slow_masked_crc(file->p, 8));
    assert_int_equal(little(file->p + 12 + n, 4), slow_masked_crc(file->p + 12, n));
    *event = (message){ file->p + 12, file->p + 12 + n };
    file->p += 16 + n;
    return true;
}

static void is_block(message m, const char *want)
{
    assert_int_equal(m.end - m.p, strlen(want));
    assert_memory_equal(m.p, want, strlen(want));
}

/* Value i of an event's summary has that tag; gives its message. */
static message value_of(message event, int i, const char *tag)
{
    message summary = get(event, 5, 2).body;
    field f = { .number = 0 };
    for (int k = 0; k <= i; k++)
        assert_true(next_field(&summary, &f) && f.number == 1 && f.wire == 2);
    is_block(get(f.body, 1, 2).body, tag);
    return f.body;
}

static void is_scalar(message event, int i, const char *tag, float want)
{
    const uint32_t bits = (uint32_t)get(value_of(event, i, tag), 2, 5).v;
    float got;
    memcpy(&got, &bits, sizeof got);
    assert_true(got == want);
}

static void is_head(message *file, int64_t first_step)
{
    message event;
    assert_true(next_record(file, &event));
    is_block(get(event, 3, 2).body, "brain.Event:2");
    const uint64_t bits = get(event, 1, 1).v;
    double seconds;
    memcpy(&seconds, &bits, sizeof seconds);
    assert_true(seconds > 1.6e9 && seconds < 1e11);
    assert_true(next_record(file, &event));
    assert_int_equal(get(event, 2, 0).v, first_step);
    assert_int_equal(get(get(event, 7, 2).body, 1, 0).v, 1);
}

static void is_picture(message event, const rst_image *want)
{
    rst_error err = RST_ERROR_INIT;
    rst_image got = RST_IMAGE_INIT;
    const message image = get(value_of(event, 0, "samples"), 4, 2).body;
    assert_int_equal(get(image, 1, 0).v, want->height);
    assert_int_equal(get(image, 2, 0).v, want->width);
    assert_int_equal(get(image, 3, 0).v, 3);
    const message png = get(image, 4, 2).body;
    succeeded(rst__image_decode(png.p, (size_t)(png.end - png.p), "png", NULL, &got, &err), &err);
    assert_int_equal(got.width, want->width);
    assert_memory_equal(got.px, want->px, (size_t)(3 * want->width * want->height));
    rst_image_free(&got);
}

static void test_events(void **state)
{
    (void)state;
    rst_error err = RST_ERROR_INIT;
    rst_image img = RST_IMAGE_INIT;
    succeeded(rst_image_new(&img, 70, 30, 3, &err), &err);
    for (int i = 0; i < 70 * 30 * 3; i++)
        img.px[i] = (uint8_t)(i * i / 7);
    rst_train_log *log = open_log(0);
    add_step(log, 300, 4.25, -1e-3);
    add_eval(log, 300, 0.5);
    succeeded(rst__train_log_image(log, 300, "samples", &img, &err), &err);
    close_log(log);
    close_log(open_log(200));

    char name[4][256];
    size_t len;
    assert_int_equal(event_files(name, 4), 2);
    char *text = text_of(name[0], &len);
    message file = { (uint8_t *)text, (uint8_t *)text + len }, event;
    is_head(&file, 0);
    assert_true(next_record(&file, &event));
    assert_int_equal(get(event, 2, 0).v, 300);
    is_scalar(event, 0, "loss/G", 4.25f);
    is_scalar(event, 1, "loss/D", -1e-3f);
    is_scalar(event, 2, "grad/net", 75);
    is_scalar(event, 3, "train/lr", 2e-4f);
    is_scalar(event, 4, "train/images_per_s", 6.25f);
    is_scalar(event, 5, "train/loader_share", 0.015f);
    assert_true(next_record(&file, &event));
    is_scalar(event, 0, "val/ssim", 0.5f);
    assert_true(next_record(&file, &event));
    is_picture(event, &img);
    assert_false(next_record(&file, &event));
    rst__free(text);

    text = text_of(name[1], &len);
    file = (message){ (uint8_t *)text, (uint8_t *)text + len };
    is_head(&file, 201);
    assert_false(next_record(&file, &event));
    rst__free(text);
    rst_image_free(&img);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_folder, remove_folder)
    const struct CMUnitTest tests[] = {
        TEST(test_csv),       TEST(test_jsonl),
        TEST(test_resume),    TEST(test_resume_before_validation),
        TEST(test_damage),    TEST(test_refuses),
        TEST(test_full_disk), TEST(test_no_memory),
        TEST(test_events),    cmocka_unit_test(test_crc),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
