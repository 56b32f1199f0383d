/* SPDX-License-Identifier: MIT */
#include <stdlib.h>
#include <string.h>

#include <restain/synth.h>

#include "base/err.h"
#include "base/file.h"
#include "cli/report.h"
#include "cli/verbs.h"
#include "slide/make.h"

enum {
    PAIRS,
    SIZE,
    LEVEL,
    VAL,
    JPEG,
    SLIDE,
    IHC,
    TRUTH,
    PATTERN,
    SEED,
    TUMOUR,
    STAIN,
    SCANNER,
    SHIFT,
    ELASTIC,
    FLAWS,
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
    OUTPUT,
    OVERWRITE,
    QUIET,
    COUNT
};

static const cli_option options[COUNT] = {
    [PAIRS] = { "pairs", 0, CLI_INT, "N", .lo = 1, .hi = 99999,
                .help = "Make a data set of so many H&E and IHC-HER2 pairs, with their truth" },
    [SIZE] = { "size", 0, CLI_INT, "S", .lo = 16, .hi = 8192, .usual = "512",
               .help = "Side of a pair's pictures in pixels" },
    [LEVEL] = { "level", 0, CLI_INT, "N", .lo = 0, .hi = 3,
                .help =
                    "HER2 level of all tumour. By default pairs take 0, 1+, 2+ and 3+ in turn, and "
                    "each region of a slide has its own" },
    [VAL] = { "val-share", 0, CLI_REAL, "X", .lo = 0, .hi = 1, .usual = "0.2",
              .help = "Share of the pairs that go into valA and valB" },
    [JPEG] = { "jpeg", 0, CLI_INT, "Q", .lo = 1, .hi = 100,
               .help = "Write the pairs as JPEG of this quality instead of PNG" },
    [SLIDE] = { "slide", 0, CLI_TEXT, "WxH", .help = "Make a slide of this many pixels" },
    [IHC] = { "ihc", 0, CLI_PATH, "FILE", .help = "Write the slide's IHC-HER2 too" },
    [TRUTH] = { "truth", 0, CLI_PATH, "FILE",
                .help =
                    "Write what is true of the slide too, lossless: red is the HER2 level (255: no "
                    "tumour), green 100 x optical density of the DAB, blue the kind of nucleus" },
    [PATTERN] = { "pattern", 0, CLI_FLAG,
                  .help = "Fill the slide with a plain, quick pattern instead of tissue" },
    [SEED] = { "seed", 0, CLI_INT, "N", .lo = 0, .hi = 9007199254740992.0, .usual = "0",
               .help = "The same seed gives the same bytes" },
    [TUMOUR] = { "tumour", 0, CLI_REAL, "X", .lo = 0, .hi = 1, .usual = "0.5",
                 .help = "About the share of a slide's tissue that is tumour" },
    [STAIN] = { "stain-variation", 0, CLI_REAL, "X", .lo = 0, .hi = 1, .usual = "1",
                .help = "How much the H&E's stains differ from pair to pair, from seed to seed" },
    [SCANNER] = { "scanner-variation", 0, CLI_REAL, "X", .lo = 0, .hi = 1, .usual = "1",
                  .help = "How much the scanner's blur, white and noise differ" },
    [SHIFT] = { "shift", 0, CLI_REAL, "UM", .lo = 0, .hi = 1000, .usual = "0",
                .help = "Lay the IHC this many micrometres aside, as a serial section lies; truth "
                        "stays with the H&E" },
    [ELASTIC] = { "elastic", 0, CLI_REAL, "UM", .lo = 0, .hi = 50, .usual = "0",
                  .help = "Bend the IHC's section by this many micrometres" },
    [FLAWS] = { "artefacts", 0, CLI_REAL, "X", .lo = 0, .hi = 1, .usual = "0",
                .help = "How often folds, pen, bubbles and fields out of focus are met" },
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
    [OUTPUT] = { "output", 'o', CLI_PATH, "OUT", .help = "The folder of pairs, or the slide" },
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

static int progress(void *user, int64_t done, int64_t total)
{
    (void)user;
    cli_progress(done, total);
    return 0;
}

/* What pairs and slides share. */
static rst_synth_options tissue_options(const cli_value *v)
{
    rst_synth_options o = rst_synth_defaults();
    o.seed = (uint64_t)v[SEED].i;
    o.level = v[LEVEL].given ? (int)v[LEVEL].i : -1;
    if (v[PAIRS].given || (v[MPP].d >= 0.2 && v[MPP].d <= 2))
        o.mpp = v[MPP].d; /* a slide may claim any */
    o.tumour = v[TUMOUR].d;
    o.stain = v[STAIN].d;
    o.scanner = v[SCANNER].d;
    o.shift = v[SHIFT].d;
    o.elastic = v[ELASTIC].d;
    o.flaws = v[FLAWS].d;
    return o;
}

static int make_pairs(const cli_value *v, const char *out, rst_error *err)
{
    rst_synth_pairs_options o = rst_synth_pairs_defaults();
    o.pairs = v[PAIRS].i;
    o.size = v[SIZE].i;
    o.val_share = v[VAL].d;
    o.jpeg = v[JPEG].given ? (int)v[JPEG].i : 0;
    o.overwrite = v[OVERWRITE].given;
    o.slide = tissue_options(v);
    o.progress = progress;
    const int rc = rst_synth_pairs(out, &o, err);
    if (rc == 0 && !v[QUIET].given)
        cli_say("%s: %lld pairs of %lld x %lld pixels, with their truth", out, (long long)o.pairs,
                (long long)o.size, (long long)o.size);
    return rc;
}

static rst_slide_recipe recipe_of(const cli_value *v)
{
    return (rst_slide_recipe){ .seed = (uint64_t)v[SEED].i,
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
                               .keep = v[KEEP].given ? v[KEEP].d : 0,
                               .progress = progress };
}

static int write_slide(const cli_value *v, const char *out, const rst_slide_recipe *r,
                       rst_error *err)
{
    cli_guard(out);
    const int rc = rst__slide_make(out, r, err);
    cli_guard(NULL);
    if (rc == 0 && !v[QUIET].given)
        cli_say("%s: a made slide of %lld x %lld pixels", out, (long long)r->width,
                (long long)r->height);
    return rc;
}

/* The H&E and what is asked for beside it. */
static int write_tissue(const cli_value *v, const char *out, rst_slide_recipe *r, rst_error *err)
{
    rst_synth_options o = tissue_options(v);
    rst_synth *s;
    o.width = r->width;
    o.height = r->height;
    o.tissue = v[TISSUE].d;
    int rc = rst_synth_new(&s, &o, err);
    if (rc < 0)
        return rc;
    r->synth = s;
    rc = write_slide(v, out, r, err);
    r->part = RST_SLIDE_IHC;
    if (rc == 0 && v[IHC].given)
        rc = write_slide(v, v[IHC].text, r, err);
    r->part = RST_SLIDE_TRUTH;
    r->compression = RST_PYRAMID_DEFLATE;
    if (rc == 0 && v[TRUTH].given)
        rc = write_slide(v, v[TRUTH].text, r, err);
    rst_synth_free(s);
    return rc;
}

static int make_slide(const cli_value *v, const char *out, rst_error *err)
{
    rst_slide_recipe r = recipe_of(v);
    if (!parse_size(v[SLIDE].text, &r.width, &r.height))
        return rst_fail(err, RST_EINVAL, "--slide: '%s' is no size like 20000x15000",
                        v[SLIDE].text);
    const char *const file[] = { out, v[IHC].text, v[TRUTH].text };
    for (int k = 0; k < 3 && !v[OVERWRITE].given; k++)
        if (file[k] && rst__exists(file[k]))
            return rst_fail(err, RST_EINVAL, "%s: exists; give --overwrite to replace it", file[k]);
    if (v[PATTERN].given && (v[IHC].given || v[TRUTH].given))
        return rst_fail(err, RST_EINVAL, "--pattern: a pattern has neither --ihc nor --truth");
    return v[PATTERN].given ? write_slide(v, out, &r, err) : write_tissue(v, out, &r, err);
}

static int run(const cli_args *a, rst_error *err)
{
    const cli_value *v = a->value;
    const char *out = v[OUTPUT].given ? v[OUTPUT].text : a->files ? a->file[0] : NULL;
    if (!out || (v[OUTPUT].given && a->files))
        return rst_fail(err, RST_EINVAL, "synth: name one output, with -o or by itself");
    if (v[PAIRS].given == v[SLIDE].given)
        return rst_fail(err, RST_EINVAL, "synth: give either --pairs or --slide");
    if (v[QUIET].given)
        cli_report_quiet();
    return v[PAIRS].given ? make_pairs(v, out, err) : make_slide(v, out, err);
}

const cli_verb cli_verb_synth = {
    .name = "synth",
    .usage = "(--pairs N | --slide WxH) [OPTION...] -o OUT",
    .brief = "make invented tissue: pairs of H&E and IHC with known truth, or a slide",
    .text =
        "--pairs writes a data set in the layout of MIST (trainA, trainB, valA, valB) and "
        "beside it "
        "what is true of it: truth/SPLIT/NAME.level.png (HER2 level of the tumour, 255 "
        "elsewhere), NAME.dab.png (100 x optical density of the DAB), NAME.nuclei.png (kind in "
        "red, number in green and blue) and manifest.tsv. The level shows in the H&E by the "
        "form of the cells, not by colour.\n"
        "--slide writes a pyramidal TIFF of the same tissue, on glass, whose tumour regions differ "
        "in "
        "level; --ihc and --truth write what belongs to it. Any size is made in little memory. The "
        "other options make the kinds of files that scanners and converters write, damaged ones "
        "too.\n"
        "The same options give the same bytes.",
    .examples = "restain synth --pairs 400 --size 512 --seed 1 -o synthetic\n"
                "restain synth --slide 20000x20000 --ihc ihc.ome.tif trial.ome.tif\n"
                "restain synth --slide 4096x3072 --layout subifd --big-endian --mpp 0 odd.tif",
    .options = options,
    .count = COUNT,
    .min_files = 0,
    .max_files = 1,
    .run = run,
};
