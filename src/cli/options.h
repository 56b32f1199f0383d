/* SPDX-License-Identifier: MIT */
/* The command's verbs and their options, each declared once: parsing, --help, the man page and
 * shell completion come from the same row. */
#ifndef RST_CLI_OPTIONS_H
#define RST_CLI_OPTIONS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include <restain/error.h>

typedef enum cli_kind {
    CLI_FLAG, /* given or not */
    CLI_TEXT,
    CLI_PATH,
    CLI_INT,
    CLI_REAL,
    CLI_WORD /* one of `words` */
} cli_kind;

/** One option. `-` and `_` are the same in what is typed; names are written with `-` here. */
typedef struct cli_option {
    const char *name; /* without the dashes */
    char letter;      /* of the short form, or 0 */
    cli_kind kind;
    const char *what;  /* what help calls the value: FILE, N */
    const char *words; /* WORD: "batch|running" */
    double lo, hi;     /* INT, REAL: the range */
    const char *usual; /* the value if it is not given, as typed; NULL: none */
    bool required;
    const char *help; /* a sentence or two, without a full stop at the end */
} cli_option;

/** A value, filled from `usual` where the option was not given. */
typedef struct cli_value {
    bool given;
    const char *text; /* as typed; borrowed from argv or the table; NULL without a value */
    int64_t i;        /* INT; WORD: its place in `words` */
    double d;         /* INT, REAL */
} cli_value;

enum { CLI_OPTIONS = 64 };

typedef struct cli_verb cli_verb;

/** What was typed after a verb. */
typedef struct cli_args {
    const cli_verb *verb;
    cli_value value[CLI_OPTIONS]; /* by place in verb->options */
    const char **file;            /* owned array of borrowed texts: what is no option */
    int files;
    bool help;
} cli_args;

struct cli_verb {
    const char *name;
    const char *usage;    /* behind "restain NAME" */
    const char *brief;    /* one line */
    const char *text;     /* paragraphs, split by \n */
    const char *examples; /* a command a line */
    const cli_option *options;
    int count;
    int min_files, max_files; /* max < 0: any */
    /** @return 0 or a negative rst_status with *err set */
    int (*run)(const cli_args *a, rst_error *err);
};

/** The i-th verb; NULL past the last. */
const cli_verb *cli_verb_at(int i);
/** By name; an unknown one is RST_EINVAL and names the nearest. */
int cli_verb_find(const cli_verb **out, const char *name, rst_error *err);
/**
 * Parses argv[0..argc-1], what follows the verb's name.
 * @return 0, RST_EINVAL, RST_ENOMEM; cli_args_free in any case
 */
int cli_args_parse(cli_args *a, const cli_verb *v, int argc, char **argv, rst_error *err);
void cli_args_free(cli_args *a);
/** The i-th word of "a|b|c" and its length; NULL past the last. */
const char *cli_word(const char *words, int i, size_t *len);

#endif
