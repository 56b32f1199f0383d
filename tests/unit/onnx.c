/* SPDX-License-Identifier: MIT */
/* Networks as ONNX graphs: the file read back field by field. That its numbers are right is what
 * tests/cli/long_onnx.sh shows with ONNX Runtime. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <restain/model.h>

#include "base/alloc.h"
#include "base/file.h"
#include "plan/onnx.h"
#include "support/tree.h"

/* The wire format, read ---------------------------------------------------------------------------
 */

typedef struct field {
    int number, kind; /* 0: an integer, 2: bytes, 5: four bytes */
    uint64_t value;
    const uint8_t *data;
    size_t len;
} field;

typedef struct cursor {
    const uint8_t *at, *end;
} cursor;

static uint64_t varint(cursor *c)
{
    uint64_t v = 0;
    for (int shift = 0; shift < 64; shift += 7) {
        assert_true(c->at < c->end);
        v |= (uint64_t)(*c->at & 0x7f) << shift;
        if (!(*c->at++ & 0x80))
            return v;
    }
    fail_msg("a varint of more than ten bytes");
    return 0;
}

static bool next(cursor *c, field *f)
{
    if (c->at == c->end)
        return false;
    const uint64_t tag = varint(c);
    *f = (field){ .number = (int)(tag >> 3), .kind = (int)(tag & 7) };
    if (f->kind == 0) {
        f->value = varint(c);
        return true;
    }
    assert_true(f->kind == 2 || f->kind == 5);
    f->len = f->kind == 5 ? 4 : varint(c);
    assert_true(f->len <= (size_t)(c->end - c->at));
    f->data = c->at;
    c->at += f->len;
    return true;
}

static cursor inside(const field *f)
{
    return (cursor){ f->data, f->data + f->len };
}

static bool text_is(const field *f, const char *text)
{
    return f->len == strlen(text) && memcmp(f->data, text, f->len) == 0;
}

/* A graph, counted and checked
 * ---------------------------------------------------------------------
 */

enum { NAMES = 2048 };

typedef struct graph {
    field name[NAMES]; /* values that are there by now */
    int names, nodes, convs, transposed, norms, constants;
    int64_t floats; /* in constants */
    field in, out;
    bool made_out;
} graph;

static void learn(graph *g, const field *name)
{
    assert_true(g->names < NAMES);
    g->name[g->names++] = *name;
}

static bool knows(const graph *g, const field *name)
{
    for (int i = 0; i < g->names; i++)
        if (g->name[i].len == name->len && memcmp(g->name[i].data, name->data, name->len) == 0)
            return true;
    return name->len == 0; /* an input left out */
}

static void read_constant(graph *g, const field *tensor)
{
    cursor c = inside(tensor);
    field f, raw = { 0 }, name = { 0 };
    int64_t count = 1;
    uint64_t type = 0;
    while (next(&c, &f)) {
        if (f.number == 1)
            count *= (int64_t)f.value;
        else if (f.number == 2)
            type = f.value;
        else if (f.number == 8)
            name = f;
        else if (f.number == 9)
            raw = f;
    }
    assert_true(type == 1 || type == 7);
    assert_int_equal(raw.len, count * (type == 1 ? 4 : 8));
    assert_false(knows(g, &name));
    learn(g, &name);
    g->constants++;
    g->floats += type == 1 ? count : 0;
}

static void read_node(graph *g, const field *node)
{
    cursor c = inside(node);
    field f, out = { 0 }, op = { 0 };
    while (next(&c, &f)) {
        if (f.number == 1)
            assert_true(knows(g, &f)); /* in the order of computing */
        else if (f.number == 2)
            out = f;
        else if (f.number == 4)
            op = f;
    }
    assert_false(knows(g, &out));
    learn(g, &out);
    g->made_out = text_is(&out, "output");
    g->nodes++;
    g->convs += text_is(&op, "Conv");
    g->transposed += text_is(&op, "ConvTranspose");
    g->norms += text_is(&op, "InstanceNormalization");
}

static field part(field of, int number)
{
    cursor c = inside(&of);
    field f;
    while (next(&c, &f))
        if (f.number == number)
            return f;
    fail_msg("no field %d", number);
    return of;
}

/* A side of an input or output: its size, or 0 where it is free. */
static int64_t side(field value, int i)
{
    const field shape = part(part(part(value, 2), 1), 2);
    cursor c = inside(&shape);
    field dim;
    for (int k = 0; k <= i; k++)
        assert_true(next(&c, &dim));
    c = inside(&dim);
    assert_true(next(&c, &dim));
    return dim.number == 1 ? (int64_t)dim.value : 0;
}

static void read_graph(graph *g, field whole)
{
    cursor c = inside(&whole);
    field f;
    while (next(&c, &f)) {
        if (f.number == 11)
            g->in = f;
        if (f.number == 12)
            g->out = f;
        if (f.number == 5)
            read_constant(g, &f);
    }
    const field name = part(g->in, 1);
    assert_true(text_is(&name, "input"));
    learn(g, &name);
    c = inside(&whole);
    while (next(&c, &f))
        if (f.number == 1)
            read_node(g, &f);
    assert_true(g->made_out);
}

static void read_file(graph *g, const char *path, void **owned)
{
    size_t len;
    rst_error err = RST_ERROR_INIT;
    memset(g, 0, sizeof *g);
    if (rst__file_read(path, 1 << 30, owned, &len, &err) < 0)
        fail_msg("%s", err.msg);
    const field whole = { .data = *owned, .len = len };
    assert_int_equal(part(whole, 1).value, 8);
    read_graph(g, part(whole, 7));
}

/* Cases -------------------------------------------------------------------------------------------
 */

static graph g; /* large */

static void export(const char *net, int ngf, void **owned)
{
    rst_arch a;
    rst_error err = RST_ERROR_INIT;
    const rst_init_options init = { .kind = RST_INIT_XAVIER, .gain = 1, .seed = 1 };
    if (rst_arch_preset(net, &a, &err) < 0)
        fail_msg("%s", err.msg);
    a.width = ngf;
    if (rst_model_init(tree_path("n.safetensors"), &a, &init, &err) < 0 ||
        rst_model_convert(tree_path("n.safetensors"), tree_path("n.onnx"), NULL, NULL, &err) < 0)
        fail_msg("%s", err.msg);
    read_file(&g, tree_path("n.onnx"), owned);
}

/* Stem, two down, six blocks of two, two up, the last; four filters of the antialiasing, of which
 * two spread. */
static void a_generator(void **state)
{
    void *owned;
    (void)state;
    export("resnet_6blocks", 4, &owned);
    assert_int_equal(g.convs, 1 + 2 + 12 + 2 + 1 + 2);
    assert_int_equal(g.transposed, 2);
    assert_int_equal(g.norms, 1 + 2 + 12 + 2);
    for (int i = 0; i < 4; i++)
        assert_int_equal(side(g.in, i), i == 1 ? 3 : 0);
    assert_int_equal(side(g.out, 1), 3);
    rst__free(owned);
}

static int of_the_batch(void *arg, rst_tensor *x, rst_tensor **out, int max)
{
    (void)arg, (void)max;
    out[0] = rst_batch_norm(x, NULL, NULL, NULL, NULL, RST_BN_BATCH, 0, 1e-5);
    return 1;
}

static int first_rows(void *arg, rst_tensor *x, rst_tensor **out, int max)
{
    (void)arg, (void)max;
    out[0] = rst_slice(rst_square(x), RST_AXIS_H, 0, x ? rst_shape(x).h / 2 : 1);
    return 1;
}

static int mirrored(void *arg, rst_tensor *x, rst_tensor **out, int max)
{
    (void)arg, (void)max;
    out[0] = rst_flip_w(x);
    return 1;
}

/* A graph that another size would change is one of this size; statistics of a batch are one
 * picture's. */
static void what_depends_on_the_size(void **state)
{
    (void)state;
    rst_ctx *c;
    void *owned;
    rst_error err = RST_ERROR_INIT;
    const rst_onnx_about about = { .name = "n", .text = "", .stride = 4 };
    const rst_dims s = { 1, 3, 8, 12 };
    assert_int_equal(rst_ctx_new(&c, NULL, &err), 0);
    if (rst__plan_write_onnx(c, s, first_rows, NULL, &about, tree_path("s.onnx"), &err) < 0)
        fail_msg("%s", err.msg);
    read_file(&g, tree_path("s.onnx"), &owned);
    assert_int_equal(side(g.in, 0), 0);
    assert_int_equal(side(g.in, 2), 8);
    assert_int_equal(side(g.in, 3), 12);
    assert_int_equal(side(g.out, 2), 4);
    rst__free(owned);
    if (rst__plan_write_onnx(c, s, of_the_batch, NULL, &about, tree_path("b.onnx"), &err) < 0)
        fail_msg("%s", err.msg);
    read_file(&g, tree_path("b.onnx"), &owned);
    assert_int_equal(side(g.in, 0), 1);
    assert_int_equal(side(g.in, 2), 0);
    rst__free(owned);
    assert_int_equal(rst__plan_write_onnx(c, s, mirrored, NULL, &about, tree_path("m.onnx"), &err),
                     RST_EINVAL);
    assert_non_null(strstr(err.msg, "flip_w has no form in ONNX"));
    assert_false(rst__exists(tree_path("m.onnx")));
    rst_ctx_free(c);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_generator),
        cmocka_unit_test(what_depends_on_the_size),
    };
    return cmocka_run_group_tests(tests, tree_setup, tree_teardown);
}
