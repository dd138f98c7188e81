/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* One value of a configuration, from its text. */
#include "weir/config.h"

/* items: n texts; one but for lists. */
int weir_config_value_set(void *config, const struct weir_config_key *key, const char *const *items,
			  size_t n, struct weir_error *err);
void weir_config_value_clear(void *config, const struct weir_config_key *key);
