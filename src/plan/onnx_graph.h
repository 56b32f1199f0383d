/* SPDX-License-Identifier: MIT */
/* An ONNX graph in the making: nodes, constants, and the file around them (onnx.proto, IR version
 * 8). */
#ifndef RST_PLAN_ONNX_GRAPH_H
#define RST_PLAN_ONNX_GRAPH_H

#include <restain/error.h>

#include "base/str.h"

/** The operator set that nodes are written in. */
enum { RST_ONNX_OPSET = 17 };
/** A protocol buffer may not reach 2 GiB. */
#define RST_ONNX_MAX_BYTES ((size_t)2000 << 20)

typedef enum rst_onnx_kind {
    RST_ONNX_INT,
    RST_ONNX_FLOAT,
    RST_ONNX_INTS,
    RST_ONNX_WORD
} rst_onnx_kind;

/** An attribute of a node. */
typedef struct rst_onnx_attr {
    const char *name;
    rst_onnx_kind kind;
    int64_t i; /* an INT, or how many INTS */
    float f;
    const int64_t *ints;
    const char *word;
} rst_onnx_attr;

typedef struct rst_onnx_graph {
    rst_str node, constant; /* fields of a GraphProto */
    int names;              /* given out so far */
} rst_onnx_graph;

/** What the file says besides its graph. A side of 0 is any. */
typedef struct rst_onnx_file {
    const char *name, *text;      /* of the graph; for people */
    const char *const (*meta)[2]; /* key and value */
    int metas;
    const char *in, *out; /* values of the graph */
    int64_t in_dims[4], out_dims[4];
} rst_onnx_file;

rst_onnx_graph rst__onnx_graph(void);
void rst__onnx_free(rst_onnx_graph *g);
/** A name that no other value has, into name[24]. */
void rst__onnx_fresh(rst_onnx_graph *g, char *name);
/** A node: op(in[0..inputs)) -> out. */
void rst__onnx_node(rst_onnx_graph *g, const char *op, int inputs, const char *const *in,
                    const char *out, int attrs, const rst_onnx_attr *attr);
/** Constants of that name; `rank` is 0 to 4. */
void rst__onnx_floats(rst_onnx_graph *g, const char *name, int rank, const int64_t *dims,
                      const float *v);
void rst__onnx_ints(rst_onnx_graph *g, const char *name, int64_t count, const int64_t *v);
/** Writes the file. @return 0, RST_ENOMEM, RST_EINVAL (2 GiB), RST_EOUTPUT */
int rst__onnx_write(const rst_onnx_graph *g, const rst_onnx_file *f, const char *path,
                    rst_error *err);

#endif
