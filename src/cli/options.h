/* SPDX-License-Identifier: MIT */
/* The command's verbs and their options, each declared once: parsing, --help, the man page and
 * shell completion come from the same row; so do the settings of a configuration file, and the way
 * into the struct that the verb works with. */
#ifndef RST_CLI_OPTIONS_H
#define RST_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <restain/error.h>

#include "base/ini.h"
#include "base/str.h"

typedef enum cli_kind {
    CLI_FLAG, /* given or not; in a file true, or false, which is as if it were not there */
    CLI_BOOL, /* true or false; alone it is true */
    CLI_TEXT,
    CLI_PATH,
    CLI_INT,
    CLI_REAL,
    CLI_WORD /* one of `words` */
} cli_kind;

/** How an option's value lies in the struct that its verb works with. */
typedef enum cli_store {
    CLI_STORE_NOWHERE, /* the verb asks cli_args for it */
    CLI_STORE_INT,
    CLI_STORE_INT64,
    CLI_STORE_UINT64,
    CLI_STORE_DOUBLE,
    CLI_STORE_BOOL, /* WORD: whether it is the second */
    CLI_STORE_NOT,  /* a bool that is the opposite: no-antialias */
    CLI_STORE_ENUM, /* WORD: its place */
    CLI_STORE_TEXT
} cli_store;

/** In a row: the value goes to this member. The kind follows from its type. */
#define CLI_AT(type, member)                                                                       \
    .at = offsetof(type, member), .store = _Generic(((type *)0)->member, int                       \
                                                    : CLI_STORE_INT, int64_t                       \
                                                    : CLI_STORE_INT64, uint64_t                    \
                                                    : CLI_STORE_UINT64, double                     \
                                                    : CLI_STORE_DOUBLE, bool                       \
                                                    : CLI_STORE_BOOL, unsigned                     \
                                                    : CLI_STORE_ENUM, const char *                 \
                                                    : CLI_STORE_TEXT)
#define CLI_AT_NOT(type, member) .at = offsetof(type, member), .store = CLI_STORE_NOT

typedef struct cli_option cli_option;
typedef struct cli_value cli_value;

/** One option. What is typed may have `_` for `-` and any case; names are written with `-` here. */
struct cli_option {
    const char *name; /* without the dashes */
    char letter;      /* of the short form, or 0 */
    cli_kind kind;
    const char *what;  /* what help calls the value: FILE, N */
    const char *words; /* WORD: "batch|running" */
    double lo, hi;     /* INT, REAL: the range */
    const char *usual; /* the value if it is not given, as typed; NULL: none */
    bool required;
    const char *help;      /* a sentence or two, without a full stop at the end */
    const char *also;      /* a second name */
    const char *group;     /* the heading in help that begins with this option */
    const char *otherwise; /* for help, where there is no `usual`: what holds if it is not given */
    bool typed_only;       /* cannot be set in a configuration file */
    cli_store store;       /* CLI_AT */
    size_t at, twin;       /* the member; a second one that has the same value, or 0 */
    const char *(*known)(int i); /* TEXT: what completion offers; NULL past the last */
    /** Instead of store: into the verb's struct, and from it as text; nothing shown: not set. */
    int (*set)(const cli_option *o, const cli_value *v, void *options, rst_error *err);
    void (*show)(const void *options, rst_str *out);
};

/** A value, filled from `usual` where the option was not given. */
struct cli_value {
    bool given;
    int line;         /* of the configuration file; 0: it was typed */
    const char *path; /* of that file; borrowed */
    const char *text; /* as typed; borrowed from argv, file or table; NULL without a value */
    int64_t i;        /* INT; BOOL: 1 or 0; WORD: its place in `words` */
    double d;         /* INT, REAL */
};

enum { CLI_OPTIONS = 128, CLI_COMMON = 3 }; /* of a verb's own at the most; of every verb */

typedef struct cli_verb cli_verb;

/** What was typed after a verb. */
typedef struct cli_args {
    const cli_verb *verb;
    cli_value value[CLI_OPTIONS + CLI_COMMON]; /* by cli_option_at */
    const char **file; /* owned array of borrowed texts: what is no option */
    int files;
    rst_ini *config; /* owned; NULL: there is none */
    bool help, print_config;
} cli_args;

/** Whether a verb's settings may come from a file (--config, --print-config). */
typedef enum cli_config {
    CLI_CONFIG_NONE,
    CLI_CONFIG_FLAG, /* only with --config */
    CLI_CONFIG_FIRST /* also as the first file that is typed; it is not counted as one */
} cli_config;

/** Where a paper and its published code part: what about, and which settings give either. */
typedef struct cli_reading {
    const char *about, *text;
} cli_reading;

struct cli_verb {
    const char *name;
    const char *usage;          /* behind "restain NAME" */
    const char *brief;          /* one line */
    const char *text;           /* paragraphs, split by \n */
    const cli_reading *reading; /* a row without `about` ends them; NULL: none */
    const char *examples;       /* a command a line */
    const cli_option *options;
    int count;
    int min_files, max_files; /* max < 0: any */
    cli_config config;
    /** @return 0 or a negative rst_status with *err set */
    int (*run)(const cli_args *a, rst_error *err);
};

/** The i-th verb; NULL past the last. */
const cli_verb *cli_verb_at(int i);
/** By name; an unknown one is RST_EINVAL and names the nearest. */
int cli_verb_find(const cli_verb **out, const char *name, rst_error *err);
/** The i-th option, the verb's own and then those that all have; NULL past the last. */
const cli_option *cli_option_at(const cli_verb *v, int i);
/** Which one these bytes name; -1: none. */
int cli_option_find(const cli_verb *v, const char *typed, size_t len);
const cli_option *cli_option_nearest(const cli_verb *v, const char *typed, size_t len);
/** The name as it is written in a configuration file: n_epochs. */
void cli_option_key(const cli_option *o, char key[64]);
/**
 * Parses argv[0..argc-1], what follows the verb's name.
 * What is given in a configuration file holds where nothing was typed.
 * @return 0, RST_EINVAL, RST_ENOMEM, and those of rst__ini_load; cli_args_free in any case
 */
int cli_args_parse(cli_args *a, const cli_verb *v, int argc, char **argv, rst_error *err);
void cli_args_free(cli_args *a);
/** Parses one value. RST_EINVAL */
int cli_value_parse(const cli_option *o, const char *text, cli_value *v, rst_error *err);
/** The i-th word of "a|b|c" and its length; NULL past the last. */
const char *cli_word(const char *words, int i, size_t *len);

/* Configuration files, and the verb's struct: config.c */

/** Fills the values that were not typed from a file. RST_EINVAL, and those of rst__ini_load. */
int cli_config_read(cli_args *a, const char *path, rst_error *err);
/** One setting of such a file, in the place of what was there. Texts are borrowed. RST_EINVAL */
int cli_config_set(cli_args *a, const rst_ini_entry *e, const char *path, rst_error *err);
/**
 * Copies what is given, or usual, into the verb's struct, in the order of the table: what an
 * earlier option implies, a later one may change.
 * @return 0, RST_EINVAL
 */
int cli_config_store(const cli_args *a, void *options, rst_error *err);
/** The shortest text that reads back as the same number; for `show`. */
void cli_show_double(double d, rst_str *out);
/**
 * Appends a struct as a configuration file that gives the same struct. A text that a file cannot
 * hold is RST_EINVAL with --print-config, else a comment. RST_ENOMEM.
 */
int cli_config_write(const cli_args *a, const void *options, rst_str *out, rst_error *err);

#endif
