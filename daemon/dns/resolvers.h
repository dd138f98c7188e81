/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Whose answers are believed. What a pod addresses counts, not which server behind a
 * Service answers. */
#include "daemon/config/config.h"
#include "weir/addr.h"

struct weir_cluster;

struct weir_dns_resolvers {
	size_t n;
	struct weir_prefix *items; /* ascending, each once */
};

/* All that is known now. *ret_changed: not what was in r before. -ENOMEM. */
int weir_dns_resolvers_update(struct weir_dns_resolvers *r, const struct weir_config_strings *texts,
			      const struct weir_cluster *cluster, const char *resolv_conf,
			      bool *ret_changed);
void weir_dns_resolvers_free(struct weir_dns_resolvers *r);
