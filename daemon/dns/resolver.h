/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* One entry of dns.resolvers: "10.0.0.10", "10.0.0.0/24", "kube-system/kube-dns", or
 * "node" for the name servers that the node itself asks. */
#include "weir/addr.h"

enum weir_dns_resolver_kind { WEIR_DNS_NODE, WEIR_DNS_PREFIX, WEIR_DNS_SERVICE };

struct weir_dns_resolver {
	enum weir_dns_resolver_kind kind;
	struct weir_prefix prefix;
	char namespace_[64], name[254];
};

/* -EINVAL: none of these. */
int weir_dns_resolver_parse(const char *text, struct weir_dns_resolver *ret);
