/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Flow metrics whose labels the administrator chooses: connections, denials and bytes
 * by these dimensions. Bounded: combinations beyond the limit are "other".
 */
#include <stdint.h>
#include <stdio.h>

#include "hub/flow.h"
#include "weir/config.h"
#include "weir/error.h"

struct weir_counters;

/* labels: names of dimensions. */
int weir_counters_new(const struct weir_config_strings *labels, unsigned max_series,
		      struct weir_counters **ret, struct weir_error *err);
void weir_counters_free(struct weir_counters **counters);
void weir_counters_add(struct weir_counters *c, const struct weir_hub_flow *flow);
/* In the text format of Prometheus. */
void weir_counters_print(struct weir_counters *c, FILE *out);
