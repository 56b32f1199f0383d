/* SPDX-License-Identifier: MIT */
/* The paper's tables I and II, with the runs of a report below its own rows. */
#include <math.h>
#include <stdio.h>
#include <string.h>

#include "run/report_parts.h"

/* A row as the paper prints it (arXiv 2408.01929, tables I and II): SSIM, PHV of four layers and
 * their average, FID, KID x 1000, LPIPS, PSNR. */
typedef struct printed {
    const char *name[2]; /* in table I and in table II, or NULL where it is not in it */
    const char *value[10];
    const char
        *average; /* what its four layers give, where the paper's average is another; or NULL */
} printed;

static const printed paper[] = {
    { { "Pix2pix", NULL },
      { ".1559", ".5516", ".5070", ".3253", ".8511", ".5588", "137.3", "82.9", ".4722", "14.2550" },
      NULL },
    { { "CycleGAN", NULL },
      { ".1914", ".5633", ".6346", ".4695", ".8871", ".6386", "240.3", "311.1", ".4598",
        "13.5389" },
      NULL },
    { { "CUT", NULL },
      { ".1810", ".5321", ".4826", ".3060", ".8323", ".5383", "66.8", "19.0", ".4542", "14.3022" },
      NULL },
    { { "Pyramid pix2pix", NULL },
      { ".2078", ".4787", ".4524", ".3313", ".8423", ".5362", "104.0", "61.8", ".4493", "14.2033" },
      ".5262" },
    { { "ASP", "Baseline" },
      { ".2004", ".4534", ".4150", ".2665", ".8174", ".4881", "51.4", "12.4", ".4546", "14.1371" },
      NULL },
    { { NULL, "with multi-magnification" },
      { ".1980", ".4494", ".4119", ".2654", ".8165", ".4858", "60.6", "29.7", ".4465", "14.3046" },
      NULL },
    { { NULL, "with attention" },
      { ".2187", ".4527", ".4148", ".2867", ".8183", ".4918", "61.6", "23.0", ".4478", "14.2963" },
      ".4931" },
    { { "The paper's", "with both" },
      { ".2153", ".4482", ".4094", ".2639", ".8157", ".4843", "51.4", "8.6", ".4432", "14.3711" },
      NULL },
};
enum { ROWS = sizeof paper / sizeof paper[0], COLUMNS = 10, AVERAGE = 5 };

static void escaped(rst_str *b, const char *text)
{
    for (; *text; text++) {
        if (strchr("&%$#_{}", *text))
            rst__str_printf(b, "\\%c", *text);
        else if (*text == '\\')
            rst__str_add(b, "\\textbackslash{}");
        else if (*text == '~' || *text == '^')
            rst__str_printf(b, "\\%c{}", *text);
        else
            rst__str_bytes(b, text, 1);
    }
}

static void paper_rows(rst_str *b, int which)
{
    for (int i = 0; i < ROWS; i++) {
        if (!paper[i].name[which])
            continue;
        rst__str_printf(b, "%s", paper[i].name[which]);
        for (int k = 0; k < COLUMNS; k++) {
            rst__str_printf(b, " & %s", paper[i].value[k]);
            if (k == AVERAGE && paper[i].average)
                rst__str_printf(b, "\\textsuperscript{a}");
        }
        rst__str_add(b, " \\\\\n");
    }
}

/* As the paper writes a number: no 0 before the point. */
static void number(rst_str *b, double v, int digits)
{
    char text[40];
    if (isnan(v)) {
        rst__str_add(b, " & --");
        return;
    }
    (void)snprintf(text, sizeof text, "%.*f", digits, v);
    rst__str_printf(b, " & %s",
                    isinf(v)                        ? "$\\infty$"
                    : digits == 4 && text[0] == '0' ? text + 1
                                                    : text);
}

static void run_rows(rst_str *b, const rst_report *r)
{
    static const rst_score first[] = { RST_SCORE_SSIM, RST_SCORE_PHV1, RST_SCORE_PHV2,
                                       RST_SCORE_PHV3, RST_SCORE_PHV4, RST_SCORE_PHV };
    for (int k = 0; k < r->runs; k++) {
        const rst_evaluation_scores *g = rst_evaluation_group(r->run[k].e, 0);
        const rst_evaluation_sets *d = rst_evaluation_distances(r->run[k].e);
        escaped(b, r->run[k].name);
        for (size_t i = 0; i < sizeof first / sizeof first[0]; i++)
            number(b, g->score[first[i]].mean, 4);
        number(b, d->fid, 1);
        number(b, 1000 * d->kid, 1);
        number(b, g->score[RST_SCORE_LPIPS].mean, 4);
        number(b, g->score[RST_SCORE_PSNR].mean, 4);
        rst__str_add(b, " \\\\\n");
    }
}

static void table(rst_str *b, const rst_report *r, int which, const char *caption)
{
    rst__str_printf(
        b,
        "\\begin{table*}\n\\caption{%s}\n\\centering\n"
        "\\begin{tabular}{lrrrrrrrrrr}\n\\hline\n"
        "& SSIM$\\uparrow$ & \\multicolumn{5}{c}{PHV$\\downarrow$ (layers 1 to 4, average)} & "
        "FID$\\downarrow$ & KID$\\downarrow$ & LPIPS$\\downarrow$ & PSNR$\\uparrow$ \\\\\n\\hline\n"
        "\\multicolumn{11}{l}{\\emph{as printed in arXiv 2408.01929, on its own data}} \\\\\n",
        caption);
    paper_rows(b, which);
    rst__str_add(b, "\\hline\n\\multicolumn{11}{l}{\\emph{measured here}} \\\\\n");
    run_rows(b, r);
    rst__str_add(b, "\\hline\n\\end{tabular}\n\n");
    for (int i = 0; i < ROWS; i++)
        if (paper[i].name[which] && paper[i].average)
            rst__str_printf(b, "\\textsuperscript{a} The four layers of ``%s'' average to %s.\n",
                            paper[i].name[which], paper[i].average);
    rst__str_add(b, "\\end{table*}\n");
}

void rst__report_latex(const rst_report *r, rst_str *out)
{
    const rst_evaluation_facts f = rst_evaluation_describe(r->run[0].e);
    rst__str_printf(out, "%% %lld pairs, protocol %s version %d. KID is shown a thousandfold.\n",
                    (long long)f.rows, rst_protocol_name(f.protocol),
                    rst_protocol_version(f.protocol));
    table(out, r, 0, "Comparison with other methods");
    rst__str_add(out, "\n");
    table(out, r, 1, "Ablation");
}
