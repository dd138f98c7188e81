/* SPDX-License-Identifier: Apache-2.0 */
/* Method "names": what the names in policies stand for now, and which policies ask. */
#include <pthread.h>

#include "daemon/cluster/cluster.h"
#include "daemon/dns/dns.h"
#include "daemon/query/query.h"

struct listing {
	struct weird *d;
	cJSON *array;
	uint64_t now;
};

struct asking {
	const char *name;
	cJSON *array;
};

static bool peer_asks(const struct weir_peer *peer, const char *name)
{
	if (peer->kind != WEIR_PEER_DOMAINS)
		return false;
	for (uint16_t i = 0; i < peer->n_names; i++)
		if (weir_dns_matches(peer->names[i], name))
			return true;
	return false;
}

static bool policy_asks(const struct weir_policy *p, const char *name)
{
	for (int d = 0; d < WEIR_DIRECTION_MAX; d++)
		for (uint16_t i = 0; i < p->n_rules[d]; i++)
			for (uint16_t j = 0; j < p->rules[d][i].n_peers; j++)
				if (peer_asks(&p->rules[d][i].peers[j], name))
					return true;
	return false;
}

static int add_policy(void *data, const struct weir_policy *p)
{
	struct asking *a = data;

	if (policy_asks(p, a->name))
		weir_query_append_policy(a->array, p);
	return 0;
}

static int add_name(void *data, const char *name, const struct weir_dns_lease *leases, size_t n)
{
	struct listing *l = data;
	cJSON *item = cJSON_CreateObject(), *addresses;
	struct asking asking = { .name = name };
	char text[WEIR_ADDR_STRLEN];

	cJSON_AddStringToObject(item, "name", name);
	addresses = cJSON_AddArrayToObject(item, "addresses");
	for (size_t i = 0; i < n; i++) {
		cJSON *a = cJSON_CreateObject();
		uint64_t left = leases[i].until > l->now ? leases[i].until - l->now : 0;

		cJSON_AddStringToObject(a, "address", weir_addr_format(&leases[i].addr, text));
		cJSON_AddNumberToObject(a, "seconds", (double)left / 1000);
		cJSON_AddItemToArray(addresses, a);
	}
	asking.array = cJSON_AddArrayToObject(item, "policies");
	weir_cluster_each_policy(l->d->world.cluster, add_policy, &asking);
	cJSON_AddItemToArray(l->array, item);
	return 0;
}

static void add_resolvers(const struct weir_dns *dns, cJSON *result)
{
	cJSON *array = cJSON_AddArrayToObject(result, "resolvers");
	struct weir_changes lists = { 0 };
	char text[WEIR_PREFIX_STRLEN];

	weir_dns_fill(dns, &lists);
	for (size_t i = 0; i < lists.n_resolvers; i++)
		cJSON_AddItemToArray(
			array, cJSON_CreateString(weir_prefix_format(&lists.resolvers[i], text)));
}

void weir_query_names(struct weird *d, const cJSON *params, struct weir_rpc_reply *reply)
{
	cJSON *result = cJSON_CreateObject();
	struct listing l = { d, cJSON_AddArrayToObject(result, "names"), weir_dns_now() };
	const char *trouble = weir_dns_trouble(d->dns);

	pthread_mutex_lock(&d->world.lock);
	weir_dns_each(d->dns, add_name, &l);
	pthread_mutex_unlock(&d->world.lock);
	add_resolvers(d->dns, result);
	weir_query_add_text(result, "trouble", *trouble ? trouble : NULL);
	weir_rpc_reply_result(reply, result);
}
