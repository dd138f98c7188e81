/* SPDX-License-Identifier: Apache-2.0 */
/*
 * AdminNetworkPolicy and BaselineAdminNetworkPolicy policy.networking.k8s.io/v1alpha1,
 * which ClusterNetworkPolicy has replaced: a kind for each tier, "Allow" for
 * "Accept", other limits, another way to write ports.
 */
#include <errno.h>
#include <string.h>

#include "policy/decode/clusterpolicy.h"

static int decode_admin_rank(struct weir_decoder *d, const struct weir_path *path,
			     const cJSON *spec, struct weir_policy *p)
{
	p->tier = WEIR_TIER_ADMIN;
	return weir_cluster_decode_priority(d, path, spec, &p->priority);
}

/* There is one in a cluster, and it has the last word. */
static int decode_baseline_rank(struct weir_decoder *d, const struct weir_path *path,
				const cJSON *spec, struct weir_policy *p)
{
	struct weir_path root = weir_path_root(), metadata = weir_path_key(&root, "metadata");
	struct weir_path at = weir_path_key(&metadata, "name");

	if (strcmp(p->name, "default") != 0)
		return weir_field_error(d, &at,
					"\"%.60s\": the only one of this kind is named "
					"default",
					p->name);
	p->tier = WEIR_TIER_BASELINE;
	p->priority = WEIR_PRIORITY_LAST;
	return 0;
}

/* "" is what a server keeps of a client that did not set it. */
static int decode_protocol(struct weir_decoder *d, const struct weir_path *path, const cJSON *json,
			   uint8_t *ret)
{
	const char *text = cJSON_GetStringValue(weir_field(json, "protocol"));

	if (!text || *text)
		return weir_field_protocol(d, path, json, ret);
	*ret = WEIR_PROTO_TCP;
	return 0;
}

static int decode_numbers(struct weir_decoder *d, const struct weir_path *path, const cJSON *json,
			  const char *const *known, struct weir_rule *rule)
{
	const cJSON *first = weir_field(json, known[1]);
	const cJSON *last = known[2] ? weir_field(json, known[2]) : first;
	uint8_t protocol;
	int r = weir_field_known(d, path, json, known);

	if (r == 0)
		r = decode_protocol(d, path, json, &protocol);
	return r < 0 ? r : weir_cluster_add_range(d, path, first, last, protocol, rule);
}

static int decode_port(struct weir_decoder *d, const struct weir_path *path, const cJSON *json,
		       struct weir_rule *rule)
{
	static const char *const known[] = { "namedPort", "portNumber", "portRange", NULL };
	static const char *const number[] = { "protocol", "port", NULL, NULL };
	static const char *const range[] = { "protocol", "start", "end", NULL };
	const cJSON *child = NULL;
	struct weir_path at;
	int r = weir_cluster_choice(d, path, json, known, &child);

	if (r < 0)
		return r;
	if (!child) {
		rule->closed = true;
		return 0;
	}
	at = weir_path_key(path, child->string);
	if (strcmp(child->string, known[0]) == 0)
		return weir_cluster_add_name(d, &at, child, rule);
	if (!cJSON_IsObject(child))
		return weir_field_error(d, &at, "want an object (key: value)");
	return decode_numbers(d, &at, child, strcmp(child->string, known[1]) ? range : number,
			      rule);
}

static const char *const admin_fields[] = { "priority", "subject", "ingress", "egress", NULL };
static const char *const admin_actions[WEIR_ACTION_MAX] = { "Allow", "Deny", "Pass" };
static const char *const baseline_fields[] = { "subject", "ingress", "egress", NULL };
static const char *const baseline_actions[WEIR_ACTION_MAX] = { "Allow", "Deny", NULL };

#define API_VERSION "policy.networking.k8s.io/v1alpha1"
enum { LIST_MAX = 100 };

static const struct weir_cluster_form admin = {
	.form = {
		.kind = "AdminNetworkPolicy",
		.api_version = API_VERSION,
		.least = "priority: 0, subject: {namespaces: {}}",
		.decode_spec = weir_cluster_decode_spec,
	},
	.fields = admin_fields,
	.actions = admin_actions,
	.ports_field = "ports",
	.list_max = LIST_MAX,
	.has_domains = true,
	.decode_rank = decode_admin_rank,
	.decode_port = decode_port,
	.ports_each = 3,
};

static const struct weir_cluster_form baseline = {
	.form = {
		.kind = "BaselineAdminNetworkPolicy",
		.api_version = API_VERSION,
		.least = "subject: {namespaces: {}}",
		.decode_spec = weir_cluster_decode_spec,
	},
	.fields = baseline_fields,
	.actions = baseline_actions,
	.ports_field = "ports",
	.list_max = LIST_MAX,
	.decode_rank = decode_baseline_rank,
	.decode_port = decode_port,
	.ports_each = 3,
};

int weir_adminnetworkpolicy_decode(struct weir_pool *pool, const cJSON *json,
				   struct weir_policy **ret, struct weir_error *err)
{
	return weir_policy_decode(pool, json, &admin.form, ret, err);
}

int weir_baselineadminnetworkpolicy_decode(struct weir_pool *pool, const cJSON *json,
					   struct weir_policy **ret, struct weir_error *err)
{
	return weir_policy_decode(pool, json, &baseline.form, ret, err);
}
