/* SPDX-License-Identifier: MIT */
/*
 * A step of training, the same for all methods (spec 6.3, 6.5, 3.7): forward once; discriminators
 * learn from what came out; then generators and heads, judged by what the discriminators have just
 * become. CycleGAN takes the generators' turn first.
 */
#include <math.h>
#include <stdio.h>

#include "base/err.h"
#include "grad/engine.h"
#include "method/method.h"
#include "nn/module.h"

typedef enum turn { DISCRIMINATORS, GENERATORS } turn;

static bool has_turn(const rst_method_net *n, turn t)
{
    return (n->part == RST_PART_DISCRIMINATOR) == (t == DISCRIMINATORS);
}

/* Gradients -------------------------------------------------------------------------------------
 */

static void zero_grads(rst_method *m, turn t)
{
    for (int i = 0; i < m->nets; i++)
        if (has_turn(&m->net[i], t))
            rst_adam_zero_grad(m->net[i].adam);
}

/* While the generators learn, the discriminators only pass gradients on. */
static void freeze_discriminators(rst_method *m, bool on)
{
    for (int i = 0; i < m->nets; i++)
        if (m->net[i].part == RST_PART_DISCRIMINATOR)
            rst_module_freeze(m->net[i].net, on);
}

/* Adds the terms made since the last call to the step's losses. */
static void read_terms(rst_method *m, double share)
{
    for (int i = 0; i < RST_LOSS_TERMS; i++) {
        if (m->term[i])
            m->loss[i] += share * rst_item(m->term[i]);
        if (m->term[i] && !(m->made >> i & 1))
            rst__ctx_fail(m->c, RST_EINTERNAL, "%s: a loss that was not expected",
                          m->kind->term[i]);
        m->term[i] = NULL;
    }
}

/* Gradients of the losses of one turn, over the batch that is loaded; share: of the step. */
static void learn(rst_method *m, turn t, double share, bool backward)
{
    rst_begin(m->c);
    freeze_discriminators(m, t == GENERATORS);
    rst_tensor *loss = t == GENERATORS ? m->kind->loss_g(m) : m->kind->loss_d(m);
    if (loss && backward)
        (void)rst_backward(share < 1 ? rst_scale(loss, share) : loss); /* the scope reports */
    read_terms(m, share);
    freeze_discriminators(m, false);
    (void)rst_end(m->c, NULL); /* the outermost scope reports */
}

/* A failure of the numbers: which term or network, in which step. */
static int check_terms(const rst_method *m, rst_error *err)
{
    for (int i = 0; i < RST_LOSS_TERMS && m->kind->term[i]; i++)
        if (!isfinite(m->loss[i]))
            return rst_fail(err, RST_ENUMERIC,
                            "step %lld: the loss %s is not finite; a smaller --lr or --clip-grad "
                            "may help",
                            (long long)m->step + 1, m->kind->term[i]);
    return 0;
}

static int update(rst_method *m, turn t, double lr, rst_error *err)
{
    for (int i = 0; i < m->nets; i++) {
        rst_method_net *n = &m->net[i];
        if (!has_turn(n, t))
            continue;
        int rc = rst_adam_clip(n->adam, m->o.clip_grad, &n->norm, err);
        if (rc == 0 && !isfinite(n->norm))
            rc = rst_fail(err, RST_ENUMERIC,
                          "step %lld: the gradient of net_%s is not finite, its losses are",
                          (long long)m->step + 1, n->name);
        if (rc == 0)
            rc = rst_adam_step(n->adam, lr, err);
        if (rc == 0 && n->ema)
            rc = rst__module_blend(n->ema, n->net, m->o.ema, err);
        if (rc < 0)
            return rc;
    }
    return 0;
}

/* A batch ---------------------------------------------------------------------------------------
 */

static void load_batch(rst_method *m, const rst_method_batch *b)
{
    m->pictures = 0;
    m->nce_calls = 0;
    m->flipped = false;
    m->a = rst_upload(m->c, b->s, RST_NHWC, b->a);
    m->b = rst_upload(m->c, b->s_b, RST_NHWC, b->b);
    for (int i = 0; i < RST_LOSS_TERMS; i++)
        m->term[i] = NULL;
}

static void forget_batch(rst_method *m)
{
    m->a = m->b = NULL;
    m->pictures = 0;
}

static turn turn_at(const rst_method *m, int i)
{
    return (i == 0) == m->kind->generators_first ? GENERATORS : DISCRIMINATORS;
}

/* Both turns on one batch, which is passed forward once. */
static int step_of_one(rst_method *m, const rst_method_batch *b, double lr,
                       void (*seen)(void *user, rst_method *m), void *user, rst_error *err)
{
    int rc = 0;
    rst_begin(m->c);
    load_batch(m, b);
    m->kind->forward(m);
    for (int i = 0; rc == 0 && i < 2; i++) {
        zero_grads(m, turn_at(m, i));
        learn(m, turn_at(m, i), 1, true);
        if (rst_ctx_error(m->c, err) == 0)
            rc = check_terms(m, err);
        if (rc == 0)
            rc = update(m, turn_at(m, i), lr, err);
    }
    if (rc == 0 && seen)
        seen(user, m);
    forget_batch(m);
    int ended = rst_end(m->c, err);
    return ended < 0 ? ended : rc;
}

/* Gradients of one turn over several batches, each passed forward for it. */
static int turn_of_many(rst_method *m, turn t, const rst_method_batch *b, int count,
                        void (*seen)(void *user, rst_method *m), void *user, rst_error *err)
{
    int rc = 0;
    int64_t images = 0; /* the last batch of an epoch may be smaller than the others */
    for (int i = 0; i < count; i++)
        images += b[i].s.n;
    zero_grads(m, t);
    for (int i = 0; rc == 0 && i < count; i++) {
        rst_begin(m->c);
        load_batch(m, &b[i]);
        if (t == DISCRIMINATORS)
            rst_begin_nograd(m->c);
        m->kind->forward(m);
        if (t == DISCRIMINATORS) {
            for (int k = 0; k < m->pictures; k++)
                rst_keep(m->picture[k].t);
            (void)rst_end(m->c, NULL); /* the outermost scope reports */
        }
        learn(m, t, (double)b[i].s.n / (double)images, true);
        if (seen && i == count - 1)
            seen(user, m);
        forget_batch(m);
        rc = rst_end(m->c, err);
    }
    return rc < 0 ? rc : check_terms(m, err);
}

/* Both turns, as on one batch of all of them: discriminators that come second judge what the
 * generators made before they learnt. */
static int step_of_many(rst_method *m, const rst_method_batch *b, int count, double lr,
                        void (*seen)(void *user, rst_method *m), void *user, rst_error *err)
{
    const turn first = turn_at(m, 0), second = turn_at(m, 1);
    int rc = turn_of_many(m, first, b, count, NULL, NULL, err);
    if (rc == 0 && second == GENERATORS)
        rc = update(m, first, lr, err);
    if (rc == 0)
        rc = turn_of_many(m, second, b, count, seen, user, err);
    if (rc == 0 && second == DISCRIMINATORS)
        rc = update(m, first, lr, err);
    return rc < 0 ? rc : update(m, second, lr, err);
}

int rst__method_step(rst_method *m, const rst_method_batch *batch, int count, rst_method_when when,
                     void (*seen)(void *user, rst_method *m), void *user, rst_error *err)
{
    m->epoch = when.epoch;
    m->t = when.t;
    for (int i = 0; i < RST_LOSS_TERMS; i++)
        m->loss[i] = 0;
    int rc = count == 1 ? step_of_one(m, batch, when.lr, seen, user, err)
                        : step_of_many(m, batch, count, when.lr, seen, user, err);
    if (rc == 0)
        m->step++;
    return rc;
}

int rst__method_warm_up(rst_method *m, const rst_method_batch *batch, rst_error *err)
{
    if (!m->kind->warm_up)
        return 0;
    m->epoch = 1;
    m->t = 0;
    rst_begin_nograd(m->c);
    load_batch(m, batch);
    m->kind->forward(m);
    for (int i = 0; i < 2; i++)
        learn(m, turn_at(m, i), 1, false);
    forget_batch(m);
    return rst_end(m->c, err);
}
