/* SPDX-License-Identifier: MIT */
/* A pickle reader that knows the values a state dict is made of and calls nothing: a global is a
 * row of a table, a REDUCE of it builds a dict, a tuple or a tensor's description. Every other
 * opcode and every other global is refused. */
#ifndef RST_MODEL_PICKLE_H
#define RST_MODEL_PICKLE_H

#include <restain/weights.h>

#include "model/names.h"

typedef enum rst_pk_kind {
    RST_PK_UNSET, /* a memo slot never written */
    RST_PK_NONE,
    RST_PK_BOOL,
    RST_PK_INT,
    RST_PK_LONG, /* an integer of more than 64 bits: its bytes */
    RST_PK_FLOAT,
    RST_PK_STRING,
    RST_PK_TUPLE,
    RST_PK_LIST,
    RST_PK_DICT,    /* items: key, value, key, value ... */
    RST_PK_GLOBAL,  /* i: an rst_pk_global */
    RST_PK_STORAGE, /* i: place in rst_pickle.storage */
    RST_PK_TENSOR   /* i: place in rst_pickle.tensor */
} rst_pk_kind;

typedef struct rst_pk_node rst_pk_node;

typedef struct rst_pk_value {
    uint8_t kind;
    uint32_t len; /* of s */
    union {
        int64_t i;
        double f;
        const char *s; /* into the pickle's bytes, not terminated */
        rst_pk_node *node;
    };
} rst_pk_value;

struct rst_pk_node {
    rst_pk_node *next; /* all nodes of a pickle */
    rst_pk_value *item;
    size_t n, cap;
};

/* What a global of the table stands for. */
typedef enum rst_pk_global {
    RST_PK_ORDERED_DICT,
    RST_PK_REBUILD_TENSOR,
    RST_PK_REBUILD_TENSOR_V2,
    RST_PK_REBUILD_PARAMETER,
    RST_PK_SIZE,
    RST_PK_INERT,       /* a dtype; nothing can be done with it */
    RST_PK_STORAGE_TYPE /* + an rst_weight_type */
} rst_pk_global;

typedef struct rst_pk_storage {
    const char *key; /* digits, not terminated */
    size_t key_len;
    rst_weight_type type;
    int64_t elements;
} rst_pk_storage;

/* A view that lies inside its storage: that was checked. */
typedef struct rst_pk_tensor {
    int64_t storage, offset;
    int rank;
    int64_t size[RST_WEIGHT_RANK], stride[RST_WEIGHT_RANK];
} rst_pk_tensor;

typedef struct rst_pickle {
    rst_pk_value root;
    size_t used; /* bytes read, up to and with STOP */
    rst_pk_node *nodes;
    rst_pk_storage *storage;
    int64_t storages, storage_cap;
    rst_pk_tensor *tensor;
    int64_t tensors, tensor_cap;
    rst_names keys;  /* key -> place in storage */
    size_t held;     /* bytes in nodes, tables, stack and memo */
    bool view_field; /* the legacy container's persistent ids have a sixth member */
} rst_pickle;

enum {
    RST_PK_BYTES_MAX = 16 << 20,  /* of one pickle; so at most as many opcodes */
    RST_PK_MEMORY_MAX = 24 << 20, /* held */
    RST_PK_STRING_MAX = 1 << 20,
    RST_PK_STACK_MAX = 1 << 20,
    RST_PK_MEMO_MAX = 1 << 20,
    RST_PK_MARK_MAX = 256,
    RST_PK_STORAGE_MAX = 65536,
    RST_PK_KEY_MAX = 40,
    RST_PK_DEPTH_MAX = 16 /* of nesting, when the object is walked */
};

/**
 * Reads one pickle from the start of buf into *pk, which is all zero but for view_field and held
 * (what of the budget is used already). buf must outlive pk. `name` (file and part) begins the
 * errors.
 *
 * @return 0, RST_EFORMAT or RST_ENOMEM; pk is to be freed in any case
 */
int rst__pickle_read(rst_pickle *pk, const void *buf, size_t len, const char *name, rst_error *err);
void rst__pickle_free(rst_pickle *pk);

/** True for a string equal to text. */
bool rst__pk_is(const rst_pk_value *v, const char *text);

/* Between the reader of opcodes and the builder of objects. */

/** The global of a module and a name, as a value. False: not in the table. */
bool rst__pk_global(const char *module, size_t module_len, const char *name, size_t name_len,
                    rst_pk_value *out);
/** Applies a global to a tuple of arguments. NULL, or why it is refused; "" is no memory. */
const char *rst__pk_reduce(rst_pickle *pk, const rst_pk_value *f, const rst_pk_value *args,
                           rst_pk_value *out);
/** Makes a storage of a persistent id. NULL, or why it is refused; "" is no memory. */
const char *rst__pk_persistent(rst_pickle *pk, const rst_pk_value *id, rst_pk_value *out);
/** An empty node. */
const char *rst__pk_node(rst_pickle *pk, rst_pk_kind kind, rst_pk_value *out);
/** Appends n items. */
const char *rst__pk_append(rst_pickle *pk, rst_pk_node *node, const rst_pk_value *item, size_t n);
/** Room in an array for `need` elements, charged to the budget. */
const char *rst__pk_reserve(rst_pickle *pk, void *array, size_t *cap, size_t need, size_t size);

#endif
