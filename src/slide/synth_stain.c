/* SPDX-License-Identifier: MIT */
/* Stains and light. Optical density is amounts times stain vectors (Ruifrok and Johnston's, base
 * 10); the H&E's vectors and amounts differ from slide to slide, more than any level of HER2 could
 * change a colour. The IHC's are fixed: one laboratory's protocol. */
#include <math.h>

#include "base/rng.h"
#include "slide/synth_parts.h"

static const float HEM[3] = { 0.651f, 0.701f, 0.290f };
static const float EOS[3] = { 0.216f, 0.801f, 0.558f };
static const float DAB[3] = { 0.269f, 0.568f, 0.778f };

static void draw_vector(rst_rng *r, const float usual[3], double spread, const double lean[3],
                        float out[3])
{
    double sum = 0;
    for (int k = 0; k < 3; k++) {
        out[k] = usual[k] + (float)(lean[k] + spread * rst__rng_normal(r));
        out[k] = fmaxf(0.02f, out[k]);
        sum += (double)out[k] * out[k];
    }
    for (int k = 0; k < 3; k++)
        out[k] /= (float)sqrt(sum);
}

/* Scanned slides are bluer than the vectors say: eosin leans towards magenta, by chance. */
void rst__synth_stains(rst_synth *s)
{
    rst_rng r = rst__rng(s->o.seed, "synth stain");
    const double wide = s->o.stain;
    const double none[3] = { 0, 0, 0 };
    const double magenta[3] = { 0, 0, -0.26 * wide * rst__rng_uniform(&r) };
    draw_vector(&r, HEM, 0.05 * wide, none, s->he_stain.hem);
    draw_vector(&r, EOS, 0.05 * wide, magenta, s->he_stain.eos);
    for (int k = 0; k < 2; k++)
        s->he_stain.amount[k] = (float)exp(wide * (0.6 * rst__rng_uniform(&r) - 0.3));
    for (int k = 0; k < 3; k++) {
        s->ihc_stain.hem[k] = HEM[k];
        s->ihc_stain.eos[k] = DAB[k];
    }
    s->ihc_stain.amount[0] = s->ihc_stain.amount[1] = 1;
    rst_rng ink = rst__rng(s->o.seed, "synth pen");
    static const float PEN[3][3] = { { 1.1f, 0.5f, 0.25f },
                                     { 0.9f, 0.3f, 0.8f },
                                     { 1.2f, 1.2f, 1.2f } };
    const int64_t colour = rst__rng_below(&ink, 3);
    for (int k = 0; k < 3; k++)
        s->ink[k] = PEN[colour][k];
}

void rst__synth_absorb(synth_block *b, const synth_stain *st, const float *first,
                       const float *second)
{
    for (int k = 0; k < 3; k++) {
        const float log2_10 = 3.3219281f;
        const float f = -log2_10 * st->hem[k] * st->amount[0];
        const float g = -log2_10 * st->eos[k] * st->amount[1];
        for (int i = 0; i < SYNTH_AREA; i++)
            b->light[k][i] = exp2f(f * first[i] + g * second[i]);
    }
}
