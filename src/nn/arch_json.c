/* SPDX-License-Identifier: MIT */
/* Descriptions of networks as JSON, in the words of the published options. */
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "nn/registry.h"

/** How a value is written. */
typedef enum field_kind {
    FIELD_INT,
    FIELD_INTS, /* a list; its length goes to `taps`, or is 8 for squeeze */
    FIELD_PAIR, /* two numbers, or one for both */
    FIELD_BOOL,
    FIELD_NOT, /* stored inverted: no_antialias */
    FIELD_WORD /* one of a list, stored as its number (bool: 0 or 1) */
} field_kind;

#define F(family) (1u << RST_NET_##family)
#define BACKBONES (F(RESNET) | F(UNET) | F(AMMFI))
#define JUDGES    (F(PATCHGAN) | F(PIXEL))
#define ROWS      (F(ALEXNET) | F(VGG16) | F(SQUEEZENET))
#define BLOCKS    (F(AMMFI_GATE) | F(CBAM) | F(CBAM_CHANNEL) | F(CBAM_SPATIAL))

static const char *const norm_words[] = { "instance", "batch", "none", NULL };
static const char *const weight_norm_words[] = { "none", "spectral", NULL };
static const char *const l2_words[] = { "cut", "asp", NULL };
static const char *const names_words[] = { "usual", "asp", "lpips", NULL };
static const char *const stats_words[] = { "train", "batch", "running", NULL };

static const struct field {
    const char *key;
    field_kind kind;
    size_t at;
    unsigned families;
    const char *const *words;
    bool in_only; /* a second name; not written */
} fields[] = {
#define AT(member) offsetof(rst_arch, member)
    { "input_nc", FIELD_INT, AT(input_nc),
      BACKBONES | JUDGES | F(RRDB) | F(STAINNET) | ROWS | F(RESNET50), NULL, false },
    { "output_nc", FIELD_INT, AT(output_nc), BACKBONES | F(RRDB) | F(STAINNET), NULL, false },
    { "ngf", FIELD_INT, AT(width), BACKBONES, NULL, false },
    { "ndf", FIELD_INT, AT(width), JUDGES, NULL, false },
    { "netF_nc", FIELD_INT, AT(width), F(SAMPLER), NULL, false },
    { "nf", FIELD_INT, AT(width), F(RRDB) | F(STAINNET) | F(RESNET50), NULL, false },
    { "channels", FIELD_INT, AT(width), BLOCKS, NULL, false },
    { "in_channels", FIELD_INT, AT(width), F(ATTENTION_GATE), NULL, false },
    { "gating_channels", FIELD_INT, AT(gating_nc), F(ATTENTION_GATE), NULL, false },
    { "inter_channels", FIELD_INT, AT(inter_nc), F(ATTENTION_GATE), NULL, false },
    { "sub_sample_factor", FIELD_PAIR, AT(sub_sample), F(ATTENTION_GATE), NULL, false },
    { "n_layers_D", FIELD_INT, AT(blocks), F(PATCHGAN), NULL, false },
    { "nb", FIELD_INT, AT(blocks), F(RRDB), NULL, false },
    { "gc", FIELD_INT, AT(growth), F(RRDB), NULL, false },
    { "sf", FIELD_INT, AT(scale), F(RRDB), NULL, false },
    { "n_downsampling", FIELD_INT, AT(n_downsampling), F(RESNET) | F(AMMFI), NULL, false },
    { "stem_k", FIELD_INT, AT(stem_k), F(RESNET) | F(AMMFI), NULL, false },
    { "ammfi_levels", FIELD_INT, AT(ammfi_levels), F(AMMFI), NULL, false },
    { "reduction", FIELD_INT, AT(reduction), F(AMMFI) | BLOCKS, NULL, false },
    { "ammfi_reduction", FIELD_INT, AT(reduction), F(AMMFI), NULL, true },
    { "norm", FIELD_WORD, AT(norm), BACKBONES | JUDGES, norm_words, false },
    { "weight_norm", FIELD_WORD, AT(spectral), F(RESNET) | F(AMMFI) | F(PATCHGAN),
      weight_norm_words, false },
    { "no_antialias", FIELD_NOT, AT(antialias), F(RESNET) | F(AMMFI) | F(PATCHGAN), NULL, false },
    { "no_antialias_up", FIELD_NOT, AT(antialias_up), F(RESNET) | F(AMMFI), NULL, false },
    { "use_dropout", FIELD_BOOL, AT(dropout), BACKBONES, NULL, false },
    { "no_dropout", FIELD_NOT, AT(dropout), BACKBONES, NULL, true },
    { "widths", FIELD_INTS, AT(widths), F(SAMPLER) | ROWS, NULL, false },
    { "squeeze", FIELD_INTS, AT(squeeze), F(SQUEEZENET), NULL, false },
    { "l2norm", FIELD_WORD, AT(l2norm), F(SAMPLER), l2_words, false },
    { "names", FIELD_WORD, AT(names), F(PATCHGAN) | ROWS, names_words, false },
    { "stats", FIELD_WORD, AT(stats), ~0u, stats_words, false },
#undef AT
};
enum { FIELDS = sizeof fields / sizeof fields[0] };

static bool belongs(const struct field *f, const rst_arch *a)
{
    return f->families >> a->family & 1;
}

static void *slot(const struct field *f, rst_arch *a)
{
    return (char *)a + f->at;
}

/* Enums are stored as int, truth values as bool. */
static bool is_bool(const struct field *f)
{
    return f->at == offsetof(rst_arch, spectral);
}

/* Reading ---------------------------------------------------------------------------------------
 */

static int bad(const struct field *f, rst_error *err)
{
    return rst_fail(err, RST_EINVAL, "network: %s has no such value", f->key);
}

static bool as_int(const json_t *v, int *out)
{
    if (!json_is_integer(v) || json_integer_value(v) < 0 || json_integer_value(v) > 1 << 20)
        return false;
    *out = (int)json_integer_value(v);
    return true;
}

static int read_ints(const struct field *f, const json_t *v, rst_arch *a, rst_error *err)
{
    size_t n = json_array_size(v);
    if (!json_is_array(v) || n > RST_MAX_TAPS)
        return bad(f, err);
    int *list = slot(f, a);
    for (size_t i = 0; i < n; i++)
        if (!as_int(json_array_get(v, i), &list[i]))
            return bad(f, err);
    if (f->at == offsetof(rst_arch, widths))
        a->taps = (int)n;
    return 0;
}

static bool read_pair(const json_t *v, int out[2])
{
    if (!json_is_array(v))
        return as_int(v, &out[0]) && as_int(v, &out[1]);
    return json_array_size(v) == 2 && as_int(json_array_get(v, 0), &out[0]) &&
           as_int(json_array_get(v, 1), &out[1]);
}

static int read_word(const struct field *f, const json_t *v, rst_arch *a, rst_error *err)
{
    const char *word = json_string_value(v);
    for (int i = 0; word && f->words[i]; i++) {
        if (strcmp(word, f->words[i]) != 0)
            continue;
        if (is_bool(f))
            *(bool *)slot(f, a) = i != 0;
        else
            *(int *)slot(f, a) = i;
        return 0;
    }
    return bad(f, err);
}

static int read_field(const struct field *f, const json_t *v, rst_arch *a, rst_error *err)
{
    switch (f->kind) {
    case FIELD_INT:
        return as_int(v, slot(f, a)) ? 0 : bad(f, err);
    case FIELD_INTS:
        return read_ints(f, v, a, err);
    case FIELD_PAIR:
        return read_pair(v, slot(f, a)) ? 0 : bad(f, err);
    case FIELD_BOOL:
    case FIELD_NOT:
        if (!json_is_boolean(v))
            return bad(f, err);
        *(bool *)slot(f, a) = json_is_true(v) == (f->kind == FIELD_BOOL);
        return 0;
    case FIELD_WORD:
        return read_word(f, v, a, err);
    }
    return bad(f, err);
}

static const struct field *field_of(const char *key, const rst_arch *a, bool *known)
{
    const struct field *found = NULL;
    for (int i = 0; i < FIELDS; i++) {
        if (strcmp(fields[i].key, key) != 0)
            continue;
        *known = true;
        if (belongs(&fields[i], a))
            found = &fields[i];
    }
    return found;
}

static bool names_net(const char *key)
{
    return strcmp(key, "net") == 0 || strcmp(key, "netG") == 0 || strcmp(key, "netD") == 0 ||
           strcmp(key, "netF") == 0;
}

static const char *net_of(const json_t *o)
{
    static const char *const key[] = { "net", "netG", "netD", "netF" };
    for (size_t i = 0; i < sizeof key / sizeof key[0]; i++)
        if (json_is_string(json_object_get(o, key[i])))
            return json_string_value(json_object_get(o, key[i]));
    return NULL;
}

/* What a code base fixes without an option of its own. */
static void of_repo(const json_t *o, rst_arch *a)
{
    const char *repo = json_string_value(json_object_get(o, "repo"));
    if (!repo)
        return;
    bool asp = strcmp(repo, "asp") == 0 || strcmp(repo, "paper") == 0;
    if (a->family == RST_NET_PATCHGAN)
        a->names = asp ? RST_NAMES_ASP : RST_NAMES_USUAL;
    if (a->family == RST_NET_SAMPLER)
        a->l2norm = asp ? RST_L2_ASP : RST_L2_CUT;
}

int rst__arch_from_options(const json_t *o, const char *net, bool lenient, rst_arch *out,
                           rst_error *err)
{
    net = net ? net : net_of(o);
    if (!net)
        return rst_fail(err, RST_EINVAL, "network: the description names no net");
    int rc = rst_arch_preset(net, out, err);
    if (rc < 0)
        return rc;
    of_repo(o, out);
    bool basic = strcmp(net, "basic") == 0; /* has three layers whatever n_layers_D says */
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)o, key, v)
    {
        bool known = names_net(key) || strcmp(key, "repo") == 0;
        const struct field *f = field_of(key, out, &known);
        if (!known && !lenient)
            return rst_fail(err, RST_EINVAL, "network: no option is called '%.60s'", key);
        if (!f || (basic && strcmp(key, "n_layers_D") == 0))
            continue;
        if ((rc = read_field(f, v, out, err)) < 0)
            return rc;
    }
    return rst__arch_check(out, err);
}

int rst_arch_from_json(const char *json, rst_arch *out, rst_error *err)
{
    json_t *o = rst__json_parse(json, strlen(json), "network description", err);
    if (!o)
        return RST_EFORMAT;
    int rc = json_is_object(o) ? rst__arch_from_options(o, NULL, false, out, err)
                               : rst_fail(err, RST_EFORMAT, "network description: not an object");
    json_decref(o);
    return rc;
}

/* Writing ---------------------------------------------------------------------------------------
 */

static json_t *ints(const struct field *f, rst_arch *a)
{
    int n = f->at == offsetof(rst_arch, widths) ? a->taps : 8;
    json_t *list = json_array();
    for (int i = 0; i < n; i++)
        (void)json_array_append_new(list, json_integer(((int *)slot(f, a))[i]));
    return list;
}

static json_t *write_field(const struct field *f, rst_arch *a)
{
    switch (f->kind) {
    case FIELD_INT:
        return json_integer(*(int *)slot(f, a));
    case FIELD_PAIR: {
        const int *two = slot(f, a);
        return two[0] == two[1] ? json_integer(two[0]) : json_pack("[i,i]", two[0], two[1]);
    }
    case FIELD_INTS:
        return ints(f, a);
    case FIELD_BOOL:
        return json_boolean(*(bool *)slot(f, a));
    case FIELD_NOT:
        return json_boolean(!*(bool *)slot(f, a));
    case FIELD_WORD:
        return json_string(f->words[is_bool(f) ? *(bool *)slot(f, a) : *(int *)slot(f, a)]);
    }
    return NULL;
}

int rst_arch_to_json(const rst_arch *a, char *buf, size_t size, rst_error *err)
{
    int rc = rst__arch_check(a, err);
    if (rc < 0)
        return rc;
    rst_arch copy = *a;
    char name[32];
    json_t *o = json_object();
    rc = json_object_set_new(o, "net", json_string(rst_arch_name(a, name)));
    for (int i = 0; i < FIELDS && rc == 0; i++)
        if (belongs(&fields[i], a) && !fields[i].in_only)
            rc = json_object_set_new(o, fields[i].key, write_field(&fields[i], &copy));
    size_t n = rc == 0 ? json_dumpb(o, buf, size, JSON_COMPACT) : 0;
    json_decref(o);
    if (rc < 0)
        return rst__fail_nomem(err, "network description");
    if (n == 0 || n >= size)
        return rst_fail(err, RST_EINVAL, "network description: does not fit %zu bytes", size);
    buf[n] = '\0';
    return 0;
}
