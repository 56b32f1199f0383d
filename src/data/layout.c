/* SPDX-License-Identifier: MIT */
#include "data/layout.h"

#include <stdio.h>
#include <string.h>

#include "base/err.h"
#include "base/file.h"
#include "base/log.h"

/* A folder's name is `before`, the phase, `after`. */
typedef struct place {
    const char *before, *after;
} place;

typedef struct pattern {
    rst_data_layout layout;
    place a, b;
} pattern;

static const pattern patterns[] = {
    { RST_DATA_FOLDERS, { "", "A" }, { "", "B" } },
    { RST_DATA_BCI, { "HE/", "" }, { "IHC/", "" } },
    { RST_DATA_SPLITS, { "", "/HE" }, { "", "/IHC" } },
    { RST_DATA_SPLITS, { "", "/input" }, { "", "/label" } },
    { RST_DATA_SIDE_BY_SIDE, { "", "" }, { "", "" } },
    { RST_DATA_TILES, { "", "" }, { "", "" } },
};
/* Without phases: all that lies in the folder is of phase train. */
static const pattern bare = { RST_DATA_TILES, { "", "" }, { "", "" } };

enum { PATTERNS = sizeof patterns / sizeof patterns[0], MAX_PATH = 4096 };

static const char *const phases[] = { "train", "val", "test" };

static const char *const words[] = {
    [RST_DATA_AUTO] = "auto",     [RST_DATA_FOLDERS] = "folders", [RST_DATA_BCI] = "bci",
    [RST_DATA_SPLITS] = "splits", [RST_DATA_SIDE_BY_SIDE] = "ab", [RST_DATA_MANIFEST] = "manifest",
    [RST_DATA_TILES] = "tiles",
};

bool rst__data_layout_parse(const char *word, rst_data_layout *out)
{
    for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
        if (strcmp(word, words[i]) == 0) {
            *out = (rst_data_layout)i;
            return true;
        }
    return false;
}

const char *rst__data_layout_name(rst_data_layout l)
{
    return words[l];
}

const char *rst__phase_instead(const char *phase)
{
    return strcmp(phase, "test") == 0 ? "val" : strcmp(phase, "val") == 0 ? "test" : NULL;
}

/* False for a path longer than any that the system opens. */
static bool folder_of(const char *root, place p, const char *phase, char path[MAX_PATH])
{
    const char *slash = root[strlen(root) - 1] == '/' ? "" : "/";
    const int n = snprintf(path, MAX_PATH, "%s%s%s%s%s", root, slash, p.before, phase, p.after);
    return n > 0 && n < MAX_PATH;
}

static bool is_there(const char *root, place p, const char *phase)
{
    char path[MAX_PATH];
    return folder_of(root, p, phase, path) && rst__is_dir(path);
}

static bool has_phase(const char *root, const pattern *p, const char *phase)
{
    return is_there(root, p->a, phase) || is_there(root, p->b, phase);
}

static bool matches(const char *root, const pattern *p)
{
    for (size_t i = 0; i < sizeof phases / sizeof phases[0]; i++)
        if (has_phase(root, p, phases[i]))
            return true;
    return false;
}

/* Every data set with train/HE has a folder train too, so that the layouts of that alone count only
 * where no other does. Its files hold two pictures each, or, where pictures are taken for
 * themselves, one. */
static bool is_meant(const rst_dataset_options *o, const pattern *p, bool found)
{
    if (o->layout != RST_DATA_AUTO)
        return p->layout == o->layout;
    if (p->layout == RST_DATA_SIDE_BY_SIDE || p->layout == RST_DATA_TILES)
        return !found && o->single == (p->layout == RST_DATA_TILES);
    return true;
}

static int detect(const rst_dataset_options *o, const pattern **out, rst_error *err)
{
    const pattern *found = NULL;
    if (o->layout == RST_DATA_TILES && !o->single)
        return rst_fail(err, RST_EINVAL,
                        "--layout tiles: are pictures of one kind, for a super-resolver");
    for (const pattern *p = patterns; p < patterns + PATTERNS; p++) {
        if (!is_meant(o, p, found != NULL))
            continue;
        if (!matches(o->root, p))
            continue;
        if (found)
            return rst_fail(err, RST_EINVAL,
                            "%s: both %strain%s and %strain%s could be meant; give --layout, or "
                            "move one of them away",
                            o->root, found->a.before, found->a.after, p->a.before, p->a.after);
        found = p;
    }
    if (!found && !rst__is_dir(o->root))
        return rst_fail(err, RST_EINPUT, "%s: no such folder", o->root);
    if (!found && o->single && (!o->layout || o->layout == RST_DATA_TILES))
        found = &bare;
    if (!found)
        return rst_fail(err, RST_EINPUT,
                        "%s: no data set: looked for trainA + trainB, HE/train + IHC/train, "
                        "train/HE + train/IHC, train/input + train/label, and train with "
                        "side-by-side files%s%s",
                        o->root, o->layout ? "; --layout is " : "",
                        o->layout ? rst__data_layout_name(o->layout) : "");
    *out = found;
    return 0;
}

static int list(rst_file_list *l, const char *root, place p, const char *phase, rst_error *err)
{
    char path[MAX_PATH];
    if (!folder_of(root, p, phase, path))
        return rst_fail(err, RST_EINPUT, "%s: a path longer than %d bytes", root, MAX_PATH - 1);
    return rst__files_walk(l, path, err);
}

/* Both; of pictures for themselves those that are there, of tiles the only one. */
static int list_sides(rst_dataset *d, const rst_dataset_options *o, const pattern *p,
                      const char *phase, rst_error *err)
{
    const place side[2] = { p->a, p->b };
    const int sides = p->layout == RST_DATA_TILES ? 1 : 2;
    int rc = 0;
    for (int i = 0; rc == 0 && i < sides; i++)
        if (!o->single || sides == 1 || is_there(o->root, side[i], phase) ||
            !is_there(o->root, side[!i], phase))
            rc = list(&d->list[i], o->root, side[i], phase, err);
    return rc;
}

int rst__layout_list(rst_dataset *d, const rst_dataset_options *o, rst_error *err)
{
    const pattern *p = NULL;
    const char *phase = o->phase, *instead = rst__phase_instead(phase);
    int rc = detect(o, &p, err);
    if (rc < 0)
        return rc;
    if (o->optional && !has_phase(o->root, p, phase))
        return 1;
    if (!has_phase(o->root, p, phase) && instead && has_phase(o->root, p, instead)) {
        rst__log(RST_LOG_INFO, "%s: no %s%s%s; %s%s%s is used for it", o->root, p->a.before, phase,
                 p->a.after, p->a.before, instead, p->a.after);
        phase = instead;
    }
    d->layout = p->layout;
    if (p == &bare && strcmp(phase, "train") == 0)
        phase = "";
    if (p->layout == RST_DATA_SIDE_BY_SIDE) {
        d->part[RST_DATA_A] = RST_DATA_LEFT;
        d->part[RST_DATA_B] = RST_DATA_RIGHT;
    }
    return list_sides(d, o, p, phase, err);
}
