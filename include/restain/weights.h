/* SPDX-License-Identifier: MIT */
/**
 * @file weights.h
 * Named tensors and where they are kept: safetensors files and PyTorch's .pth checkpoints.
 *
 *     rst_weights *w;
 *     rst_weights_info info;
 *     if (rst_weights_read(&w, "latest_net_G.pth", &info, &err) == 0 &&
 *         rst_weights_unwrap(w, &info, &err) == 0)
 *         rc = rst_weights_write_safetensors(w, "latest_net_G.safetensors", &err);
 *     rst_weights_free(w);
 *
 * No Python is needed and no pickle is ever executed: the reader of .pth builds tensors and nothing
 * else. Files are taken for hostile: every count, offset and stride is checked before it is used.
 */
#ifndef RESTAIN_WEIGHTS_H
#define RESTAIN_WEIGHTS_H

#include <restain/error.h>

#ifdef __cplusplus
extern "C" {
#endif

/** The most dimensions of a tensor. */
#define RST_WEIGHT_RANK 8

/** Element types, little-endian in files, the machine's order in memory. BOOL is a byte, 0 or 1. */
typedef enum rst_weight_type {
    RST_WEIGHT_F64,
    RST_WEIGHT_F32,
    RST_WEIGHT_F16,
    RST_WEIGHT_BF16,
    RST_WEIGHT_I64,
    RST_WEIGHT_I32,
    RST_WEIGHT_I16,
    RST_WEIGHT_I8,
    RST_WEIGHT_U8,
    RST_WEIGHT_BOOL
} rst_weight_type;

/** One tensor, borrowed from its set: valid until the set is changed or freed. */
typedef struct rst_weight {
    const char *name; /**< UTF-8 without control characters, 1..4096 bytes, unique in the set */
    rst_weight_type type;
    int rank;                       /**< 0 (a scalar) .. RST_WEIGHT_RANK */
    int64_t shape[RST_WEIGHT_RANK]; /**< the first `rank` count; the rest are 1; 0 is allowed */
    const void *data;               /**< row-major, aligned to an element's size; never NULL */
    size_t bytes;                   /**< elements * rst_weight_size(type) */
} rst_weight;

/** An ordered set of tensors with string metadata. */
typedef struct rst_weights rst_weights;

/** What kind of file a set came from. */
typedef enum rst_weights_container {
    RST_WEIGHTS_SAFETENSORS,
    RST_WEIGHTS_PTH_ZIP,   /**< torch.save since 1.6 */
    RST_WEIGHTS_PTH_LEGACY /**< torch.save 0.1.10 .. 1.5: a stream of pickles and raw storages */
} rst_weights_container;

/** What a file turned out to be, for messages and provenance. */
typedef struct rst_weights_info {
    rst_weights_container container;
    char wrapper[16];   /**< the key taken off by rst_weights_unwrap, "" if none */
    bool module_prefix; /**< rst_weights_unwrap took "module." off every name */
} rst_weights_info;

/** An empty set, owned by the caller; NULL when out of memory. */
RST_API rst_weights *rst_weights_new(void);
/** NULL is fine. */
RST_API void rst_weights_free(rst_weights *w);

RST_API int64_t rst_weights_count(const rst_weights *w);
/** The i-th tensor, 0 <= i < count, in the order of adding (of the file); NULL outside. */
RST_API const rst_weight *rst_weights_get(const rst_weights *w, int64_t i);
/** The tensor of that name, or NULL. */
RST_API const rst_weight *rst_weights_find(const rst_weights *w, const char *name);
/**
 * Appends a tensor; its name and data (row-major) are copied.
 *
 * @return 0, RST_EINVAL (bad name, name taken, bad rank or shape, more than 16,384 tensors),
 *         RST_ENOMEM
 */
RST_API int rst_weights_add(rst_weights *w, const char *name, rst_weight_type type, int rank,
                            const int64_t *shape, const void *data, rst_error *err);

/** Metadata: the value of a key, borrowed until the set is changed, or NULL. */
RST_API const char *rst_weights_meta(const rst_weights *w, const char *key);
/** Sets a key (UTF-8, copied) or, with a NULL value, removes it. RST_EINVAL, RST_ENOMEM. */
RST_API int rst_weights_set_meta(rst_weights *w, const char *key, const char *value,
                                 rst_error *err);
/** The i-th pair in order; false when i is outside. */
RST_API bool rst_weights_meta_at(const rst_weights *w, int64_t i, const char **key,
                                 const char **value);

/** Bytes of an element: 1, 2, 4 or 8. */
RST_API size_t rst_weight_size(rst_weight_type type);
/** The type's name in safetensors: "F32", "BF16", ... */
RST_API const char *rst_weight_type_name(rst_weight_type type);
/** The number of elements (1 for a scalar). */
RST_API int64_t rst_weight_elements(const rst_weight *t);
/** All elements as float, out[rst_weight_elements(t)]; F64 and wide integers are rounded. */
RST_API void rst_weight_to_f32(const rst_weight *t, float *out);
/** All elements as double; only I64 beyond 2^53 is rounded. */
RST_API void rst_weight_to_f64(const rst_weight *t, double *out);
/** All elements as int64, fractions cut towards 0. RST_EINVAL if one is NaN or does not fit. */
RST_API int rst_weight_to_i64(const rst_weight *t, int64_t *out, rst_error *err);

/** "safetensors", "pth (zip)" or "pth (legacy)". */
RST_API const char *rst_weights_container_name(rst_weights_container c);

/**
 * Reads a file, telling its container by its content, never by its name.
 *
 * Names are as stored. Nested dicts and lists of a .pth are flattened, keys joined with "/"
 * ("state_dict/0.weight"); a bare tensor is called "<root>"; whatever is not a tensor is dropped.
 * Views of a .pth are gathered into row-major order, so tensors that shared a storage do no longer.
 * A safetensors file with "sha256" in its metadata must have data of that SHA-256. Memory: the
 * file (safetensors) or the file and the tensors (.pth, while reading), plus what describes them,
 * which is bounded to some tens of MiB.
 *
 * @param[out] out   owned by the caller; rst_weights_free
 * @param[out] info  may be NULL
 * @return 0, RST_EINPUT (cannot be read), RST_EFORMAT (damaged, hostile, over 16 GiB, or of a kind
 *         not supported: tar-format torch files, TorchScript, compressed or big-endian archives),
 *         RST_ENOMEM
 */
RST_API int rst_weights_read(rst_weights **out, const char *path, rst_weights_info *info,
                             rst_error *err);
/** The same from memory (copied); `name` stands for the path in errors. */
RST_API int rst_weights_decode(rst_weights **out, const void *buf, size_t len, const char *name,
                               rst_weights_info *info, rst_error *err);
/**
 * Takes the wrapping off a training checkpoint, in place: if there are tensors under "params_ema/",
 * "params/", "state_dict/" or "model/" (the first of these that occurs), only they stay, without
 * that key; then "module." goes if every name begins with it (DataParallel).
 *
 * @param info  may be NULL; says what was taken off
 * @return 0, RST_EFORMAT (a name would be empty), RST_ENOMEM (the set is then unchanged)
 */
RST_API int rst_weights_unwrap(rst_weights *w, rst_weights_info *info, rst_error *err);

/**
 * Writes a safetensors file: PATH.part, renamed when whole. The data begin at a multiple of 64
 * bytes and every tensor at a multiple of its element's size; metadata "sha256" becomes that of the
 * data.
 *
 * @return 0, RST_EOUTPUT (an unwritable folder, a full disk), RST_EINVAL (a header over 16 MiB),
 *         RST_ENOMEM
 */
RST_API int rst_weights_write_safetensors(const rst_weights *w, const char *path, rst_error *err);
/**
 * Writes what torch.load (1.6 and later) reads as an OrderedDict of CPU tensors, by the same rules.
 * Metadata has no place in that format and is left out.
 */
RST_API int rst_weights_write_pth(const rst_weights *w, const char *path, rst_error *err);

#ifdef __cplusplus
}
#endif
#endif
