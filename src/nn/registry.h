/* SPDX-License-Identifier: MIT */
/* Descriptions of networks, inside. */
#ifndef RST_NN_REGISTRY_H
#define RST_NN_REGISTRY_H

#include <restain/nn.h>

#include "base/json.h"

/** Whether the options make sense; RST_EINVAL names the one that does not. */
int rst__arch_check(const rst_arch *a, rst_error *err);
/**
 * rst_arch_from_json from a parsed object. lenient: keys that mean nothing here are passed over, as
 * in a training configuration that holds more than a network. `net` overrides the object's own.
 */
int rst__arch_from_options(const json_t *o, const char *net, bool lenient, rst_arch *out,
                           rst_error *err);
/** Sets the widths of a feature network, or the taps of a sampler, from the shapes of weights whose
 *  names begin with prefix. RST_EFORMAT when they are not there. */
int rst__arch_measure(rst_arch *a, const rst_weights *w, const char *prefix, rst_error *err);

#endif
