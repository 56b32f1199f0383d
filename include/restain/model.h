/* SPDX-License-Identifier: MIT */
/**
 * @file model.h
 * A translation model: a file of weights, opened and run on pictures.
 *
 *     rst_model *m;
 *     rst_image he = RST_IMAGE_INIT, ihc = RST_IMAGE_INIT;
 *     if (rst_model_open(&m, "her2.safetensors", NULL, &err) < 0 ||
 *         rst_image_read(&he, "tile.png", NULL, &err) < 0 ||
 *         rst_model_translate(m, &he, &ihc, &err) < 0 ||
 *         rst_image_write("ihc.png", &ihc, NULL, &err) < 0)
 *         return fail(&err);
 *
 * What the network is stands in the file's card, the JSON text under "restain" in the metadata of a
 * safetensors file; a file without one (a published .pth) is recognised by its names and shapes.
 * Translating never changes a model: spectral norm takes the stored u and v.
 */
#ifndef RESTAIN_MODEL_H
#define RESTAIN_MODEL_H

#include <restain/error.h>
#include <restain/graph.h>
#include <restain/image.h>
#include <restain/nn.h>

#ifdef __cplusplus
extern "C" {
#endif

typedef struct rst_model rst_model;

/** Whose statistics batch norms take. Instance norms always take the image's own. */
typedef enum rst_model_bn {
    RST_MODEL_BN_CARD,   /**< as the model's card or architecture says */
    RST_MODEL_BN_BATCH,  /**< the image's own */
    RST_MODEL_BN_RUNNING /**< those of training */
} rst_model_bn;

/** How numbers become bytes; super-resolvers always round. */
typedef enum rst_model_rounding {
    RST_MODEL_ROUNDING_CARD,     /**< as the model's card or architecture says */
    RST_MODEL_ROUNDING_TRUNCATE, /**< fractions are cut off, as the GANs' published code does */
    RST_MODEL_ROUNDING_NEAREST   /**< halves to even, as StainNet's does */
} rst_model_rounding;

/** All zero, or NULL in place of a pointer to it, is the default. */
typedef struct rst_model_options {
    rst_ctx_options ctx; /**< device, threads, convolutions; seed is that of dropout's masks */
    rst_model_bn bn;
    rst_model_rounding rounding;
    bool dropout; /**< dropout layers act, as in the published pix2pix test code */
} rst_model_options;

/** What a model is. */
typedef struct rst_model_info {
    rst_arch arch;
    bool trained; /**< false: its weights are random (rst_model_init) */
    double mpp;   /**< micrometres per pixel it was trained at, 0 when unknown */
    int stride;   /**< sides that are no multiple of it are padded and cropped back */
    int scale;    /**< output side over input side */
} rst_model_info;

/**
 * Opens a safetensors or .pth file.
 *
 * @param[out] out  owned; rst_model_close
 * @return 0, RST_EINPUT, RST_EFORMAT (damaged; no network that translates pictures), RST_EINVAL
 * (bad options), RST_ENOMEM
 */
RST_API int rst_model_open(rst_model **out, const char *path, const rst_model_options *o,
                           rst_error *err);
/** NULL is fine. */
RST_API void rst_model_close(rst_model *m);
RST_API rst_model_info rst_model_describe(const rst_model *m);

/**
 * Translates a whole picture at once, as the published test code does: bytes to -1..1, the network,
 * back to bytes with fractions cut off (util/util.py tensor2im of CUT and ASP) or rounded
 * (StainNet). Sides that the stride does not divide are mirrored at the right and bottom border up
 * to the next multiple, and the result is cropped; a log line says so. The recording of the network
 * is kept for the next picture of that size. The result depends on the picture, the model and the
 * options alone.
 *
 * @param in        arch.input_nc channels
 * @param[out] out  owned by the caller, rst_image_free; in's size times scale; untouched on failure
 * @return 0, RST_EFORMAT (channels; too small for the network), RST_ENUMERIC (NaN or Inf came out),
 *         RST_ENOMEM, RST_EDEVICE
 */
RST_API int rst_model_translate(rst_model *m, const rst_image *in, rst_image *out, rst_error *err);

/** What rst_model_convert does beside reading and writing. All zero is the default. */
typedef struct rst_convert_options {
    const char *arch;   /**< JSON of rst_arch_from_json; NULL: recognise the network */
    bool raw;           /**< any tensors, whatever they are for; no card is written */
    double mpp;         /**< for the card, in 0.01..100; 0: leave as it is */
    const char *recipe; /**< for the card: how it was trained, "cut", "asp", ...; NULL: as it is */
    rst_model_bn bn;    /**< for the card: the default of batch norms; CARD: as it is */
    bool dropout;       /**< for the card: dropout acts by default */
} rst_convert_options;

/** What rst_model_convert found. */
typedef struct rst_convert_report {
    bool known; /**< arch is what the weights are; false with `raw` */
    rst_arch arch;
    char note[256]; /**< one line about what could only be guessed, else "" */
} rst_convert_report;

/**
 * Reads weights of any container and writes those that the end of `out` names: .safetensors, with a
 * card, or .pth, which has no place for one. Tensors keep their names, types and bits. Unless `raw`
 * is set, the network is recognised (or given) and every tensor checked against it.
 *
 * .onnx is the network itself in ONNX's operator set 17, with an input `input` and an output
 * `output` (float, NCHW, of any size that the stride divides), batch norms and dropout as the
 * options say; what range the numbers have stands in the file. Not with `raw` or `arch`.
 *
 * @param[out] r  may be NULL
 * @return 0, RST_EINVAL (options, out's name), RST_EINPUT, RST_EFORMAT, RST_EOUTPUT, RST_ENOMEM
 */
RST_API int rst_model_convert(const char *in, const char *out, const rst_convert_options *o,
                              rst_convert_report *r, rst_error *err);

/** Random weights: of which kind, and from which seed. */
typedef struct rst_init_options {
    rst_init_kind kind;
    double gain;
    uint64_t seed;
    double mpp; /**< for the card; 0: unknown */
} rst_init_options;

/** Writes a network with fresh weights (rst_module_init), marked untrained in its card. */
RST_API int rst_model_init(const char *out, const rst_arch *a, const rst_init_options *o,
                           rst_error *err);

#ifdef __cplusplus
}
#endif
#endif
