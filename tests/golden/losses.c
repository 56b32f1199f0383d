/* SPDX-License-Identifier: MIT */
/* The group `losses`. */
#include "method/losses.h"

#include <stdio.h>
#include <string.h>

#include "golden/golden.h"

static bool gan_loss(gold_case *g)
{
    rst_gan_mode mode;
    const char *name = gold_text(g, "gan_mode");
    if (!name || !rst__gan_mode_parse(name, &mode))
        return gold_fail(g, "cannot be mapped: gan_mode %s", name ? name : "(none)");
    rst_tensor *pred = gold_input(g, "pred");
    return gold_out(g, "real", rst__gan_loss(pred, mode, true)) &&
           gold_out(g, "fake", rst__gan_loss(pred, mode, false)) && gold_backward(g, NULL);
}

static bool patchnce(gold_case *g)
{
    bool all = gold_bool(g, "nce_includes_all_negatives_from_minibatch", false);
    int64_t groups = all ? 1 : gold_int(g, "batch_size", 1);
    rst_tensor *q = gold_input(g, "feat_q"), *k = gold_input(g, "feat_k");
    double t = gold_real(g, "nce_T", 0.07);
    return gold_out(g, "loss", rst__patchnce(q, k, groups, t)) && gold_backward(g, NULL);
}

static bool asp_loss(gold_case *g)
{
    rst_asp_mode mode;
    const char *name = gold_text(g, "asp_loss_mode");
    if (!name || !rst__asp_mode_parse(name, &mode))
        return gold_fail(g, "cannot be mapped: asp_loss_mode %s", name ? name : "(none)");
    bool all = gold_bool(g, "nce_includes_all_negatives_from_minibatch", false);
    int64_t groups = all ? 1 : gold_int(g, "batch_size", 1);
    double share = rst__asp_constant_share(mode.schedule, (int)gold_int(g, "current_epoch", 1),
                                           (int)gold_int(g, "n_epochs", 30),
                                           (int)gold_int(g, "n_epochs_decay", 10));
    rst_tensor *q = gold_input(g, "feat_q"), *k = gold_input(g, "feat_k");
    double t = gold_real(g, "nce_T", 0.07);
    return gold_out(g, "loss", rst__asp_loss(q, k, groups, t, mode, share)) &&
           gold_backward(g, NULL);
}

static bool gauss_pyramid_loss(gold_case *g)
{
    double weight[RST_GAUSS_LEVELS] = { 1, 1, 1, 1, 1, 1 };
    json_t *given = json_object_get(g->options, "gp_weights");
    const char *word = json_string_value(given);
    if (given && !(word && strcmp(word, "uniform") == 0) &&
        !gold_reals(g, given, "gp_weights", RST_GAUSS_LEVELS, weight))
        return false;
    rst_gauss_levels levels;
    rst_tensor *fake = gold_input(g, "fake"), *real = gold_input(g, "real");
    rst_tensor *loss =
        rst__gauss_pyramid_loss(fake, real, weight, gold_real(g, "lambda_gp", 1), false, &levels);
    if (!gold_out(g, "loss_GP", loss) ||
        !gold_out(g, "level_l1", rst_concat(RST_AXIS_C, RST_GAUSS_LEVELS, levels.l1)))
        return false;
    for (int i = 0; i < RST_GAUSS_LEVELS; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "fake_level_%d", i);
        if (!gold_out(g, name, levels.fake[i]))
            return false;
    }
    return gold_backward(g, NULL);
}

int gold_pyramid_scales(gold_case *g, const char *pattern)
{
    int n = 0;
    const char *p = pattern;
    while (n < RST_PYRAMID_SCALES && p[0] == 'L' && p[1] == '1' + n) {
        n++;
        p += 2;
        if (*p != '_')
            break;
        p++;
    }
    if (n && !*p)
        return n;
    (void)gold_fail(g, "cannot be mapped: pattern %s", pattern);
    return 0;
}

static bool pyramid_loss(gold_case *g)
{
    const char *pattern = gold_text(g, "pattern");
    int n = gold_pyramid_scales(g, pattern ? pattern : "L1_L2_L3_L4");
    if (n == 0)
        return false;
    double weight[RST_PYRAMID_SCALES] = { gold_real(g, "lambda_L1", 25),
                                          gold_real(g, "weight_L2", 25),
                                          gold_real(g, "weight_L3", 25),
                                          gold_real(g, "weight_L4", 25) };
    rst_tensor *term[RST_PYRAMID_SCALES];
    rst_tensor *fake = gold_input(g, "fake_B"), *real = gold_input(g, "real_B");
    if (!gold_out(g, "loss_G", rst__pyramid_loss(fake, real, n, weight, term)))
        return false;
    for (int i = 0; i < n; i++) {
        char name[32];
        (void)snprintf(name, sizeof name, "loss_G_L%d", i + 1);
        if (!gold_out(g, name, term[i]))
            return false;
    }
    return gold_backward(g, NULL);
}

static bool cycle_identity_loss(gold_case *g)
{
    double a = gold_real(g, "lambda_A", 10), b = gold_real(g, "lambda_B", 10);
    double id = gold_real(g, "lambda_identity", 0.5);
    /* The identity of A is judged on images of domain B, and so weighted as these are. */
    const struct {
        const char *out, *made, *real;
        double weight;
    } term[] = { { "loss_cycle_A", "rec_A", "real_A", a },
                 { "loss_cycle_B", "rec_B", "real_B", b },
                 { "loss_idt_A", "idt_A", "real_B", b * id },
                 { "loss_idt_B", "idt_B", "real_A", a * id } };
    for (int i = 0; i < 4; i++) {
        rst_tensor *made = gold_input(g, term[i].made), *real = gold_input(g, term[i].real);
        if (!gold_out(g, term[i].out, rst__l1_loss(made, real, term[i].weight)))
            return false;
    }
    return gold_backward(g, NULL);
}

const gold_op gold_losses[] = {
    { "gan_loss", gan_loss, " gan_mode repo " },
    { "patchnce", patchnce,
      " nce_T batch_size nce_includes_all_negatives_from_minibatch num_patches_total repo " },
    { "asp_loss", asp_loss,
      " asp_loss_mode current_epoch n_epochs n_epochs_decay t nce_T batch_size repo "
      "nce_includes_all_negatives_from_minibatch " },
    { "gauss_pyramid_loss", gauss_pyramid_loss, " gp_weights lambda_gp repo " },
    { "pyramid_loss", pyramid_loss, " pattern lambda_L1 weight_L2 weight_L3 weight_L4 repo " },
    { "cycle_identity_loss", cycle_identity_loss, " lambda_A lambda_B lambda_identity repo " },
    { NULL, NULL, NULL },
};
