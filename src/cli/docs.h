/* SPDX-License-Identifier: MIT */
/* What the tables say, as text, as troff and as a shell's completion. */
#ifndef RST_CLI_DOCS_H
#define RST_CLI_DOCS_H

#include "base/str.h"
#include "cli/options.h"

/** Pages of a verb, or of the whole command (NULL): for --help, and for man. */
void cli_help(rst_str *out, const cli_verb *v);
void cli_man(rst_str *out, const cli_verb *v);
/** What an option is, with its range. */
void cli_option_text(const cli_option *o, char *buf, size_t size);
/** Words up to 80 columns, each line behind the margin; `begun`: the first one's is there already.
 */
void cli_wrap(rst_str *out, const char *text, const char *margin, bool begun);
/** Completion for bash. */
void cli_completion(rst_str *out);
/** Writes DIR/man/<page>.1 for all pages and DIR/completion/restain. */
int cli_write_docs(const char *dir, rst_error *err);

#endif
