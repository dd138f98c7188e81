/* SPDX-License-Identifier: Apache-2.0 */
/* ClusterNetworkPolicy policy.networking.k8s.io/v1alpha2: tier, priority and
 * protocols; the rest is clusterpolicy.c. */
#include <errno.h>
#include <string.h>

#include "policy/decode/clusterpolicy.h"

static int decode_rank(struct weir_decoder *d, const struct weir_path *path, const cJSON *spec,
		       struct weir_policy *p)
{
	struct weir_path here = weir_path_key(path, "tier");
	const char *tier = NULL;
	int r = weir_field_text(d, path, spec, "tier", &tier);

	if (r < 0)
		return r;
	if (tier && strcmp(tier, weir_tier_name(WEIR_TIER_ADMIN)) == 0)
		p->tier = WEIR_TIER_ADMIN;
	else if (tier && strcmp(tier, weir_tier_name(WEIR_TIER_BASELINE)) == 0)
		p->tier = WEIR_TIER_BASELINE;
	else
		return weir_field_error(d, &here, "\"%.40s\" is not Admin or Baseline",
					tier ? tier : "");
	return weir_cluster_decode_priority(d, path, spec, &p->priority);
}

static int decode_destination(struct weir_decoder *d, const struct weir_path *path,
			      const cJSON *json, uint8_t protocol, struct weir_rule *rule)
{
	static const char *const known[] = { "number", "range", NULL };
	static const char *const range[] = { "start", "end", NULL };
	const cJSON *child = NULL, *start, *end;
	struct weir_path at;
	int r = weir_cluster_choice(d, path, json, known, &child);

	if (r < 0)
		return r;
	if (!child) {
		rule->closed = true;
		return 0;
	}
	at = weir_path_key(path, child->string);
	if (strcmp(child->string, "number") == 0)
		return weir_cluster_add_range(d, &at, child, child, protocol, rule);
	r = weir_field_known(d, &at, child, range);
	start = weir_field(child, "start");
	end = weir_field(child, "end");
	if (r == 0 && start && end && start->valuedouble == end->valuedouble)
		return weir_field_error(d, &at, "start must be less than end");
	return r < 0 ? r : weir_cluster_add_range(d, &at, start, end, protocol, rule);
}

static int decode_protocol(struct weir_decoder *d, const struct weir_path *path, const cJSON *json,
			   struct weir_rule *rule)
{
	static const char *const known[] = { "tcp", "udp", "sctp", "destinationNamedPort", NULL };
	static const uint8_t numbers[] = { WEIR_PROTO_TCP, WEIR_PROTO_UDP, WEIR_PROTO_SCTP };
	static const char *const fields[] = { "destinationPort", NULL };
	const cJSON *child = NULL, *port = NULL;
	struct weir_path at, at_port;
	unsigned i = 0;
	int r = weir_cluster_choice(d, path, json, known, &child);

	if (r == 0 && child) {
		at = weir_path_key(path, child->string);
		if (strcmp(child->string, known[3]) == 0)
			return weir_cluster_add_name(d, &at, child, rule);
		r = weir_cluster_choice(d, &at, child, fields, &port);
	}
	if (r < 0)
		return r;
	if (!port) {
		rule->closed = true;
		return 0;
	}
	while (strcmp(known[i], child->string) != 0)
		i++;
	at_port = weir_path_key(&at, fields[0]);
	return decode_destination(d, &at_port, port, numbers[i], rule);
}

static const char *const fields[] = { "tier", "priority", "subject", "ingress", "egress", NULL };
static const char *const actions[WEIR_ACTION_MAX] = { "Accept", "Deny", "Pass" };

static const struct weir_cluster_form form = {
	.form = {
		.kind = "ClusterNetworkPolicy",
		.api_version = "policy.networking.k8s.io/v1alpha2",
		.least = "tier: Admin, priority: 0, subject: {namespaces: {}}",
		.decode_spec = weir_cluster_decode_spec,
	},
	.fields = fields,
	.actions = actions,
	.ports_field = "protocols",
	.list_max = 25,
	.has_domains = true,
	.decode_rank = decode_rank,
	.decode_port = decode_protocol,
	.ports_each = 3,
};

int weir_clusternetworkpolicy_decode(struct weir_pool *pool, const cJSON *json,
				     struct weir_policy **ret, struct weir_error *err)
{
	return weir_policy_decode(pool, json, &form.form, ret, err);
}
