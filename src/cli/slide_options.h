/* SPDX-License-Identifier: MIT */
/* What translate and seamtest share about slides. */
#ifndef RST_CLI_SLIDE_OPTIONS_H
#define RST_CLI_SLIDE_OPTIONS_H

#include <restain/translate.h>

/* In the order of rst_slide_stats. */
#define CLI_STATS_WORDS "frozen|tile|exact"
#define CLI_MPP_HELP                                                                               \
    "Micrometres per pixel of the slide's largest level, where the file does not say so or is "    \
    "wrong"
#define CLI_RESAMPLE_HELP                                                                          \
    "Where no level of the slide is within 10 % of the model's um per pixel, make a finer one "    \
    "smaller"
#define CLI_PRECISION_HELP                                                                         \
    "bf16: Winograd's products at half the numbers' size and about twice the pace, summed in "     \
    "fp32, on processors with AVX-512 BF16; doc/speed.md has what it changes"
#define CLI_REGION_HELP "Only this part of a slide, in pixels of its largest level"

/** "x,y,w,h" into the options; NULL: the whole slide. RST_EINVAL. */
int cli_region(const char *text, rst_slide_job_options *o, rst_error *err);
/** Whether a slide may be written under this name. */
bool cli_slide_output(const char *out);
/** Whether this input, with this output, is a slide and no picture. */
bool cli_is_slide(const char *in, const char *out);
/** rst_slide_job_options.progress. */
int cli_slide_progress(void *user, int64_t done, int64_t total);
/** Prints a dry run's report. @return 0 */
int cli_slide_forecast(const rst_slide_report *r);

#endif
