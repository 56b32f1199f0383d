/* SPDX-License-Identifier: MIT */
/* The opcodes of a pickle: a stack machine, one small function an opcode. */
#include "model/pickle.h"

#include <string.h>

#include "base/alloc.h"
#include "base/err.h"

typedef struct machine {
    rst_pickle *pk;
    const unsigned char *buf;
    size_t len, at;
    unsigned char op; /* the opcode at work */
    bool stopped;
    rst_pk_value *stack; /* owned, like memo */
    size_t depth, stack_cap;
    size_t mark[RST_PK_MARK_MAX]; /* the depth at each mark */
    int marks;
    rst_pk_value *memo;
    size_t memo_cap, memo_count;
    const char *name;
    rst_error *err;
} machine;

/* why: a reason from the builder; "" means that memory is gone. */
static int refuse(machine *m, const char *why)
{
    if (!*why)
        return rst__fail_nomem(m->err, m->name);
    return rst_fail(m->err, RST_EFORMAT, "%s: pickle byte %zu: %s", m->name, m->at, why);
}

static int done(machine *m, const char *why)
{
    return why ? refuse(m, why) : 0;
}

/* The next n bytes, or NULL (the error is set). */
static const unsigned char *take(machine *m, size_t n)
{
    if (n > m->len - m->at) {
        refuse(m, "the data end inside an opcode");
        return NULL;
    }
    m->at += n;
    return m->buf + m->at - n;
}

/* An unsigned little-endian number of n <= 8 bytes. */
static bool take_uint(machine *m, size_t n, uint64_t *out)
{
    const unsigned char *p = take(m, n);
    *out = 0;
    for (size_t i = 0; p && i < n; i++)
        *out |= (uint64_t)p[i] << 8 * i;
    return p;
}

static int push(machine *m, rst_pk_value v)
{
    if (m->depth >= RST_PK_STACK_MAX)
        return refuse(m, "the stack is over 1 M values");
    const char *why =
        rst__pk_reserve(m->pk, &m->stack, &m->stack_cap, m->depth + 1, sizeof *m->stack);
    if (why)
        return refuse(m, why);
    m->stack[m->depth++] = v;
    return 0;
}

static int push_int(machine *m, int64_t i)
{
    return push(m, (rst_pk_value){ .kind = RST_PK_INT, .i = i });
}

/* The n values on top, above the last mark; NULL (the error is set) if there are fewer. */
static rst_pk_value *top(machine *m, size_t n)
{
    size_t floor = m->marks ? m->mark[m->marks - 1] : 0;
    if (m->depth - floor < n) {
        refuse(m, "too few values on the stack");
        return NULL;
    }
    return m->stack + m->depth - n;
}

/* Takes the last mark off; *n is the number of values above it. */
static rst_pk_value *pop_mark(machine *m, size_t *n)
{
    if (!m->marks) {
        refuse(m, "no mark on the stack");
        return NULL;
    }
    size_t floor = m->mark[--m->marks];
    *n = m->depth - floor;
    /* Never NULL, so that NULL is the error alone. */
    static rst_pk_value none;
    return m->stack ? m->stack + floor : &none;
}

static int op_proto(machine *m)
{
    uint64_t version;
    if (!take_uint(m, 1, &version))
        return RST_EFORMAT;
    return version <= 5 ? 0 : refuse(m, "an unknown protocol");
}

static int op_frame(machine *m)
{
    uint64_t n;
    if (!take_uint(m, 8, &n))
        return RST_EFORMAT;
    return n <= m->len - m->at ? 0 : refuse(m, "a frame past the end");
}

static int op_stop(machine *m)
{
    if (m->depth != 1 || m->marks)
        return refuse(m, "the stack does not hold one value at the end");
    m->pk->root = m->stack[0];
    m->stopped = true;
    return 0;
}

static int op_mark(machine *m)
{
    if (m->marks >= RST_PK_MARK_MAX)
        return refuse(m, "more than 256 marks");
    m->mark[m->marks++] = m->depth;
    return 0;
}

static int op_pop(machine *m)
{
    if (m->marks && m->mark[m->marks - 1] == m->depth) {
        m->marks--;
        return 0;
    }
    if (!top(m, 1))
        return RST_EFORMAT;
    m->depth--;
    return 0;
}

static int op_dup(machine *m)
{
    const rst_pk_value *v = top(m, 1);
    return v ? push(m, *v) : RST_EFORMAT;
}

static int op_constant(machine *m)
{
    if (m->op == 'N')
        return push(m, (rst_pk_value){ .kind = RST_PK_NONE });
    return push(m, (rst_pk_value){ .kind = RST_PK_BOOL, .i = m->op == 0x88 });
}

static int op_int(machine *m)
{
    uint64_t v;
    if (!take_uint(m, m->op == 'K' ? 1 : m->op == 'M' ? 2 : 4, &v))
        return RST_EFORMAT;
    return push_int(m, m->op == 'J' ? (int32_t)(uint32_t)v : (int64_t)v);
}

static int op_long(machine *m)
{
    uint64_t n;
    if (!take_uint(m, 1, &n))
        return RST_EFORMAT;
    const unsigned char *p = take(m, (size_t)n);
    if (!p)
        return RST_EFORMAT;
    if (n > 8)
        return push(
            m, (rst_pk_value){ .kind = RST_PK_LONG, .len = (uint32_t)n, .s = (const char *)p });
    uint64_t v = n && p[n - 1] & 0x80 ? ~(uint64_t)0 : 0;
    for (size_t i = (size_t)n; i-- > 0;)
        v = v << 8 | p[i];
    return push_int(m, (int64_t)v);
}

static int op_float(machine *m)
{
    const unsigned char *p = take(m, 8);
    uint64_t bits = 0;
    if (!p)
        return RST_EFORMAT;
    for (int i = 0; i < 8; i++)
        bits = bits << 8 | p[i];
    rst_pk_value v = { .kind = RST_PK_FLOAT };
    memcpy(&v.f, &bits, sizeof v.f);
    return push(m, v);
}

static int op_string(machine *m)
{
    bool is_short = m->op == 0x8c || m->op == 'U';
    uint64_t n;
    if (!take_uint(m, is_short ? 1 : 4, &n))
        return RST_EFORMAT;
    if (n > RST_PK_STRING_MAX)
        return refuse(m, "a string of over 1 MiB");
    const unsigned char *p = take(m, (size_t)n);
    if (!p)
        return RST_EFORMAT;
    return push(m,
                (rst_pk_value){ .kind = RST_PK_STRING, .len = (uint32_t)n, .s = (const char *)p });
}

/* Replaces n values from v on, which end the stack, by one. */
static int replace(machine *m, size_t n, rst_pk_value by)
{
    m->depth -= n;
    return push(m, by);
}

static int collect(machine *m, rst_pk_kind kind, const rst_pk_value *v, size_t n)
{
    rst_pk_value node;
    if (kind == RST_PK_DICT && n % 2)
        return refuse(m, "a key without a value");
    const char *why = rst__pk_node(m->pk, kind, &node);
    if (!why)
        why = rst__pk_append(m->pk, node.node, v, n);
    return why ? refuse(m, why) : replace(m, n, node);
}

static int op_empty(machine *m)
{
    rst_pk_kind kind = m->op == ')' ? RST_PK_TUPLE : m->op == ']' ? RST_PK_LIST : RST_PK_DICT;
    return collect(m, kind, NULL, 0);
}

static int op_tuple_n(machine *m)
{
    size_t n = m->op - 0x84u;
    const rst_pk_value *v = top(m, n);
    return v ? collect(m, RST_PK_TUPLE, v, n) : RST_EFORMAT;
}

static int op_collect(machine *m)
{
    size_t n;
    const rst_pk_value *v = pop_mark(m, &n);
    rst_pk_kind kind = m->op == 't' ? RST_PK_TUPLE : m->op == 'l' ? RST_PK_LIST : RST_PK_DICT;
    return v ? collect(m, kind, v, n) : RST_EFORMAT;
}

/* APPEND, APPENDS, SETITEM, SETITEMS: n values on top go into the list or dict below them. */
static int op_extend(machine *m)
{
    bool dict = m->op == 's' || m->op == 'u';
    size_t n = dict ? 2 : 1;
    if ((m->op == 'e' || m->op == 'u') && !pop_mark(m, &n))
        return RST_EFORMAT;
    if (dict && n % 2)
        return refuse(m, "a key without a value");
    rst_pk_value *v = top(m, n + 1);
    if (!v)
        return RST_EFORMAT;
    if (v->kind != (dict ? RST_PK_DICT : RST_PK_LIST))
        return refuse(m, "items for something that is no list or dict");
    m->depth -= n;
    return done(m, rst__pk_append(m->pk, v->node, v + 1, n));
}

static int memo_put(machine *m, uint64_t i)
{
    const rst_pk_value *v = top(m, 1);
    if (!v)
        return RST_EFORMAT;
    if (i >= RST_PK_MEMO_MAX)
        return refuse(m, "a memo index over 1 M");
    size_t old = m->memo_cap;
    const char *why =
        rst__pk_reserve(m->pk, &m->memo, &m->memo_cap, (size_t)i + 1, sizeof *m->memo);
    if (why)
        return refuse(m, why);
    if (m->memo_cap > old)
        memset(m->memo + old, 0, (m->memo_cap - old) * sizeof *m->memo);
    m->memo_count += m->memo[i].kind == RST_PK_UNSET;
    m->memo[i] = *v;
    return 0;
}

static int op_put(machine *m)
{
    uint64_t i;
    if (!take_uint(m, m->op == 'q' ? 1 : 4, &i))
        return RST_EFORMAT;
    return memo_put(m, i);
}

static int op_memoize(machine *m)
{
    return memo_put(m, m->memo_count);
}

static int op_get(machine *m)
{
    uint64_t i;
    if (!take_uint(m, m->op == 'h' ? 1 : 4, &i))
        return RST_EFORMAT;
    if (i >= m->memo_cap || m->memo[i].kind == RST_PK_UNSET)
        return refuse(m, "a memo slot that was never written");
    return push(m, m->memo[i]);
}

static int look_up(machine *m, const char *module, size_t module_len, const char *name,
                   size_t name_len, rst_pk_value *out)
{
    if (rst__pk_global(module, module_len, name, name_len, out))
        return 0;
    return rst_fail(m->err, RST_EFORMAT,
                    "%s: refused: it asks for %.*s.%.*s, which no state dict needs", m->name,
                    (int)(module_len < 64 ? module_len : 64), module,
                    (int)(name_len < 64 ? name_len : 64), name);
}

static const char *take_line(machine *m, size_t *n)
{
    const char *s = (const char *)m->buf + m->at;
    const char *end = memchr(s, '\n', m->len - m->at);
    if (!end) {
        refuse(m, "the data end inside a name");
        return NULL;
    }
    *n = (size_t)(end - s);
    m->at += *n + 1;
    return s;
}

static int op_global(machine *m)
{
    size_t module_len, name_len;
    rst_pk_value v;
    const char *module = take_line(m, &module_len);
    const char *name = module ? take_line(m, &name_len) : NULL;
    if (!name || look_up(m, module, module_len, name, name_len, &v) < 0)
        return RST_EFORMAT;
    return push(m, v);
}

static int op_stack_global(machine *m)
{
    const rst_pk_value *v = top(m, 2);
    rst_pk_value out;
    if (!v)
        return RST_EFORMAT;
    if (v[0].kind != RST_PK_STRING || v[1].kind != RST_PK_STRING)
        return refuse(m, "a global whose name is not a string");
    if (look_up(m, v[0].s, v[0].len, v[1].s, v[1].len, &out) < 0)
        return RST_EFORMAT;
    return replace(m, 2, out);
}

static int op_reduce(machine *m)
{
    const rst_pk_value *v = top(m, 2);
    rst_pk_value out;
    if (!v)
        return RST_EFORMAT;
    const char *why = rst__pk_reduce(m->pk, &v[0], &v[1], &out);
    return why ? refuse(m, why) : replace(m, 2, out);
}

/* On a dict BUILD only carries the attribute _metadata of a state dict: versions, not tensors. */
static int op_build(machine *m)
{
    const rst_pk_value *v = top(m, 2);
    if (!v)
        return RST_EFORMAT;
    if (v[0].kind != RST_PK_DICT)
        return refuse(m, "a state for something that is no dict");
    m->depth--;
    return 0;
}

static int op_persistent(machine *m)
{
    const rst_pk_value *v = top(m, 1);
    rst_pk_value out;
    if (!v)
        return RST_EFORMAT;
    const char *why = rst__pk_persistent(m->pk, v, &out);
    return why ? refuse(m, why) : replace(m, 1, out);
}

static int (*const ops[256])(machine *) = {
    [0x80] = op_proto,     [0x95] = op_frame,        ['.'] = op_stop,     ['('] = op_mark,
    ['0'] = op_pop,        ['2'] = op_dup,           ['N'] = op_constant, [0x88] = op_constant,
    [0x89] = op_constant,  ['J'] = op_int,           ['K'] = op_int,      ['M'] = op_int,
    [0x8a] = op_long,      ['G'] = op_float,         ['X'] = op_string,   [0x8c] = op_string,
    ['T'] = op_string,     ['U'] = op_string,        [')'] = op_empty,    [']'] = op_empty,
    ['}'] = op_empty,      [0x85] = op_tuple_n,      [0x86] = op_tuple_n, [0x87] = op_tuple_n,
    ['t'] = op_collect,    ['l'] = op_collect,       ['d'] = op_collect,  ['a'] = op_extend,
    ['e'] = op_extend,     ['s'] = op_extend,        ['u'] = op_extend,   ['q'] = op_put,
    ['r'] = op_put,        [0x94] = op_memoize,      ['h'] = op_get,      ['j'] = op_get,
    ['c'] = op_global,     [0x93] = op_stack_global, ['R'] = op_reduce,   ['b'] = op_build,
    ['Q'] = op_persistent,
};

int rst__pickle_read(rst_pickle *pk, const void *buf, size_t len, const char *name, rst_error *err)
{
    machine m = { .pk = pk, .buf = buf, .name = name, .err = err };
    m.len = len < RST_PK_BYTES_MAX ? len : RST_PK_BYTES_MAX;
    int rc = 0;
    while (rc == 0 && !m.stopped) {
        if (m.at >= m.len) {
            rc = refuse(&m, "no end of the pickle within its bytes or 16 MiB");
            break;
        }
        m.op = m.buf[m.at++];
        rc = ops[m.op] ? ops[m.op](&m)
                       : rst_fail(err, RST_EFORMAT,
                                  "%s: pickle byte %zu: opcode 0x%02x is not one of a state dict",
                                  name, m.at - 1, m.op);
    }
    pk->used = m.at;
    rst__free(m.stack);
    rst__free(m.memo);
    pk->held -= (m.stack_cap + m.memo_cap) * sizeof(rst_pk_value);
    return rc;
}
