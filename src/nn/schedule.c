/* SPDX-License-Identifier: MIT */
/* Learning rates (spec 6.2). */
#include <math.h>

#include <restain/nn.h>

void rst_schedule_start(rst_schedule *s)
{
    s->factor = 1;
    s->best = HUGE_VAL;
    s->bad = 0;
}

double rst_schedule_rate(const rst_schedule *s, int epoch)
{
    /* How often the reference's scheduler has been stepped when this epoch trains. */
    int steps = epoch - s->epoch_count + (s->step_at_start ? 1 : 0);
    switch (s->policy) {
    case RST_LR_LINEAR: {
        int past = steps + s->epoch_count - s->n_epochs;
        double f = 1 - (past > 0 ? past : 0) / (double)(s->n_epochs_decay + 1);
        return s->n_epochs == 0 && s->n_epochs_decay == 0 ? s->lr : s->lr * (f > 0 ? f : 0);
    }
    case RST_LR_STEP: {
        double rate = s->lr; /* multiplied as often as the reference does, to the same bits */
        for (int n = s->decay_epochs > 0 ? steps / s->decay_epochs : 0; n > 0; n--)
            rate *= s->gamma > 0 ? s->gamma : 0.1;
        return rate;
    }
    case RST_LR_COSINE:
        return s->n_epochs > 0 ? s->lr * (1 + cos(acos(-1) * steps / s->n_epochs)) / 2 : s->lr;
    case RST_LR_PLATEAU:
        return s->lr * s->factor;
    }
    return s->lr;
}

void rst_schedule_report(rst_schedule *s, double loss)
{
    enum { PATIENCE = 5 };
    if (loss < s->best * (1 - 0.01)) {
        s->best = loss;
        s->bad = 0;
        return;
    }
    if (++s->bad > PATIENCE) {
        /* PyTorch leaves the rate alone where the step down is 1e-8 or less. */
        if (s->lr * s->factor * 0.8 > 1e-8)
            s->factor *= 0.2;
        s->bad = 0;
    }
}
