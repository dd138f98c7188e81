/* SPDX-License-Identifier: Apache-2.0 */
/* From the words of the configuration to addresses. Called by learn.c whenever Services
 * may have changed, with the world's lock held. */
#include "daemon/dns/resolvers.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/cluster/cluster.h"
#include "daemon/dns/resolver.h"
#include "weir/cleanup.h"

/* --- the list ---------------------------------------------------------------------------- */

static int add(struct weir_dns_resolvers *r, const struct weir_prefix *prefix)
{
	struct weir_prefix *more = reallocarray(r->items, r->n + 1, sizeof(*more));

	if (!more)
		return -ENOMEM;
	r->items = more;
	r->items[r->n++] = *prefix;
	return 0;
}

static int add_service(struct weir_dns_resolvers *r, const struct weir_dns_resolver *which,
		       const struct weir_cluster *cluster)
{
	const struct weir_service *service =
		weir_cluster_service(cluster, which->namespace_, which->name);
	int ret = 0;

	for (uint16_t i = 0; service && i < service->n_addrs && ret == 0; i++) {
		const struct weir_addr *a = &service->addrs[i];
		struct weir_prefix prefix = weir_prefix_of(a, weir_addr_bits(a));

		ret = add(r, &prefix);
	}
	return ret;
}

/* resolv.conf(5); a node without one asks nobody. */
static int add_node(struct weir_dns_resolvers *r, const char *resolv_conf)
{
	FILE *f = fopen(resolv_conf, "re");
	char line[512], text[WEIR_ADDR_STRLEN + 1];
	struct weir_addr addr;
	int ret = 0;

	if (!f)
		return 0;
	while (ret == 0 && fgets(line, sizeof(line), f)) {
		if (sscanf(line, " nameserver %46s", text) == 1 &&
		    weir_addr_parse(text, &addr) == 0) {
			struct weir_prefix prefix = weir_prefix_of(&addr, weir_addr_bits(&addr));

			ret = add(r, &prefix);
		}
	}
	fclose(f);
	return ret;
}

static int add_resolver(struct weir_dns_resolvers *r, const char *text,
			const struct weir_cluster *cluster, const char *resolv_conf)
{
	struct weir_dns_resolver which;

	if (weir_dns_resolver_parse(text, &which) < 0)
		return 0; /* the configuration was checked */
	switch (which.kind) {
	case WEIR_DNS_NODE:
		return add_node(r, resolv_conf);
	case WEIR_DNS_PREFIX:
		return add(r, &which.prefix);
	case WEIR_DNS_SERVICE:
		return add_service(r, &which, cluster);
	}
	return 0;
}

static int by_prefix(const void *a, const void *b)
{
	return weir_prefix_compare(a, b);
}

static void sort(struct weir_dns_resolvers *r)
{
	size_t n = 0;

	if (r->n)
		qsort(r->items, r->n, sizeof(*r->items), by_prefix);
	for (size_t i = 0; i < r->n; i++)
		if (!n || weir_prefix_compare(&r->items[n - 1], &r->items[i]) != 0)
			r->items[n++] = r->items[i];
	r->n = n;
}

static bool same(const struct weir_dns_resolvers *a, const struct weir_dns_resolvers *b)
{
	if (a->n != b->n)
		return false;
	for (size_t i = 0; i < a->n; i++)
		if (weir_prefix_compare(&a->items[i], &b->items[i]) != 0)
			return false;
	return true;
}

int weir_dns_resolvers_update(struct weir_dns_resolvers *r, const struct weir_config_strings *texts,
			      const struct weir_cluster *cluster, const char *resolv_conf,
			      bool *ret_changed)
{
	WEIR_CLEANUP(weir_dns_resolvers_free) struct weir_dns_resolvers now = { 0 };
	int ret = 0;

	for (size_t i = 0; i < texts->n && ret == 0; i++)
		ret = add_resolver(&now, texts->items[i], cluster, resolv_conf);
	if (ret < 0)
		return ret;
	sort(&now);
	*ret_changed = !same(r, &now);
	weir_dns_resolvers_free(r);
	*r = now;
	now = (struct weir_dns_resolvers){ 0 };
	return 0;
}

void weir_dns_resolvers_free(struct weir_dns_resolvers *r)
{
	free(r->items);
	*r = (struct weir_dns_resolvers){ 0 };
}
