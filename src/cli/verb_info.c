/* SPDX-License-Identifier: MIT */
#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "cli/report.h"
#include "cli/verbs.h"
#include "run/inspect.h"

/* Printing an object ----------------------------------------------------------------------------
 */

static void print_scalar(const json_t *v)
{
    switch (json_typeof(v)) {
    case JSON_STRING:
        (void)printf("%s", json_string_value(v));
        break;
    case JSON_INTEGER:
        (void)printf("%lld", (long long)json_integer_value(v));
        break;
    case JSON_REAL:
        (void)printf("%.6g", json_real_value(v));
        break;
    case JSON_TRUE:
        (void)printf("yes");
        break;
    case JSON_FALSE:
        (void)printf("no");
        break;
    default:
        (void)printf("-");
    }
}

static void print_list(const json_t *list)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const char *before = i ? json_string_value(json_array_get(list, i - 1)) : NULL;
        (void)printf("%s", i == 0 ? "" : before && strchr(before, ' ') ? "; " : " ");
        print_scalar(json_array_get(list, i));
    }
}

/* "key: value" lines; what is an object itself goes below its key. */
static void print_object(const json_t *o, int indent)
{
    const char *key;
    json_t *v;
    json_object_foreach((json_t *)o, key, v)
    {
        char label[64];
        (void)snprintf(label, sizeof label, "%s:", key);
        for (char *p = label; *p; p++)
            if (*p == '_' && indent == 0)
                *p = ' ';
        if (json_is_object(v) && strcmp(key, "arch") == 0)
            continue; /* a card's: the same as the options above it */
        (void)printf("%*s%-*s ", indent, "", 18 - indent, label);
        if (json_is_array(v))
            print_list(v);
        else if (!json_is_object(v))
            print_scalar(v);
        (void)printf("\n");
        if (json_is_object(v))
            print_object(v, indent + 2);
    }
}

static int to_stdout(const char *buf, size_t size, void *user)
{
    (void)user;
    return fwrite(buf, 1, size, stdout) == size ? 0 : -1;
}

int cli_print_json(const json_t *o, bool json, rst_error *err)
{
    if (!json) {
        print_object(o, 0);
        return 0;
    }
    if (json_dump_callback(o, to_stdout, NULL, JSON_COMPACT) != 0)
        return rst_fail(err, RST_EOUTPUT, "standard output: cannot be written");
    (void)printf("\n");
    return 0;
}

/* The verb --------------------------------------------------------------------------------------
 */

enum { JSON, COUNT };

static const cli_option options[COUNT] = {
    [JSON] = { "json", 0, CLI_FLAG, .help = "One JSON object a line, for programs" },
};

static int run(const cli_args *a, rst_error *err)
{
    const bool json = a->value[JSON].given;
    int failed = 0, rc = 0;
    for (int i = 0; i < a->files; i++) {
        rst_error why = RST_ERROR_INIT;
        json_t *o;
        int one = rst__inspect(&o, a->file[i], &why);
        if (one == 0) {
            if (i > 0 && !json)
                (void)printf("\n");
            one = cli_print_json(o, json, &why);
            json_decref(o);
        }
        if (one < 0 && a->files == 1)
            return rst_fail(err, one, "%s", why.msg);
        if (one < 0)
            cli_say("failed: %s", why.msg);
        failed += one < 0;
    }
    if (failed)
        rc = rst_fail(err, RST_EPARTIAL, "%d of %d files failed", failed, a->files);
    return rc;
}

const cli_verb cli_verb_info = {
    .name = "info",
    .usage = "[--json] FILE...",
    .brief = "say what a file is",
    .text =
        "Reads pictures (PNG, JPEG, TIFF) and weights (safetensors, .pth), whole, so that damage "
        "is found, and prints what is in them: size, channels and micrometres per pixel; or the "
        "container, the tensors, the network they belong to, its options, and its card. Of a "
        "slide it reads what the file says of itself: the vendor, micrometres per pixel, "
        "magnification, width, height and downsample of each level, and what is odd about it.",
    .examples = "restain info tile.png\n"
                "restain info slide.svs\n"
                "restain info --json latest_net_G.pth",
    .options = options,
    .count = COUNT,
    .min_files = 1,
    .max_files = -1,
    .run = run,
};
