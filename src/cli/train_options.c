/* SPDX-License-Identifier: MIT */
#include "cli/train_options.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "cli/verbs.h"
#include "method/method.h"

/* Networks --------------------------------------------------------------------------------------
 */

static bool is_generator(const rst_arch *a)
{
    return a->family == RST_NET_RESNET || a->family == RST_NET_UNET || a->family == RST_NET_AMMFI ||
           a->family == RST_NET_STAINNET;
}

static bool is_resolver(const rst_arch *a)
{
    return a->family == RST_NET_RRDB;
}

static bool is_judge(const rst_arch *a)
{
    return a->family == RST_NET_PATCHGAN || a->family == RST_NET_PIXEL;
}

/* Another network in the place of the method's. What the published options say beside its name
 * (width, norm, weight norm, blurring, dropout) stays; what belongs to a family comes with it. */
static int replace(const cli_option *o, const char *name, rst_arch *net,
                   bool (*kind)(const rst_arch *), const char *what, rst_error *err)
{
    rst_error why = RST_ERROR_INIT;
    rst_arch n;
    if (rst_arch_preset(name, &n, &why) < 0)
        return rst_fail(err, RST_EINVAL, "--%s %.60s: %s", o->name, name, why.msg);
    if (!kind(&n))
        return rst_fail(err, RST_EINVAL, "--%s %.60s: is no %s", o->name, name, what);
    if (n.family == net->family) {
        if (strcmp(name, "n_layers") != 0) /* has as many as --n-layers-D says */
            net->blocks = n.blocks;
        net->scale = n.scale;
        return 0;
    }
    n.input_nc = net->input_nc;
    n.output_nc = net->output_nc;
    if (n.family != RST_NET_STAINNET)
        n.width = net->width;
    n.norm = net->norm;
    n.spectral = net->spectral;
    n.antialias = net->antialias;
    n.antialias_up = net->antialias_up;
    n.dropout = net->dropout;
    *net = n;
    return 0;
}

static int set_net_g(const cli_option *o, const cli_value *v, void *options, rst_error *err)
{
    rst_train_options *t = options;
    const bool resolves = is_resolver(&t->m.net_g); /* as the method's */
    return replace(o, v->text, &t->m.net_g, resolves ? is_resolver : is_generator,
                   resolves ? "super-resolver" : "generator", err);
}

static void show_net_g(const void *options, rst_str *out)
{
    char name[32];
    const rst_train_options *t = options;
    rst__str_add(out, rst_arch_name(&t->m.net_g, name));
}

static int set_net_d(const cli_option *o, const cli_value *v, void *options, rst_error *err)
{
    rst_train_options *t = options;
    return replace(o, v->text, &t->m.net_d, is_judge, "discriminator", err);
}

static void show_net_d(const void *options, rst_str *out)
{
    char name[32];
    const rst_train_options *t = options;
    rst__str_add(out, rst_arch_name(&t->m.net_d, name));
}

/* Blocks have no option of their own in other generators: their names count them. */
static int set_nb(const cli_option *o, const cli_value *v, void *options, rst_error *err)
{
    rst_train_options *t = options;
    (void)o;
    (void)err;
    if (is_resolver(&t->m.net_g))
        t->m.net_g.blocks = (int)v->i;
    return 0;
}

static void show_nb(const void *options, rst_str *out)
{
    const rst_train_options *t = options;
    if (is_resolver(&t->m.net_g))
        rst__str_printf(out, "%d", t->m.net_g.blocks);
}

/* Lists -----------------------------------------------------------------------------------------
 */

/* "[1, 2, 3]" or "1,2,3": how many numbers; -1 for anything else. */
static int parse_list(const char *text, int max, double *out)
{
    const bool bracket = *text == '[';
    int n = 0;
    text += bracket;
    for (;; text++) {
        char *end;
        double d = strtod(text, &end);
        if (end == text || !isfinite(d) || n == max)
            return -1;
        out[n++] = d;
        text = end + strspn(end, " ");
        if (*text != ',')
            break;
    }
    return strcmp(text, bracket ? "]" : "") == 0 ? n : -1;
}

static int set_gp_weights(const cli_option *o, const cli_value *v, void *options, rst_error *err)
{
    rst_train_options *t = options;
    double w[RST_GP_LEVELS];
    bool good = true;
    if (strcmp(v->text, "uniform") == 0)
        for (int i = 0; i < RST_GP_LEVELS; i++)
            w[i] = 1;
    else
        good = parse_list(v->text, RST_GP_LEVELS, w) == RST_GP_LEVELS;
    for (int i = 0; good && i < RST_GP_LEVELS; i++)
        good = w[i] >= 0;
    if (!good)
        return rst_fail(err, RST_EINVAL,
                        "--%s %.60s: must be uniform or %d numbers from 0 on, like [1,1,1,1,1,1]",
                        o->name, v->text, (int)RST_GP_LEVELS);
    memcpy(t->m.gp_weights, w, sizeof w);
    return 0;
}

static void show_gp_weights(const void *options, rst_str *out)
{
    const rst_train_options *t = options;
    for (int i = 0; i < RST_GP_LEVELS; i++) {
        rst__str_add(out, i ? "," : "[");
        cli_show_double(t->m.gp_weights[i], out);
    }
    rst__str_add(out, "]");
}

static int set_nce_layers(const cli_option *o, const cli_value *v, void *options, rst_error *err)
{
    rst_train_options *t = options;
    double id[RST_NCE_LAYERS];
    const int n = parse_list(v->text, RST_NCE_LAYERS, id);
    bool good = n > 0;
    for (int i = 0; good && i < n; i++)
        good = id[i] == floor(id[i]) && id[i] <= 1000 && id[i] >= (i ? id[i - 1] + 1 : 0);
    if (!good)
        return rst_fail(err, RST_EINVAL,
                        "--%s %.60s: must be up to %d ascending layer numbers, like 0,4,8,12,16",
                        o->name, v->text, (int)RST_NCE_LAYERS);
    for (int i = 0; i < n; i++)
        t->m.nce_layers[i] = (int)id[i];
    t->m.nce_count = n;
    return 0;
}

static void show_nce_layers(const void *options, rst_str *out)
{
    const rst_train_options *t = options;
    for (int i = 0; i < t->m.nce_count; i++)
        rst__str_printf(out, i ? ",%d" : "%d", t->m.nce_layers[i]);
}

/* Modes -----------------------------------------------------------------------------------------
 */

static const char schedules[] = "zero|linear|sigmoid|lambda"; /* as rst_asp_schedule */
static const char lookups[] = "uniform|linear|top|bell";      /* as rst_asp_lookup */

/* The place among words of the len bytes at text; -1: not there. */
static int place(const char *words, const char *text, size_t len)
{
    size_t n;
    const char *word;
    for (int i = 0; (word = cli_word(words, i, &n)); i++)
        if (n == len && strncmp(word, text, len) == 0)
            return i;
    return -1;
}

static int set_asp_mode(const cli_option *o, const cli_value *v, void *options, rst_error *err)
{
    rst_train_options *t = options;
    rst_asp_mode *m = &t->m.asp_mode;
    const size_t len = strcspn(v->text, "_");
    const char *rest = v->text[len] ? v->text + len + 1 : v->text + len;
    const int s = place(schedules, v->text, len), l = place(lookups, rest, strlen(rest));
    if (strcmp(v->text, "none") == 0) {
        *m = (rst_asp_mode){ .none = true, .plain = m->plain };
        return 0;
    }
    if (s < 0 || l < 0)
        return rst_fail(
            err, RST_EINVAL,
            "--%s %.60s: must be none, or one of zero linear sigmoid lambda, _, and one "
            "of uniform linear top bell, like lambda_linear",
            o->name, v->text);
    *m = (rst_asp_mode){ .schedule = (rst_asp_schedule)s,
                         .lookup = (rst_asp_lookup)l,
                         .plain = m->plain };
    return 0;
}

static void show_asp_mode(const void *options, rst_str *out)
{
    const rst_train_options *t = options;
    const rst_asp_mode *m = &t->m.asp_mode;
    size_t ns = 0, nl = 0;
    const char *s = cli_word(schedules, (int)m->schedule, &ns);
    const char *l = cli_word(lookups, (int)m->lookup, &nl);
    if (m->none)
        rst__str_add(out, "none");
    else
        rst__str_printf(out, "%.*s_%.*s", (int)ns, s, (int)nl, l);
}

/* What --CUT_mode sets in the published code (spec 3.4). ASP's overrides the flip, and leaves the
 * epochs to its launcher. */
static int set_cut_mode(const cli_option *o, const cli_value *v, void *options, rst_error *err)
{
    rst_train_options *t = options;
    (void)o;
    (void)err;
    const bool fast = v->i == 1, cut = strcmp(t->method, "cut") == 0;
    t->m.nce_idt = !fast;
    t->m.lambda_nce = fast ? 10 : 1;
    if (cut) {
        t->m.flip_equivariance = fast;
        t->m.n_epochs = fast ? 150 : 200;
        t->m.n_epochs_decay = fast ? 50 : 200;
    }
    return 0;
}

/* For completion: the methods, and the word that lists them. */
static const char *method_word(int i)
{
    return i == 0 ? "list" : rst_method_name(i - 1);
}

/* The table -------------------------------------------------------------------------------------
 */

#define AT(member)     CLI_AT(rst_train_options, member)
#define AT_NOT(member) CLI_AT_NOT(rst_train_options, member)
#define TWIN(member)   .twin = offsetof(rst_train_options, member)
#define UP_TO(max)     .lo = 0, .hi = max
#define MANY           1000000000.0 /* help does not tell this limit */
#define WEIGHT(name, text, member)                                                                 \
    {                                                                                              \
        name, 0, CLI_REAL, "X", UP_TO(MANY), AT(member), .help = text                              \
    }
#define SWITCH(name, text, ...)                                                                    \
    {                                                                                              \
        name, 0, CLI_BOOL, .help = text, __VA_ARGS__                                               \
    }

/* rst-table */
static const cli_option table[] = {
    [CLI_TRAIN_METHOD] = { "method", 0, CLI_TEXT, "NAME", AT(method), .known = method_word,
                           .help = "What to train, with the published settings of that method; "
                                   "list names them all; required" },
    [CLI_TRAIN_DRY_RUN] = { "dry-run", 0, CLI_FLAG, .typed_only = true,
                            .help = "Check settings and data, take two steps that are thrown away, "
                                    "say what the run will take, and write nothing" },
    [CLI_TRAIN_QUIET] = { "quiet", 'q', CLI_FLAG, .typed_only = true,
                          .help = "No news and no progress, only warnings and errors" },

    { "dataroot", 0, CLI_PATH, "DIR", AT(dataroot), .group = "Data",
      .help = "The data set's folder, or its table of split, he and ihc; required" },
    { "layout", 0, CLI_WORD, .words = "auto|folders|bci|splits|ab|manifest|tiles", AT(layout),
      .help =
          "How the files lie: trainA trainB, HE/train IHC/train, train/HE train/IHC, A and B side "
          "by side in a file, a table, or tiles of one kind (bsrgan); auto finds out" },
    { "direction", 0, CLI_WORD, .words = "AtoB|BtoA", AT(b_to_a),
      .help = "From H&E to IHC, or back" },
    { "sampling", 0, CLI_WORD, .words = "random|shuffle|serial", AT(sampling),
      .help =
          "Which pair comes next: drawn with replacement (ASP), each once an epoch, or in order" },
    { "dataset-mode", 0, CLI_WORD, .words = "aligned|unaligned", AT(unpaired),
      .help = "Pairs, or two sets of images that are none (CUT, CycleGAN)" },
    SWITCH("multimag",
           "Of each pair one of several magnifications, 1, 2 or 4, is drawn each time: those that "
           "restain prepare --multimag has made, or, of a data set that has one, made as they are "
           "drawn, the same pictures as by prepare with that --seed",
           AT(multimag)),
    { "mm-native", 0, CLI_REAL, "P", UP_TO(1), AT(mm_native),
      .help = "--multimag: share of the draws of magnification 1 that take the pair as it is" },
    { "sr-x2", 0, CLI_PATH, "FILE", AT(sr_x2),
      .help = "--multimag as it goes: super-resolver that doubles, BSRGANx2.pth or a safetensors "
              "file" },
    { "sr-x4", 0, CLI_PATH, "FILE", AT(sr_x4),
      .help = "The one that enlarges four times, BSRGAN.pth. Without the two pictures are enlarged "
              "bicubically, which the model's card calls mm-bicubic" },
    { "sr-tile", 0, CLI_INT, "N", UP_TO(65536), AT(sr_tile),
      .help =
          "Side in pixels of what a super-resolver takes at a time, beside a halo of 32; 0: 256" },
    { "uniform", 0, CLI_INT, "N", UP_TO(65536), AT(uniform),
      .help = "--multimag as it goes: side in pixels that all are brought to; 0: that of the "
              "pictures" },
    { "degradation", 0, CLI_WORD, .words = "bsrgan|bicubic", AT(degradation),
      .help = "How a super-resolver's small pictures are made: with blur, noise and JPEG of all "
              "kinds, or reduced bicubically and nothing else" },
    { "preprocess", 0, CLI_WORD,
      .words = "crop|resize_and_crop|scale_width|scale_width_and_crop|none", AT(preprocess),
      .help = "What happens to an image before the flip" },
    { "load-size", 0, CLI_INT, "N", .lo = 16, .hi = 65536, AT(load_size),
      .help = "Side in pixels that an image is resized to, where --preprocess does" },
    { "crop-size", 0, CLI_INT, "N", .lo = 16, .hi = 65536, AT(crop_size),
      .help = "Side in pixels of what is trained on" },
    SWITCH("no-flip", "Images are not mirrored at random", AT(no_flip)),
    { "alpha", 0, CLI_WORD, .words = "refuse|drop|white", AT(alpha),
      .help = "What to do with transparency: make it an error, take it away, or lay the image on "
              "white; where nothing is transparent it is dropped" },
    SWITCH("gray-to-rgb", "Use grey images as three equal channels", AT(gray_to_rgb)),
    { "max-dataset-size", 0, CLI_INT, "N", UP_TO(MANY), AT(max_dataset_size),
      .help = "Only the first so many pairs; 0: all" },
    { "num-threads", 0, CLI_INT, "N", UP_TO(64), AT(num_threads),
      .help = "Threads that load images. Results do not depend on it" },
    { "cache-mb", 0, CLI_INT, "MB", UP_TO(MANY), AT(cache_mb),
      .help = "Decoded images that are kept in memory" },
    { "mpp", 0, CLI_REAL, "UM", UP_TO(100), AT(mpp),
      .help = "Micrometres per pixel of the images, for the model's card; 0: what they say" },

    { "netG", 0, CLI_TEXT, "NAME", .set = set_net_g, .show = show_net_g, .group = "Networks",
      .help = "Generator: resnet_9blocks, resnet_6blocks, ammfi_6blocks, any "
              "number of blocks, unet_256, unet_128, stainnet; of bsrgan rrdbnet_x2, rrdbnet_x4" },
    { "ngf", 0, CLI_INT, "N", .lo = 1, .hi = 4096, .also = "nf", AT(m.net_g.width),
      .help = "Its width" },
    { "nb", 0, CLI_INT, "N", .lo = 1, .hi = 64, .set = set_nb, .show = show_nb,
      .help = "rrdbnet: blocks" },
    { "gc", 0, CLI_INT, "N", UP_TO(1024), AT(m.net_g.growth),
      .help = "rrdbnet: channels that each convolution of a dense block adds" },
    { "sf", 0, CLI_INT, "N", UP_TO(4), AT(m.net_g.scale),
      .help = "rrdbnet: how many times it enlarges, 2 or 4" },
    { "stem-k", 0, CLI_INT, "N", UP_TO(MANY), AT(m.net_g.stem_k),
      .help = "Side of its first kernel, 3 or 7" },
    { "ammfi-levels", 0, CLI_INT, "N", UP_TO(MANY), AT(m.net_g.ammfi_levels),
      .help = "ammfi: where attention joins encoder and decoder; 1 full, 2 half, 4 quarter size, "
              "added up" },
    { "ammfi-reduction", 0, CLI_INT, "N", UP_TO(MANY), AT(m.net_g.reduction),
      .help = "ammfi: bottleneck of its channel attention" },
    { "normG", 0, CLI_WORD, .words = "instance|batch|none", AT(m.net_g.norm),
      .help = "Its normalisation layers" },
    SWITCH("no-dropout", "It has no dropout layers", AT_NOT(m.net_g.dropout)),
    { "netD", 0, CLI_TEXT, "NAME", .set = set_net_d, .show = show_net_d,
      .help = "Discriminator: basic (three layers), n_layers, pixel" },
    { "ndf", 0, CLI_INT, "N", .lo = 1, .hi = 4096, AT(m.net_d.width), .help = "Its width" },
    { "n-layers-D", 0, CLI_INT, "N", UP_TO(MANY), AT(m.net_d.blocks),
      .help = "Layers of n_layers" },
    { "normD", 0, CLI_WORD, .words = "instance|batch|none", AT(m.net_d.norm),
      .help = "Its normalisation layers" },
    { "netF", 0, CLI_WORD, .words = "sample|mlp_sample", AT(m.net_f.mlp),
      .help = "Patches for PatchNCE: features themselves, or through a small network" },
    { "netF-nc", 0, CLI_INT, "N", .lo = 1, .hi = 4096, AT(m.net_f.width), .help = "Its width" },
    { "netF-l2", 0, CLI_WORD, .words = "cut|asp", AT(m.net_f.l2norm),
      .help = "How features are brought to unit length without dividing by zero: 1e-7 added to the "
              "length (CUT), or to each number within it (ASP)" },
    { "weight-norm", 0, CLI_WORD, .words = "none|spectral", AT(m.net_g.spectral),
      TWIN(m.net_d.spectral),
      .help = "Spectral norm on the convolutions of generator and discriminator" },
    SWITCH("no-antialias", "Strided convolutions instead of blur-pooling on the way down",
           AT_NOT(m.net_g.antialias), TWIN(m.net_d.antialias)),
    SWITCH("no-antialias-up", "Transposed convolutions instead of blur-pooling on the way up",
           AT_NOT(m.net_g.antialias_up)),
    { "init-type", 0, CLI_WORD, .words = "normal|xavier|kaiming|orthogonal|rrdb", AT(m.init),
      .help = "How fresh weights are drawn" },
    { "init-gain", 0, CLI_REAL, "X", UP_TO(1000), AT(m.init_gain),
      .help = "Scale of normal, xavier and orthogonal" },
    SWITCH("sn-default",
           "Convolutions with spectral norm are drawn as PyTorch does by itself, which is what "
           "the published code comes to on a graphics card",
           AT(m.sn_default)),

    { "CUT-mode", 0, CLI_WORD, .words = "CUT|FastCUT", .set = set_cut_mode, .group = "Losses",
      .help = "Short for --nce-idt --lambda-NCE 1, or for --nce-idt=false --lambda-NCE 10; with "
              "--method cut also for the flips and epochs of that mode" },
    { "gan-mode", 0, CLI_WORD, .words = "lsgan|vanilla|wgangp|nonsaturating", AT(m.gan_mode),
      .help = "The objective of generator against discriminator" },
    { "pool-size", 0, CLI_INT, "N", UP_TO(10000), AT(m.pool_size),
      .help = "CycleGAN: earlier images that discriminators are shown" },
    WEIGHT("lambda-GAN", "Weight of that objective", m.lambda_gan),
    WEIGHT("lambda-NCE", "Weight of PatchNCE between H&E and virtual IHC", m.lambda_nce),
    WEIGHT("lambda-asp", "Weight of adaptive supervised PatchNCE against the real IHC",
           m.lambda_asp),
    WEIGHT("lambda-gp", "Weight of the Gaussian pyramid's L1 against the real IHC", m.lambda_gp),
    { "gp-weights", 0, CLI_TEXT, "LIST", .set = set_gp_weights, .show = show_gp_weights,
      .help = "Weights of the pyramid's six levels, fine to coarse: uniform, or "
              "[0.015625,0.03125,0.0625,0.125,0.25,1]" },
    { "gp-reduce", 0, CLI_WORD, .words = "mean|sum", AT(m.gp_sum),
      .help = "Of the pyramid's weighted levels: their mean as in the published code, or their sum "
              "as in equation 6, which is six times that" },
    { "asp-loss-mode", 0, CLI_TEXT, "MODE", .set = set_asp_mode, .show = show_asp_mode,
      .help = "none, or when and how patches are trusted less: zero, linear, sigmoid or lambda, "
              "then uniform, linear, top or bell, as in lambda_linear" },
    { "asp-weights", 0, CLI_WORD, .words = "mean-one|plain", AT(m.asp_mode.plain),
      .help = "Weights of a layer's patches: scaled to a mean of 1 as in the published code, or as "
              "equations 4 and 5 have them" },
    { "asp-t", 0, CLI_WORD, .words = "epoch|iter", AT(m.asp_time),
      .help = "What that counts in: epochs as the published code, iterations as the paper" },
    SWITCH("nce-idt", "PatchNCE on what the generator makes of IHC too", AT(m.nce_idt)),
    { "nce-reduce", 0, CLI_WORD, .words = "sum|mean", AT(m.nce_mean),
      .help = "--nce-idt: the sum of both as in ASP's code, or their mean as in CUT's" },
    { "nce-layers", 0, CLI_TEXT, "N,N,...", .set = set_nce_layers, .show = show_nce_layers,
      .help = "Layers of the generator whose features PatchNCE compares" },
    { "nce-T", 0, CLI_REAL, "X", .lo = 0.0001, .hi = 1000, AT(m.nce_t),
      .help = "PatchNCE's temperature" },
    { "num-patches", 0, CLI_INT, "N", .lo = 2, .hi = 65536, AT(m.num_patches),
      .help = "Patches of a layer that are compared" },
    SWITCH("nce-includes-all-negatives-from-minibatch",
           "Patches of a batch's other images are negatives too", AT(m.nce_all_negatives)),
    SWITCH("flip-equivariance", "FastCUT: the generator's input is mirrored now and then",
           AT(m.flip_equivariance)),
    WEIGHT("lambda-L1", "pix2pix, bsrgan: weight of L1; Pyramid pix2pix: of its finest level",
           m.lambda_l1),
    WEIGHT("weight-L2", "Pyramid pix2pix: weight of the second level", m.weight_l2),
    WEIGHT("weight-L3", "Pyramid pix2pix: weight of the third level", m.weight_l3),
    WEIGHT("weight-L4", "Pyramid pix2pix: weight of the fourth level", m.weight_l4),
    WEIGHT("lambda-A", "CycleGAN: weight of the way A to B to A", m.lambda_a),
    WEIGHT("lambda-B", "CycleGAN: weight of the way B to A to B", m.lambda_b),
    WEIGHT("lambda-identity", "CycleGAN: weight of images that are their own target, times those",
           m.lambda_identity),

    { "n-epochs", 0, CLI_INT, "N", UP_TO(MANY), AT(m.n_epochs), .group = "Schedule",
      .help = "Epochs with the full rate" },
    { "n-epochs-decay", 0, CLI_INT, "N", UP_TO(MANY), AT(m.n_epochs_decay),
      .help = "Epochs after them, in which --lr-policy linear goes down" },
    { "batch-size", 0, CLI_INT, "N", .lo = 1, .hi = 1024, AT(batch_size),
      .help = "Pairs of a batch" },
    { "accumulate", 0, CLI_INT, "N", .lo = 1, .hi = 1024, AT(accumulate),
      .help = "Batches whose gradients make a step together" },
    { "lr", 0, CLI_REAL, "X", UP_TO(1000), AT(lr), .help = "Adam's rate" },
    { "beta1", 0, CLI_REAL, "X", UP_TO(0.999999), AT(m.beta1), .help = "Adam's momentum" },
    { "beta2", 0, CLI_REAL, "X", UP_TO(0.999999), AT(m.beta2),
      .help = "Adam's decay of squared gradients" },
    { "lr-policy", 0, CLI_WORD, .words = "linear|step|plateau|cosine", AT(lr_policy),
      .help = "How the rate changes" },
    { "lr-decay-iters", 0, CLI_INT, "N", .lo = 1, .hi = MANY, AT(lr_decay_iters),
      .help = "--lr-policy step: epochs until the rate goes down" },
    { "lr-gamma", 0, CLI_REAL, "X", UP_TO(1), AT(lr_gamma),
      .help = "--lr-policy step: what the rate is multiplied by then; 0: 0.1" },
    SWITCH("lr-step-at-start", "The rate changes before an epoch, as in pix2pix, not after it",
           AT(lr_step_at_start)),
    { "steps-per-epoch", 0, CLI_INT, "N", UP_TO(MANY), AT(steps_per_epoch),
      .help = "Steps that are called an epoch; 0: as many as the data set has batches" },
    { "max-steps", 0, CLI_INT, "N", UP_TO(MANY), AT(max_steps),
      .help = "End after so many steps; 0: after the last epoch" },
    { "clip-grad", 0, CLI_REAL, "X", UP_TO(MANY), AT(m.clip_grad),
      .help = "Largest norm of a network's gradient; 0: as it comes" },
    { "ema", 0, CLI_REAL, "X", UP_TO(0.999999), AT(m.ema),
      .help = "Decay of a running average of the generator, which is what is saved; 0: none" },

    { "name", 0, CLI_TEXT, "NAME", AT(name), .group = "Saving", .otherwise = "the method's name",
      .help = "The run's folder below --checkpoints-dir" },
    { "checkpoints-dir", 0, CLI_PATH, "DIR", AT(checkpoints_dir), .otherwise = "checkpoints",
      .help = "Where runs are kept" },
    { "init-from", 0, CLI_PATH, "MODEL", AT(init_from), .otherwise = "drawn weights",
      .help = "Weights that the generator begins with, its own kind's: published or trained here" },
    { "resume", 0, CLI_FLAG, .also = "continue-train", AT(resume), .typed_only = true,
      .help = "Go on from the run's checkpoint, exactly; from the beginning where there is none" },
    { "overwrite", 0, CLI_FLAG, AT(overwrite), .typed_only = true,
      .help = "Begin anew where a run of this name exists" },
    { "save-every-steps", 0, CLI_INT, "N", UP_TO(MANY), AT(save_every_steps),
      .help = "Steps between checkpoints; 0: one an epoch" },
    { "save-epoch-freq", 0, CLI_INT, "N", UP_TO(MANY), AT(save_epoch_freq),
      .help = "Epochs between generators that are kept beside the latest; 0: none" },
    { "print-freq", 0, CLI_INT, "N", .lo = 1, .hi = MANY, AT(print_freq),
      .help = "Steps between rows of the logs" },
    { "panel-freq", 0, CLI_INT, "N", UP_TO(MANY), AT(panel_freq),
      .help = "Steps between panels of samples; 0: one an epoch" },
    { "panel-count", 0, CLI_INT, "N", UP_TO(8), AT(panel_count),
      .help = "Samples of a panel; 0: no panels" },
    { "val-freq", 0, CLI_INT, "N", UP_TO(MANY), AT(val_freq),
      .help = "Epochs between validations; 0: none" },
    { "val-count", 0, CLI_INT, "N", UP_TO(MANY), AT(val_count),
      .help = "Pairs of the validation set that are used; 0: all" },
    { "best", 0, CLI_WORD, .words = "ssim|psnr|dab_r", AT(best),
      .help = "What makes a validation the best so far, whose generator is kept" },

    { "backend", 0, CLI_WORD, .words = "cpu|ref", .usual = "cpu", AT(backend), .group = "Device",
      .help = "Kernels: the fast ones, or the plain reference" },
    { "conv", 0, CLI_WORD, .words = "auto|direct|winograd", AT(conv), .otherwise = "auto",
      .help = "How convolutions are computed" },
    { "threads", 0, CLI_INT, "N", UP_TO(1024), AT(threads), .otherwise = "0",
      .help = "Threads that compute; 0: as many as the machine has. Results do not depend on it" },
    { "gpus", 0, CLI_INT, "N", .lo = -1, .hi = -1, .usual = "-1", .also = "gpu-ids",
      .help = "Graphics processor; this build computes on the CPU, which is -1" },
    { "seed", 0, CLI_INT, "N", UP_TO(9007199254740992.0), AT(seed), .otherwise = "0",
      .help = "The same seed, data and settings give the same weights" },
    { "checkpoint-activations", 0, CLI_BOOL, AT(m.checkpoint_activations),
      .help = "Compute activations again instead of keeping them: less memory, more time, the "
              "same bits" },
};
enum { COUNT = sizeof table / sizeof table[0] };
_Static_assert((int)COUNT <= (int)CLI_OPTIONS, "room for every option");

/* Spec 11, where a setting is concerned; what holds by itself is the code's, but for the first. */
/* rst-table */
static const cli_reading readings[] = {
    { "The paper's model",
      "No code of it is public. Its text has a first kernel of 3 x 3 (--stem-k 3, --method ammfi's "
      "default), its baseline's code one of 7 (--stem-k 7). It names neither spectral norm, nor a "
      "discriminator 32 wide, nor blur-pooling, all of which its baseline has; without: "
      "--weight-norm none --ndf 64 --no-antialias --no-antialias-up. A caption has batch norm "
      "where "
      "the baseline has instance norm: --normG batch. AMMFI has its own batch norms in any case" },
    { "When adaptive weights set in",
      "The paper counts iterations, --asp-t iter; the code epochs, so that the last one's share is "
      "0.9 and the first 31 of 40 are plain supervised PatchNCE" },
    { "What adaptive weights are",
      "Equations 4 and 5 as they stand: --asp-weights plain. The code scales those of a layer to a "
      "mean of 1" },
    { "Gaussian pyramid's loss",
      "Equation 6 is a sum over levels, --gp-reduce sum; the code's is their mean, a sixth of it. "
      "Its launcher weighs coarse levels most, its own default is --gp-weights uniform" },
    { "The identity term",
      "CUT's paper and code take the mean of NCE and NCE_Y, --nce-reduce mean; ASP's code has no "
      "half there. --method cut and asp do as theirs. The paper's equation 7 has no such term" },
    { "Features of unit length",
      "ASP's code adds 1e-7 to each number within the root, CUT's to the length: --netF-l2 asp or "
      "cut; on paper neither is there" },
    { "Fresh weights",
      "The code asks for xavier. On a graphics card spectral norm's hook keeps it from coming: "
      "layers stay as PyTorch draws them, which is --sn-default; --sn-default=false is what was "
      "asked for" },
    { "What an epoch is",
      "ASP's code draws with replacement, so that an epoch sees about 63 % of the pairs; "
      "--sampling shuffle takes each once. MIST's split is by tiles; restain prepare makes one by "
      "slides, with its options check and by-slide" },
    { "The rate's last epochs",
      "pix2pix, CycleGAN and Pyramid pix2pix change it before an epoch, and end with a rate of 0; "
      "CUT and ASP after it: --lr-step-at-start true or false" },
    { "The competitors",
      "The tables file CUT and CycleGAN under unpaired training. ASP's authors gave both pairs, "
      "and CUT the Gaussian pyramid's loss: --dataset-mode aligned, --lambda-gp 10, as in "
      "recipes/mist-her2. Pyramid pix2pix: the code weighs all levels 25 (--lambda-L1, "
      "--weight-L2 to -L4), with batches of 2, batch norm, dropout and whole pictures" },
    { "Several magnifications",
      "The paper does not say how large its pieces are. Here a picture's whole, half and quarter "
      "are brought to its own size, and --crop-size 512 is cut from that; --crop-size 1024 trains "
      "on the whole, --mm-native mixes in what was not enlarged" },
    { "Testing",
      "Of restain translate and restain evaluate. The published test code leaves networks as in "
      "training: translate's options bn and dropout. That spectral norm goes on with every picture "
      "is not imitated, as a picture's result would depend on those before it. Numbers are cut "
      "off, not rounded: its option rounding. Metrics as either has them: evaluate's protocol" },
    { NULL, NULL },
};

const cli_verb cli_verb_train = {
    .name = "train",
    .usage = "[CONFIG] --method NAME --dataroot DIR [OPTION...]",
    .brief = "train a network on pairs of H&E and IHC",
    .text =
        "Trains by one of the published methods, or, with --method bsrgan, a super-resolver for "
        "prepare --multimag on tiles of any stain. What is not given, on the command line or in a "
        "configuration file, is as that method was published; names are those of the published "
        "code. --print-config prints all settings of a run.\n"
        "A run lives in a folder, CHECKPOINTS_DIR/NAME: its settings, losses as a table and "
        "for TensorBoard, panels of samples, the latest generator and the best one for "
        "translate, and a checkpoint. Ctrl-C ends a run after the step at hand with a "
        "checkpoint; --resume goes on as if it had never been stopped. A second Ctrl-C ends it "
        "at once: then the last checkpoint counts.",
    .examples =
        "restain train --method list\n"
        "restain train --method ammfi --dataroot MIST/HER2/TrainValAB --name her2\n"
        "restain train --method ammfi --dataroot MIST/HER2/TrainValAB --name her2 --resume\n"
        "restain train --method asp --lambda-gp 5 --print-config > her2.conf\n"
        "restain train her2.conf --dataroot MIST/HER2/TrainValAB --dry-run\n"
        "restain train --method bsrgan --sf 2 --nf 32 --nb 1 --gc 16 --crop-size 96 --dataroot "
        "TILES",
    .reading = readings,
    .options = table,
    .count = COUNT,
    .max_files = 0,
    .config = CLI_CONFIG_FIRST,
    .run = cli_train_run,
};

/* Resolving -------------------------------------------------------------------------------------
 */

static const cli_value *value_of(const cli_args *a, const char *name)
{
    return &a->value[cli_option_find(a->verb, name, strlen(name))];
}

/* The published basic has three layers whatever --n_layers_D says; here the two may not differ. */
static int check_layers(const cli_args *a, rst_error *err)
{
    const cli_value *net = value_of(a, "netD"), *layers = value_of(a, "n-layers-D");
    if (!net->given || strcmp(net->text, "basic") != 0 || !layers->given || layers->i == 3)
        return 0;
    return rst_fail(err, RST_EINVAL, "--n-layers-D %s: basic has 3 layers; give --netD n_layers",
                    layers->text);
}

/* What only some networks have would be passed over; said so of what was typed. A file may hold
 * every setting. */
static int check_network(const cli_args *a, const rst_arch *net, const char *const (*only)[2],
                         int count, rst_error *err)
{
    char json[1024], key[64], name[32];
    int rc = rst_arch_to_json(net, json, sizeof json, err);
    for (int i = 0; rc == 0 && i < count; i++) {
        const cli_value *v = value_of(a, only[i][0]);
        (void)snprintf(key, sizeof key, "\"%s\":", only[i][1]);
        if (v->given && v->line == 0 && !strstr(json, key))
            rc = rst_fail(err, RST_EINVAL, "--%s: %s has no such option", only[i][0],
                          rst_arch_name(net, name));
    }
    return rc;
}

static int check_networks(const cli_args *a, const rst_train_options *o, rst_error *err)
{
    static const char *const of_g[][2] = { { "stem-k", "stem_k" },
                                           { "ammfi-levels", "ammfi_levels" },
                                           { "ammfi-reduction", "reduction" },
                                           { "normG", "norm" },
                                           { "no-dropout", "use_dropout" },
                                           { "no-antialias-up", "no_antialias_up" } };
    static const char *const of_d[][2] = { { "n-layers-D", "n_layers_D" } };
    int rc = check_network(a, &o->m.net_g, of_g, sizeof of_g / sizeof of_g[0], err);
    return rc < 0 ? rc : check_network(a, &o->m.net_d, of_d, sizeof of_d / sizeof of_d[0], err);
}

/* The same of settings that only some methods have. */
static int check_method(const cli_args *a, const char *method, rst_error *err)
{
    const rst_method_kind *k, *other;
    int rc = rst__method_kind_find(&k, method, err);
    for (int i = 0; rc == 0 && i < COUNT; i++) {
        const cli_value *v = &a->value[i];
        if (v->given && v->line == 0 && !rst__method_reads(k, table[i].name, &other))
            rc = rst_fail(err, RST_EINVAL, "--%s: %s has no such setting; %s has", table[i].name,
                          k->name, other->name);
    }
    return rc;
}

int cli_train_resolve(const cli_args *a, rst_train_options *out, rst_error *err)
{
    const char *method = a->value[CLI_TRAIN_METHOD].text;
    if (!method)
        return rst_fail(err, RST_EINVAL, "--method is missing; --method list names them");
    int rc = check_layers(a, err);
    if (rc == 0)
        rc = rst_train_preset(method, out, err);
    if (rc == 0)
        rc = cli_config_store(a, out, err);
    if (rc == 0)
        rc = check_networks(a, out, err);
    if (rc == 0)
        rc = check_method(a, method, err);
    if (rc == 0 && out->resume && out->overwrite)
        rc = rst_fail(err, RST_EINVAL, "--resume and --overwrite do not go together");
    if (rc == 0 && !out->name)
        out->name = out->method;
    if (rc == 0 && !out->dataroot && !a->print_config)
        rc = rst_fail(err, RST_EINVAL, "--dataroot is missing; see restain train --help");
    return rc;
}
