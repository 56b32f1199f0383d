/* SPDX-License-Identifier: MIT */
#include <signal.h>
#include <stdio.h>

#include "base/err.h"
#include "cli/report.h"
#include "cli/verbs.h"
#include "run/audit.h"
#include "run/multimag_cache.h"
#include "run/tiles.h"

enum {
    CHECK,
    MULTIMAG,
    TILES,
    OUTPUT,
    BYSLIDE,
    SRX2,
    SRX4,
    SRTILE,
    UNIFORM,
    SEED,
    SIZE,
    MPP,
    HEMPP,
    IHCMPP,
    TISSUE,
    PEAK,
    VAL,
    JPEG,
    DRYRUN,
    LAYOUT,
    MAXIMUM,
    ALPHA,
    GRAY,
    BACKEND,
    THREADS,
    QUIET,
    COUNT
};

static const cli_option options[COUNT] = {
    [CHECK] = { "check", 0, CLI_FLAG,
                .help = "Look at every file of all splits, and say what is wrong with the data" },
    [MULTIMAG] = { "multimag", 0, CLI_FLAG,
                   .help = "Make every pair of split train at magnifications 1, 2 and 4, in one "
                           "size" },
    [TILES] = { "tiles", 0, CLI_FLAG,
                .help = "Cut registered slides, H&E and IHC of the same tissue, into pairs of "
                        "tiles" },
    [OUTPUT] = { "output", 'o', CLI_PATH, "OUT",
                 .help = "The folder to make; of --check a table of the good pairs, with slide, "
                         "tissue, shift and hashes, which train takes as its data" },
    [BYSLIDE] = { "by-slide", 0, CLI_FLAG,
                  .help = "That table does not keep the splits but has whole slides in either, "
                          "about as many pairs for validation as before" },
    [SRX2] = { "sr-x2", 0, CLI_PATH, "FILE",
               .help = "Super-resolver that doubles, BSRGANx2.pth or a safetensors file" },
    [SRX4] = { "sr-x4", 0, CLI_PATH, "FILE",
               .help = "The one that enlarges four times, BSRGAN.pth. Without the two pictures are "
                       "enlarged bicubically, which the manifest calls mm-bicubic" },
    [SRTILE] = { "sr-tile", 0, CLI_INT, "N", .lo = 16, .hi = 65536, .usual = "256",
                 .help = "Side in pixels of what the super-resolver takes at a time, beside a halo "
                         "of 32; smaller needs less memory" },
    [UNIFORM] = { "uniform", 0, CLI_INT, "N", .lo = 0, .hi = 65536, .usual = "0",
                  .help = "Side in pixels that all are brought to; 0: that of the pictures" },
    [SEED] = { "seed", 0, CLI_INT, "N", .lo = 0, .hi = 9007199254740992.0, .usual = "0",
               .help = "The same seed cuts the same crops" },
    [SIZE] = { "tile-size", 0, CLI_INT, "N", .lo = 16, .hi = 8192, .usual = "1024",
               .help = "--tiles: their side in pixels" },
    [MPP] = { "mpp", 0, CLI_REAL, "UM", .lo = 0.05, .hi = 100,
              .help = "--tiles: their um per pixel, MIST's are 0.4661; the default is the H&E's" },
    [HEMPP] = { "he-mpp", 0, CLI_REAL, "UM", .lo = 0.05, .hi = 20,
                .help = "--tiles: um per pixel of H&E slides, if the files do not say or are "
                        "wrong" },
    [IHCMPP] = { "ihc-mpp", 0, CLI_REAL, "UM", .lo = 0.05, .hi = 20,
                 .help = "--tiles: the same of IHC slides" },
    [TISSUE] = { "min-tissue", 0, CLI_REAL, "X", .lo = 0, .hi = 1, .usual = "0.5",
                 .help = "--tiles: share of a tile that must be tissue, in both stains" },
    [PEAK] = { "min-peak", 0, CLI_REAL, "X", .lo = 0, .hi = 1, .usual = "0",
               .help = "--tiles: how well a pair's haematoxylin must agree: 1 is the same, below "
                       "0.1 nothing is alike" },
    [VAL] = { "val-share", 0, CLI_REAL, "X", .lo = 0, .hi = 1, .usual = "0.2",
              .help = "--tiles: about the share of pairs to validate with, by whole slides" },
    [JPEG] = { "jpeg", 0, CLI_INT, "Q", .lo = 1, .hi = 100,
               .help = "--tiles: write JPEG of this quality instead of PNG" },
    [DRYRUN] = { "dry-run", 0, CLI_FLAG,
                 .help = "--tiles: look at the slides, say what there is to cut, write nothing" },
    [LAYOUT] = { "layout", 0, CLI_WORD, .words = "auto|folders|bci|splits|ab|manifest",
                 .usual = "auto", .help = "How the files lie, as for train" },
    [MAXIMUM] = { "max-dataset-size", 0, CLI_INT, "N", .lo = 0, .hi = 1e9, .usual = "0",
                  .help = "Only the first so many pairs; 0: all" },
    [ALPHA] = { "alpha", 0, CLI_WORD, .words = "refuse|drop|white", .usual = "refuse",
                .help = "What to do with transparency: make it an error, take it away, or lay the "
                        "image on white" },
    [GRAY] = { "gray-to-rgb", 0, CLI_FLAG, .help = "Use grey images as three equal channels" },
    [BACKEND] = { "backend", 0, CLI_WORD, .words = "cpu|ref", .usual = "cpu",
                  .help = "Kernels: the fast ones, or the plain reference" },
    [THREADS] = { "threads", 0, CLI_INT, "N", .lo = 0, .hi = 1024, .usual = "0",
                  .help = "Threads that a super-resolver takes; 0: as many as the machine has. "
                          "Results do not depend on it" },
    [QUIET] = { "quiet", 'q', CLI_FLAG, .help = "No news and no progress" },
};

static volatile sig_atomic_t stopped;

static void stop(void)
{
    stopped = 1;
}

static int tell(void *user, int64_t done, int64_t total)
{
    (void)user;
    cli_progress(done, total);
    return stopped;
}

static int multimag(const cli_args *a, rst_error *err)
{
    const cli_value *v = a->value;
    const rst_multimag_cache_options o = {
        .data = { .root = a->file[0],
                  .layout = (rst_data_layout)v[LAYOUT].i,
                  .max_size = v[MAXIMUM].i,
                  .read = { .alpha = (rst_image_alpha)v[ALPHA].i, .gray_to_rgb = v[GRAY].given } },
        .folder = v[OUTPUT].text,
        .how = { .uniform = v[UNIFORM].i,
                 .sr_x2 = v[SRX2].text,
                 .sr_x4 = v[SRX4].text,
                 .tile = v[SRTILE].i,
                 .seed = (uint64_t)v[SEED].i,
                 .ctx = { .backend = v[BACKEND].text, .threads = (int)v[THREADS].i } },
        .progress = tell,
    };
    rst_multimag_cache_report r;
    if (!v[OUTPUT].given)
        return rst_fail(err, RST_EINVAL, "--output is missing: the folder to make");
    int rc = rst__multimag_cache(&o, &r, err);
    if (rc == 0)
        (void)printf("%lld pairs at 3 magnifications of %lld x %lld pixels by %s, %lld to validate "
                     "and test with\n%lld pictures made, %lld were there\n",
                     (long long)r.pairs, (long long)r.uniform, (long long)r.uniform, r.resolver,
                     (long long)r.others, (long long)r.written, (long long)r.there);
    return rc;
}

static void print_tiles(const rst_tiles_options *o, const rst_tiles_report *r)
{
    static const char *const split[RST_TILES_SPLITS] = { "train", "val", "test" };
    int64_t slides = 0, tiles = 0;
    for (int k = 0; k < RST_TILES_SPLITS; k++) {
        slides += r->slides[k];
        tiles += r->tiles[k];
    }
    (void)printf("slides:     %lld pairs\ntiles:      %lld pairs of %lld x %lld pixels, of %lld "
                 "places\n",
                 (long long)slides, (long long)tiles, (long long)o->tile, (long long)o->tile,
                 (long long)r->places);
    for (int k = 0; k < RST_TILES_SPLITS; k++)
        if (r->slides[k])
            (void)printf("%-12s%lld pairs of %lld slides\n", split[k], (long long)r->tiles[k],
                         (long long)r->slides[k]);
    if (o->dry_run) {
        (void)printf("disk GB:    %.1f at the most\n",
                     6e-9 * (double)tiles * (double)o->tile * (double)o->tile);
        return;
    }
    (void)printf("alignment:  shift %.1f px, peak %.3f (medians); %lld pairs without likeness",
                 r->shift_px, r->peak, (long long)r->unlike);
    if (o->min_peak > 0)
        (void)printf(", %lld left out", (long long)r->apart);
    (void)printf("\n%lld pictures made, %lld were there\n", (long long)r->written,
                 (long long)r->there);
}

static int tiles(const cli_args *a, rst_error *err)
{
    const cli_value *v = a->value;
    const rst_tiles_options o = {
        .he = a->file[0],
        .ihc = a->files > 1 ? a->file[1] : NULL,
        .folder = v[OUTPUT].text,
        .tile = v[SIZE].i,
        .mpp = v[MPP].d,
        .slide_mpp = { v[HEMPP].d, v[IHCMPP].d },
        .min_tissue = v[TISSUE].d,
        .min_peak = v[PEAK].d,
        .val_share = v[VAL].d,
        .jpeg = (int)v[JPEG].i,
        .dry_run = v[DRYRUN].given,
        .progress = tell,
    };
    rst_tiles_report r;
    if (!o.folder && !o.dry_run)
        return rst_fail(err, RST_EINVAL, "--output is missing: the folder to make");
    int rc = rst__tiles(&o, &r, err);
    if (rc == 0)
        print_tiles(&o, &r);
    return rc;
}

/* The first few problems of each kind; how many there are. */
static void print_problems(const rst_audit *d)
{
    enum { FEW = 10 };
    static const char *const what[RST_AUDIT_KINDS] = { "cannot be used", "of different sizes",
                                                       "without partner", "there twice",
                                                       "in several splits" };
    int64_t seen[RST_AUDIT_KINDS] = { 0 };
    for (int k = 0; k < RST_AUDIT_KINDS; k++) {
        if (d->of_kind[k])
            (void)printf("\n%s: %lld\n", what[k], (long long)d->of_kind[k]);
        for (int64_t i = 0; i < d->problems; i++)
            if ((int)d->problem[i].kind == k && seen[k]++ < FEW)
                (void)printf("  %s\n", d->problem[i].text);
        if (seen[k] > FEW)
            (void)printf("  and %lld more\n", (long long)seen[k] - FEW);
    }
}

static void print_audit(const rst_audit *d)
{
    (void)printf("good pairs: %lld of %lld", (long long)d->good, (long long)d->count);
    for (int k = 0; k < RST_AUDIT_SPLITS; k++)
        if (d->d[k])
            (void)printf(", %s %lld", rst__audit_split(k), (long long)d->in_split[k]);
    (void)printf("\nslides:     %lld by their names; %lld pairs whose names tell none\n",
                 (long long)d->slides, (long long)d->unnamed);
    (void)printf("tissue:     %.3f of the H&E, %.3f of the IHC (medians)\n", d->tissue[0],
                 d->tissue[1]);
    (void)printf("alignment:  shift %.1f px, peak %.3f (medians); %lld pairs without likeness\n",
                 d->shift_px, d->peak, (long long)d->unlike);
    print_problems(d);
}

static int check(const cli_args *a, rst_error *err)
{
    const cli_value *v = a->value;
    const rst_audit_options o = {
        .data = { .root = a->file[0],
                  .layout = (rst_data_layout)v[LAYOUT].i,
                  .read = { .alpha = (rst_image_alpha)v[ALPHA].i, .gray_to_rgb = v[GRAY].given } },
        .progress = tell,
    };
    rst_audit d;
    int rc = rst__audit(&d, &o, err);
    if (rc == 0)
        print_audit(&d);
    if (rc == 0 && v[OUTPUT].given)
        rc = rst__audit_write(&d, v[OUTPUT].text, v[BYSLIDE].given, err);
    const int64_t bad =
        d.of_kind[RST_AUDIT_UNREADABLE] + d.of_kind[RST_AUDIT_SIZE] + d.of_kind[RST_AUDIT_PARTNER];
    rst__audit_free(&d);
    return rc == 0 && bad > 0
               ? rst_fail(err, RST_EVERIFY, "%s: %lld files or pairs cannot be trained on",
                          a->file[0], (long long)bad)
               : rc;
}

static int run(const cli_args *a, rst_error *err)
{
    static const int only[] = { SIZE, MPP, HEMPP, IHCMPP, TISSUE, PEAK, VAL, JPEG, DRYRUN };
    const cli_value *v = a->value;
    if (v[MULTIMAG].given + v[CHECK].given + v[TILES].given != 1)
        return rst_fail(err, RST_EINVAL, "prepare: say what: --check, --multimag or --tiles");
    for (size_t i = 0; !v[TILES].given && i < sizeof only / sizeof only[0]; i++)
        if (v[only[i]].given)
            return rst_fail(err, RST_EINVAL, "--%s is for --tiles", options[only[i]].name);
    if (!v[TILES].given && a->files > 1)
        return rst_fail(err, RST_EINVAL, "%s: one data set at a time", a->file[1]);
    if (v[BYSLIDE].given && !(v[CHECK].given && v[OUTPUT].given))
        return rst_fail(err, RST_EINVAL, "--by-slide is for the table of --check, -o");
    if (v[QUIET].given)
        cli_report_quiet();
    cli_on_interrupt(stop);
    int rc = v[CHECK].given ? check(a, err) : v[TILES].given ? tiles(a, err) : multimag(a, err);
    cli_on_interrupt(NULL);
    return rc;
}

const cli_verb cli_verb_prepare = {
    .name = "prepare",
    .usage = "(--check [-o FILE] | --multimag -o DIR | --tiles -o DIR) [OPTION...] DATA...",
    .brief = "check a data set, make it ready for training, cut one from slides",
    .text =
        "--check reads every file of train, val and test and says which cannot be used, whose "
        "partner is missing or of another size, which are there twice, and which slides are in "
        "several splits, as far as names tell (SLIDE_ROW_COLUMN, as in MIST; BCI's do not). "
        "It measures tissue (mean optical density 0.05 or more) and how far the haematoxylin of "
        "the IHC lies off that of the H&E, by phase correlation: the peak is 1 for equal pictures "
        "and below 0.1 where nothing is alike. Exits with 6 if there are files or pairs that "
        "cannot be trained on.\n"
        "--multimag makes what the paper's multi-magnification strategy trains on: of every pair "
        "the whole picture halved and brought back to its size (1), a crop of half its side (2) "
        "and one of a quarter (4), enlarged by a super-resolver, H&E and IHC alike. DIR gets the "
        "pictures and, when all are there, manifest.tsv, which train takes as its data: "
        "an epoch draws as many pairs as the data set has, each at a magnification that chance "
        "decides. Splits val and test stay as they are, and the manifest points to them.\n"
        "A run that was stopped is taken up by the same command; what is there is not made again. "
        "Where the crops lie follows from the seed and the pictures' names.\n"
        "--tiles takes an H&E slide and its IHC, of the same tissue in the same place; two folders "
        "of them, paired by their names; or a table of split, he and ihc. Both are read where the "
        "H&E's grid of tiles lies, at the level just finer than the tiles, and made smaller if "
        "that "
        "is not their um per pixel. Tiles that are tissue in both stains become "
        "trainA/SLIDE_ROW_COLUMN.png and trainB, valA and valB alike, as in MIST, but with whole "
        "slides on either side; manifest.tsv tells for each where it lay, its tissue, and how far "
        "the haematoxylin of the two is apart, by phase correlation. Registering slides is for "
        "other programs: what is off by more than some pixels shows here.",
    .examples = "restain prepare --check MIST/HER2/TrainValAB -o her2.tsv\n"
                "restain prepare --multimag MIST/HER2/TrainValAB -o her2-mm --sr-x2 BSRGANx2.pth "
                "--sr-x4 BSRGAN.pth\n"
                "restain prepare --tiles he/ ihc/ --mpp 0.4661 -o TrainValAB\n"
                "restain prepare --tiles he.svs her2.svs --dry-run\n"
                "restain prepare --multimag HER2 -o her2-bicubic --max-dataset-size 100",
    .options = options,
    .count = COUNT,
    .min_files = 1,
    .max_files = 2,
    .run = run,
};
