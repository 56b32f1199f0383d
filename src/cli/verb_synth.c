/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "cli/report.h"
#include "cli/verbs.h"
#include "slide/make.h"

enum {
    SLIDE,
    SEED,
    TISSUE,
    MPP,
    TILE,
    LEVELS,
    COMPRESSION,
    QUALITY,
    LAYOUT,
    CLASSIC,
    BIGENDIAN,
    MISLABELLED,
    SPOILT,
    KEEP,
    OVERWRITE,
    QUIET,
    COUNT
};

static const cli_option options[COUNT] = {
    [SLIDE] = { "slide", 0, CLI_TEXT, "WxH", .required = true,
                .help = "Make a slide of this many pixels" },
    [SEED] = { "seed", 0, CLI_INT, "N", .lo = 0, .hi = 9007199254740992.0, .usual = "0",
               .help = "The same seed gives the same bytes" },
    [TISSUE] = { "tissue", 0, CLI_REAL, "X", .lo = 0, .hi = 1, .usual = "0.5",
                 .help = "Share of the slide that is tissue" },
    [MPP] = { "mpp", 0, CLI_REAL, "UM", .lo = 0, .hi = 100000, .usual = "0.5",
              .help = "Micrometres per pixel that the file claims; 0: it does not tell" },
    [TILE] = { "tile", 0, CLI_INT, "N", .lo = 16, .hi = 4096, .usual = "512",
               .help = "Side of a stored tile in pixels, a multiple of 16" },
    [LEVELS] = { "levels", 0, CLI_INT, "N", .lo = 1, .hi = 30, .help = "Levels at most" },
    [COMPRESSION] = { "compression", 0, CLI_WORD, .words = "jpeg|deflate|none", .usual = "jpeg",
                      .help = "How tiles are stored" },
    [QUALITY] = { "quality", 0, CLI_INT, "N", .lo = 1, .hi = 100, .usual = "90",
                  .help = "JPEG quality" },
    [LAYOUT] = { "layout", 0, CLI_WORD, .words = "hybrid|chain|subifd", .usual = "hybrid",
                 .help = "Where the smaller levels are: pages and SubIFDs, pages, or SubIFDs" },
    [CLASSIC] = { "classic", 0, CLI_FLAG, .help = "Classic TIFF instead of BigTIFF" },
    [BIGENDIAN] = { "big-endian", 0, CLI_FLAG, .help = "The other byte order" },
    [MISLABELLED] = { "mislabelled", 0, CLI_FLAG,
                      .help = "Call the JPEG tiles RGB, which they are not, as some programs do" },
    [SPOILT] = { "spoilt", 0, CLI_REAL, "X", .lo = 0, .hi = 1,
                 .help = "Damage the tile this far into the slide" },
    [KEEP] = { "keep", 0, CLI_REAL, "X", .lo = 0, .hi = 1,
               .help = "Cut the file to this share of its bytes" },
    [OVERWRITE] = { "overwrite", 0, CLI_FLAG, .help = "Replace the output if it exists" },
    [QUIET] = { "quiet", 'q', CLI_FLAG, .help = "Say nothing unless it fails" },
};
_Static_assert((int)COUNT <= (int)CLI_OPTIONS, "room for every option");

/* "WxH"; false when it is anything else. */
static bool parse_size(const char *text, int64_t *w, int64_t *h)
{
    char *end;
    if (!strchr("123456789", *text))
        return false;
    *w = strtoll(text, &end, 10);
    if (*end != 'x' || !end[1] || !strchr("123456789", end[1]))
        return false;
    *h = strtoll(end + 1, &end, 10);
    return !*end;
}

static int run(const cli_args *a, rst_error *err)
{
    const cli_value *v = a->value;
    const char *out = a->file[0];
    rst_slide_recipe r = { .seed = (uint64_t)v[SEED].i,
                           .tissue = v[TISSUE].d,
                           .empty = v[TISSUE].d == 0,
                           .mpp = v[MPP].d,
                           .tile = (int)v[TILE].i,
                           .quality = (int)v[QUALITY].i,
                           .max_levels = v[LEVELS].given ? (int)v[LEVELS].i : 0,
                           .compression = (rst_pyramid_compression)v[COMPRESSION].i,
                           .layout = (rst_pyramid_layout)v[LAYOUT].i,
                           .classic = v[CLASSIC].given,
                           .big_endian = v[BIGENDIAN].given,
                           .mislabelled = v[MISLABELLED].given,
                           .spoilt = v[SPOILT].given ? v[SPOILT].d : 0,
                           .keep = v[KEEP].given ? v[KEEP].d : 0 };
    if (!parse_size(v[SLIDE].text, &r.width, &r.height))
        return rst_fail(err, RST_EINVAL, "--slide: '%s' is no size like 20000x15000",
                        v[SLIDE].text);
    if (!v[OVERWRITE].given && rst__exists(out))
        return rst_fail(err, RST_EINVAL, "%s: exists; give --overwrite to replace it", out);
    if (v[QUIET].given)
        cli_report_quiet();
    cli_guard(out);
    const int rc = rst__slide_make(out, &r, err);
    cli_guard(NULL);
    if (rc == 0 && !v[QUIET].given)
        cli_say("%s: a made slide of %lld x %lld pixels", out, (long long)r.width,
                (long long)r.height);
    return rc;
}

const cli_verb cli_verb_synth = {
    .name = "synth",
    .usage = "--slide WxH [OPTION...] OUT",
    .brief = "make a slide of invented tissue, to try things on",
    .text = "Writes a pyramidal TIFF with H&E-like stroma, nests of cells and nuclei on white. Any "
            "size is made in little memory, and the same options give the same bytes. The other "
            "options make the kinds of files that scanners and converters write, damaged ones "
            "too.",
    .examples = "restain synth --slide 20000x20000 trial.ome.tif\n"
                "restain synth --slide 4096x3072 --layout subifd --big-endian --mpp 0 odd.tif",
    .options = options,
    .count = COUNT,
    .min_files = 1,
    .max_files = 1,
    .run = run,
};
