/* SPDX-License-Identifier: MIT */
#include <restain/model.h>

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "cli/report.h"
#include "cli/verbs.h"

enum {
    ARCH,
    INIT,
    RAW,
    MPP,
    RECIPE,
    BN,
    DROPOUT,
    INIT_TYPE,
    INIT_GAIN,
    SEED,
    OVERWRITE,
    QUIET,
    FIRST_OF_ARCH
};

#define SIZE(name, what)                                                                           \
    {                                                                                              \
        name, 0, CLI_INT, "N", .lo = 0, .hi = 16384, .help = what                                  \
    }
#define WORD(name, list, what)                                                                     \
    {                                                                                              \
        name, 0, CLI_WORD, .words = list, .help = what                                             \
    }
#define SWITCH(name, what)                                                                         \
    {                                                                                              \
        name, 0, CLI_FLAG, .help = what                                                            \
    }

static const cli_option options[] = {
    [ARCH] = { "arch", 0, CLI_TEXT, "NAME",
               .help = "What the network is (resnet_6blocks, unet_256, ammfi_6blocks, basic, "
                       "stainnet, ...), with its options below, instead of recognising it" },
    [INIT] = { "init", 0, CLI_TEXT, "NAME",
               .help = "Make a network of this name with fresh random weights, marked untrained" },
    [RAW] = { "raw", 0, CLI_FLAG, .help = "Convert tensors of any kind; no card is written" },
    [MPP] = { "mpp", 0, CLI_REAL, "UM", .lo = 0.01, .hi = 100,
              .help = "Micrometres per pixel the network was trained at, for its card" },
    [RECIPE] = { "recipe", 0, CLI_TEXT, "TEXT",
                 .help = "How the network was trained, for its card: cut, asp, pix2pix, ..." },
    [BN] = { "bn", 0, CLI_WORD, .words = "batch|running",
             .help = "What translate --bn is for this network if it is not given, for its card" },
    [DROPOUT] = { "dropout", 0, CLI_FLAG, .help = "Dropout acts when it translates, for its card" },
    [INIT_TYPE] = { "init-type", 0, CLI_WORD, .words = "normal|xavier|kaiming|orthogonal",
                    .usual = "xavier", .help = "With --init: how weights are drawn" },
    [INIT_GAIN] = { "init-gain", 0, CLI_REAL, "X", .lo = 0, .hi = 1000, .usual = "0.02",
                    .help = "With --init: scale of normal, xavier and orthogonal" },
    [SEED] = { "seed", 0, CLI_INT, "N", .lo = 0, .hi = 9007199254740992.0, .usual = "0",
               .help = "With --init: the same seed gives the same file" },
    [OVERWRITE] = { "overwrite", 0, CLI_FLAG, .help = "Replace the output if it exists" },
    [QUIET] = { "quiet", 'q', CLI_FLAG, .help = "Say nothing unless it fails" },
    [FIRST_OF_ARCH] = SIZE("input-nc", "Channels in"),
    SIZE("output-nc", "Channels out"),
    SIZE("ngf", "Width of a generator"),
    SIZE("ndf", "Width of a discriminator"),
    SIZE("netF-nc", "Width of a patch sampler"),
    SIZE("nf", "Width of RRDBNet, StainNet and ResNet-50"),
    SIZE("nb", "RRDBNet: blocks"),
    SIZE("gc", "RRDBNet: growth"),
    SIZE("n-layers-D", "Layers of a patch discriminator"),
    SIZE("n-downsampling", "Times a ResNet generator halves its input"),
    SIZE("stem-k", "Side of its first kernel, 3 or 7"),
    SIZE("ammfi-levels", "ammfi: 1 full, 2 half, 4 quarter size, added up"),
    SIZE("reduction", "Bottleneck of channel attention"),
    SIZE("channels", "Width of an attention block"),
    SIZE("in-channels", "attention_gate: channels of the skip"),
    SIZE("gating-channels", "attention_gate: channels of the gating signal"),
    SIZE("inter-channels", "attention_gate: channels between"),
    SIZE("sub-sample-factor", "attention_gate: size of the skip over the gating signal"),
    WORD("norm", "instance|batch|none", "Type of the normalisation layers"),
    WORD("weight-norm", "none|spectral", "Spectral norm on convolutions"),
    SWITCH("no-antialias", "Strided convolutions instead of blur-pooling on the way down"),
    SWITCH("no-antialias-up", "Transposed convolutions instead of blur-pooling on the way up"),
    SWITCH("use-dropout", "Dropout layers"),
    SWITCH("no-dropout", "No dropout layers"),
    WORD("l2norm", "cut|asp", "Patch sampler: whose normalisation"),
    WORD("names", "usual|asp|lpips", "Whose names the tensors have"),
};
enum { COUNT = sizeof options / sizeof options[0] };
_Static_assert((int)COUNT <= (int)CLI_OPTIONS, "room for every option");

/* The network's description ---------------------------------------------------------------------
 */

static json_t *value_of(const cli_option *o, const cli_value *v)
{
    if (o->kind == CLI_FLAG)
        return json_true();
    return o->kind == CLI_INT ? json_integer(v->i) : json_string(v->text);
}

/* {"net": name, and the options that were given}, into buf. */
static int arch_json(const cli_args *a, const char *name, char *buf, size_t size, rst_error *err)
{
    char key[64];
    json_t *o = json_object();
    int rc = json_object_set_new(o, "net", json_string(name));
    for (int i = FIRST_OF_ARCH; rc == 0 && i < COUNT; i++) {
        cli_option_key(&options[i], key);
        if (a->value[i].given)
            rc = json_object_set_new(o, key, value_of(&options[i], &a->value[i]));
    }
    size_t n = rc == 0 ? json_dumpb(o, buf, size, JSON_COMPACT) : 0;
    json_decref(o);
    if (n == 0 || n >= size)
        return rst_fail(err, RST_EINVAL, "%.60s: the network's name is not UTF-8", name);
    buf[n] = 0;
    return 0;
}

/* An option that this network does not have would be passed over; say so instead. */
static int check_options(const cli_args *a, const rst_arch *arch, const char *name, rst_error *err)
{
    char text[2048], key[64], quoted[72];
    int rc = rst_arch_to_json(arch, text, sizeof text, err);
    for (int i = FIRST_OF_ARCH; rc == 0 && i < COUNT; i++) {
        if (!a->value[i].given)
            continue;
        cli_option_key(&options[i], key);
        const char *stored = strcmp(key, "no_dropout") == 0 ? "use_dropout" : key;
        (void)snprintf(quoted, sizeof quoted, "\"%s\":", stored);
        if (!strstr(text, quoted))
            rc = rst_fail(err, RST_EINVAL, "--%s: %s has no such option", options[i].name, name);
    }
    return rc;
}

static int arch_of(const cli_args *a, const char *name, rst_arch *arch, char *json, size_t size,
                   rst_error *err)
{
    int rc = arch_json(a, name, json, size, err);
    if (rc == 0)
        rc = rst_arch_from_json(json, arch, err);
    return rc < 0 ? rc : check_options(a, arch, name, err);
}

/* The verb --------------------------------------------------------------------------------------
 */

static int check_usage(const cli_args *a, rst_error *err)
{
    const cli_value *v = a->value;
    const int want = v[INIT].given ? 1 : 2;
    if (a->files != want)
        return rst_fail(err, RST_EINVAL, "convert takes %s, %d given",
                        want == 1 ? "one file, the output, with --init" : "two files, IN and OUT",
                        a->files);
    for (int i = 0; i < COUNT; i++) {
        bool of_card = i == RECIPE || i == BN || i == DROPOUT;
        if (v[i].given && v[INIT].given && (i == ARCH || i == RAW || of_card))
            return rst_fail(err, RST_EINVAL, "--init does not go with --%s", options[i].name);
        if (v[i].given && v[RAW].given && (i == ARCH || i == MPP || of_card))
            return rst_fail(err, RST_EINVAL, "--raw writes no card, so it does not go with --%s",
                            options[i].name);
        bool of_init = i == INIT_TYPE || i == INIT_GAIN || i == SEED;
        if (v[i].given && of_init && !v[INIT].given)
            return rst_fail(err, RST_EINVAL, "--%s: only with --init", options[i].name);
        if (v[i].given && i >= FIRST_OF_ARCH && !v[INIT].given && !v[ARCH].given)
            return rst_fail(err, RST_EINVAL, "--%s: only with --arch or --init", options[i].name);
    }
    const char *out = a->file[want - 1];
    if (!v[OVERWRITE].given && rst__exists(out))
        return rst_fail(err, RST_EINVAL, "%s: exists; give --overwrite to replace it", out);
    return 0;
}

static int init(const cli_args *a, rst_error *err)
{
    static const rst_init_kind kinds[] = { RST_INIT_NORMAL, RST_INIT_XAVIER, RST_INIT_KAIMING,
                                           RST_INIT_ORTHOGONAL };
    const cli_value *v = a->value;
    char json[2048];
    rst_arch arch;
    const rst_init_options o = { .kind = kinds[v[INIT_TYPE].i],
                                 .gain = v[INIT_GAIN].d,
                                 .seed = (uint64_t)v[SEED].i,
                                 .mpp = v[MPP].d };
    int rc = arch_of(a, v[INIT].text, &arch, json, sizeof json, err);
    if (rc < 0)
        return rc;
    cli_guard(a->file[0]);
    rc = rst_model_init(a->file[0], &arch, &o, err);
    cli_guard(NULL);
    if (rc == 0 && !v[QUIET].given)
        cli_say("%s: %s with fresh weights, untrained", a->file[0], v[INIT].text);
    return rc;
}

static int convert(const cli_args *a, rst_error *err)
{
    const cli_value *v = a->value;
    char json[2048], name[32];
    rst_arch arch;
    rst_convert_report r;
    rst_convert_options o = {
        .raw = v[RAW].given, .mpp = v[MPP].d, .recipe = v[RECIPE].text, .dropout = v[DROPOUT].given
    };
    if (v[BN].given)
        o.bn = v[BN].i == 0 ? RST_MODEL_BN_BATCH : RST_MODEL_BN_RUNNING;
    int rc = 0;
    if (v[ARCH].given) {
        rc = arch_of(a, v[ARCH].text, &arch, json, sizeof json, err);
        o.arch = json;
    }
    if (rc < 0)
        return rc;
    cli_guard(a->file[1]);
    rc = rst_model_convert(a->file[0], a->file[1], &o, &r, err);
    cli_guard(NULL);
    if (rc < 0)
        return rc;
    if (*r.note)
        cli_say("warning: %s: %s", a->file[0], r.note);
    if (!v[QUIET].given)
        cli_say("%s: %s", a->file[1], r.known ? rst_arch_name(&r.arch, name) : "plain tensors");
    return 0;
}

static int run(const cli_args *a, rst_error *err)
{
    int rc = check_usage(a, err);
    if (rc < 0)
        return rc;
    if (a->value[QUIET].given)
        cli_report_quiet();
    return a->value[INIT].given ? init(a, err) : convert(a, err);
}

const cli_verb cli_verb_convert = {
    .name = "convert",
    .usage = "[OPTION...] IN OUT | --init NAME [OPTION...] OUT",
    .brief = "convert weights, or make fresh ones",
    .text =
        "Reads weights of any container, safetensors or both kinds of .pth, and writes what the "
        "output's name ends in: .safetensors, .pth for PyTorch, or .onnx, a network as other "
        "programs run it (operator set 17, pictures of any size). No Python is needed and no "
        "pickle is executed. The network is recognised from the tensors' names and shapes and "
        "every tensor is checked against it; a safetensors file carries a card that says what "
        "it is and where it came from.\n"
        "The options from --input-nc on describe a network, for --arch and --init, in the words "
        "of the published code.",
    .examples = "restain convert latest_net_G.pth her2.safetensors --mpp 0.4661\n"
                "restain convert her2.safetensors back.pth\n"
                "restain convert her2.safetensors her2.onnx\n"
                "restain convert --init resnet_6blocks --ngf 32 --seed 1 fresh.safetensors\n"
                "restain convert --raw alex.pth lpips.safetensors",
    .options = options,
    .count = COUNT,
    .min_files = 0,
    .max_files = 2,
    .run = run,
};
