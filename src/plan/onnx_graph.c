/* SPDX-License-Identifier: MIT */
#include "plan/onnx_graph.h"

#include <stdio.h>

#include <restain/version.h>

#include "base/err.h"
#include "base/file.h"
#include "base/protobuf.h"

/* Numbers of the fields, by message. */
enum {
    MODEL_IR = 1,
    MODEL_PRODUCER,
    MODEL_PRODUCER_VERSION,
    MODEL_GRAPH = 7,
    MODEL_OPSET,
    MODEL_META = 14
};
enum { OPSET_VERSION = 2 };
enum { META_KEY = 1, META_VALUE };
enum { GRAPH_NODE = 1, GRAPH_NAME, GRAPH_CONSTANT = 5, GRAPH_TEXT = 10, GRAPH_IN, GRAPH_OUT };
enum { NODE_IN = 1, NODE_OUT, NODE_NAME, NODE_OP, NODE_ATTR };
enum { ATTR_NAME = 1, ATTR_F, ATTR_I, ATTR_S, ATTR_INTS = 8, ATTR_TYPE = 20 };
enum { TENSOR_DIMS = 1, TENSOR_TYPE, TENSOR_NAME = 8, TENSOR_RAW };
enum { VALUE_NAME = 1, VALUE_TYPE };
enum {
    TYPE_TENSOR = 1,
    TENSOR_TYPE_ELEMENT = 1,
    TENSOR_TYPE_SHAPE,
    SHAPE_DIM = 1,
    DIM_VALUE = 1,
    DIM_NAME
};
enum { ELEMENT_FLOAT = 1, ELEMENT_INT64 = 7, IR_VERSION = 8 };

static rst_str message(void)
{
    return rst__str(RST_ONNX_MAX_BYTES);
}

rst_onnx_graph rst__onnx_graph(void)
{
    return (rst_onnx_graph){ message(), message(), 0 };
}

void rst__onnx_free(rst_onnx_graph *g)
{
    rst__str_free(&g->node);
    rst__str_free(&g->constant);
}

void rst__onnx_fresh(rst_onnx_graph *g, char *name)
{
    (void)snprintf(name, 24, "v%d", g->names++);
}

static void attribute(rst_str *node, const rst_onnx_attr *a)
{
    static const int type[] = {
        [RST_ONNX_INT] = 2, [RST_ONNX_FLOAT] = 1, [RST_ONNX_INTS] = 7, [RST_ONNX_WORD] = 3
    };
    rst_str m = message();
    rst__pb_text(&m, ATTR_NAME, a->name);
    if (a->kind == RST_ONNX_INT)
        rst__pb_int(&m, ATTR_I, a->i);
    else if (a->kind == RST_ONNX_FLOAT)
        rst__pb_float(&m, ATTR_F, a->f);
    else if (a->kind == RST_ONNX_WORD)
        rst__pb_text(&m, ATTR_S, a->word);
    for (int64_t i = 0; a->kind == RST_ONNX_INTS && i < a->i; i++)
        rst__pb_int(&m, ATTR_INTS, a->ints[i]);
    rst__pb_int(&m, ATTR_TYPE, type[a->kind]);
    rst__pb_message(node, NODE_ATTR, &m);
}

void rst__onnx_node(rst_onnx_graph *g, const char *op, int inputs, const char *const *in,
                    const char *out, int attrs, const rst_onnx_attr *attr)
{
    rst_str m = message();
    for (int i = 0; i < inputs; i++)
        rst__pb_text(&m, NODE_IN, in[i]);
    rst__pb_text(&m, NODE_OUT, out);
    rst__pb_text(&m, NODE_NAME, out);
    rst__pb_text(&m, NODE_OP, op);
    for (int i = 0; i < attrs; i++)
        attribute(&m, &attr[i]);
    rst__pb_message(&g->node, GRAPH_NODE, &m);
}

/* x86-64 and arm64 keep numbers as the format does: little-endian. */
static void constant(rst_onnx_graph *g, const char *name, int rank, const int64_t *dims, int type,
                     const void *data, size_t bytes)
{
    rst_str m = message();
    for (int i = 0; i < rank; i++)
        rst__pb_int(&m, TENSOR_DIMS, dims[i]);
    rst__pb_int(&m, TENSOR_TYPE, type);
    rst__pb_text(&m, TENSOR_NAME, name);
    rst__pb_bytes(&m, TENSOR_RAW, data, bytes);
    rst__pb_message(&g->constant, GRAPH_CONSTANT, &m);
}

void rst__onnx_floats(rst_onnx_graph *g, const char *name, int rank, const int64_t *dims,
                      const float *v)
{
    size_t count = 1;
    for (int i = 0; i < rank; i++)
        count *= (size_t)dims[i];
    constant(g, name, rank, dims, ELEMENT_FLOAT, v, count * sizeof *v);
}

void rst__onnx_ints(rst_onnx_graph *g, const char *name, int64_t count, const int64_t *v)
{
    constant(g, name, 1, &count, ELEMENT_INT64, v, (size_t)count * sizeof *v);
}

/* The file ---------------------------------------------------------------------------------------
 */

static void dimension(rst_str *shape, int64_t value, const char *name)
{
    rst_str m = message();
    if (value > 0)
        rst__pb_int(&m, DIM_VALUE, value);
    else
        rst__pb_text(&m, DIM_NAME, name);
    rst__pb_message(shape, SHAPE_DIM, &m);
}

static void value(rst_str *graph, int field, const char *name, const int64_t *dims,
                  const char *const *any)
{
    rst_str m = message(), type = message(), tensor = message(), shape = message();
    for (int i = 0; i < 4; i++)
        dimension(&shape, dims[i], any[i]);
    rst__pb_int(&tensor, TENSOR_TYPE_ELEMENT, ELEMENT_FLOAT);
    rst__pb_message(&tensor, TENSOR_TYPE_SHAPE, &shape);
    rst__pb_message(&type, TYPE_TENSOR, &tensor);
    rst__pb_text(&m, VALUE_NAME, name);
    rst__pb_message(&m, VALUE_TYPE, &type);
    rst__pb_message(graph, field, &m);
}

static void metadata(rst_str *model, const char *key, const char *text)
{
    rst_str m = message();
    rst__pb_text(&m, META_KEY, key);
    rst__pb_text(&m, META_VALUE, text);
    rst__pb_message(model, MODEL_META, &m);
}

int rst__onnx_write(const rst_onnx_graph *g, const rst_onnx_file *f, const char *path,
                    rst_error *err)
{
    static const char *const sides[] = { "batch", "channels", "height", "width" };
    static const char *const sides_out[] = { "batch", "channels", "height_out", "width_out" };
    rst_str model = message(), graph = message(), opset = message();
    rst__str_bytes(&graph, g->node.s ? g->node.s : "", g->node.len);
    rst__pb_text(&graph, GRAPH_NAME, f->name);
    rst__str_bytes(&graph, g->constant.s ? g->constant.s : "", g->constant.len);
    rst__pb_text(&graph, GRAPH_TEXT, f->text);
    value(&graph, GRAPH_IN, f->in, f->in_dims, sides);
    value(&graph, GRAPH_OUT, f->out, f->out_dims, sides_out);
    rst__pb_int(&opset, OPSET_VERSION, RST_ONNX_OPSET);

    rst__pb_int(&model, MODEL_IR, IR_VERSION);
    rst__pb_text(&model, MODEL_PRODUCER, "restain");
    rst__pb_text(&model, MODEL_PRODUCER_VERSION, rst_version());
    rst__pb_message(&model, MODEL_GRAPH, &graph);
    rst__pb_message(&model, MODEL_OPSET, &opset);
    for (int i = 0; i < f->metas; i++)
        metadata(&model, f->meta[i][0], f->meta[i][1]);
    const bool failed = model.failed || g->node.failed || g->constant.failed;
    int rc =
        failed ? rst_fail(err, RST_ENOMEM, "%s: no memory for the graph, or it reaches 2 GiB", path)
               : rst__file_write(path, model.s, model.len, err);
    rst__str_free(&model);
    return rc;
}
