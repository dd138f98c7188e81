/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NetworkPolicy networking.k8s.io/v1 (API reference, NetworkPolicySpec). What
 * an API server would refuse is refused, with the field and what would be
 * right; an unknown field is an error, because a misspelt one would open
 * traffic that somebody meant to close.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/decode/policy.h"
#include "weir/cleanup.h"

/* --- peers ---------------------------------------------------------------- */

static int decode_except(struct weir_decoder *d, const struct weir_path *path, const cJSON *list,
			 struct weir_peer *peer)
{
	char outer[WEIR_PREFIX_STRLEN];
	const cJSON *item;
	int n = cJSON_GetArraySize(list);

	if (n == 0)
		return 0;
	if (n > UINT16_MAX)
		return weir_field_error(d, path, "more than %d entries", UINT16_MAX);
	peer->except = weir_decoder_alloc(d, (size_t)n, sizeof(*peer->except));
	if (!peer->except)
		return -ENOMEM;
	cJSON_ArrayForEach (item, list) {
		struct weir_path at = weir_path_index(path, peer->n_except);
		struct weir_prefix *p = &peer->except[peer->n_except];
		int r = weir_policy_decode_cidr(d, &at, cJSON_GetStringValue(item), p);

		if (r < 0)
			return r;
		if (!weir_prefix_covers(&peer->prefix, p) || p->len == peer->prefix.len)
			return weir_field_error(
				d, &at, "\"%.60s\" is not a smaller range within %s",
				item->valuestring, weir_prefix_format(&peer->prefix, outer));
		peer->n_except++;
	}
	return 0;
}

static int decode_block(struct weir_decoder *d, const struct weir_path *path, const cJSON *block,
			struct weir_peer *peer)
{
	static const char *const known[] = { "cidr", "except", NULL };
	struct weir_path at_cidr = weir_path_key(path, "cidr");
	struct weir_path at_except = weir_path_key(path, "except");
	const char *cidr = NULL;
	const cJSON *except = NULL;
	int r = weir_field_known(d, path, block, known);

	if (r == 0)
		r = weir_field_text(d, path, block, "cidr", &cidr);
	if (r == 0)
		r = weir_field_array(d, path, block, "except", &except);
	if (r == 0)
		r = weir_policy_decode_cidr(d, &at_cidr, cidr, &peer->prefix);
	if (r == 0)
		r = decode_except(d, &at_except, except, peer);
	return r;
}

static int decode_pods_peer(struct weir_decoder *d, const struct weir_path *path,
			    const cJSON *namespaces, const cJSON *pods, struct weir_peer *peer)
{
	struct weir_path at_namespaces = weir_path_key(path, "namespaceSelector");
	struct weir_path at_pods = weir_path_key(path, "podSelector");
	int r = 0;

	peer->kind = WEIR_PEER_PODS;
	peer->own_namespace = !namespaces;
	if (namespaces)
		r = weir_selector_decode(d, &at_namespaces, namespaces, &peer->namespaces);
	if (r == 0 && pods)
		r = weir_selector_decode(d, &at_pods, pods, &peer->pods);
	return r;
}

static int decode_peer(struct weir_decoder *d, const struct weir_path *path, const cJSON *json,
		       struct weir_peer *peer)
{
	static const char *const known[] = { "podSelector", "namespaceSelector", "ipBlock", NULL };
	struct weir_path at_block = weir_path_key(path, "ipBlock");
	const cJSON *pods = NULL, *namespaces = NULL, *block = NULL;
	int r;

	if (!cJSON_IsObject(json))
		return weir_field_error(d, path, "want podSelector, namespaceSelector or ipBlock");
	r = weir_field_known(d, path, json, known);
	if (r == 0)
		r = weir_field_object(d, path, json, "podSelector", &pods);
	if (r == 0)
		r = weir_field_object(d, path, json, "namespaceSelector", &namespaces);
	if (r == 0)
		r = weir_field_object(d, path, json, "ipBlock", &block);
	if (r < 0)
		return r;
	if (!pods && !namespaces && !block)
		return weir_field_error(d, path,
					"is empty: a peer has a podSelector, a "
					"namespaceSelector, both, or an ipBlock");
	if (block && (pods || namespaces))
		return weir_field_error(d, path,
					"ipBlock cannot be combined with selectors: make "
					"two peers");
	if (!block)
		return decode_pods_peer(d, path, namespaces, pods, peer);
	peer->kind = WEIR_PEER_PREFIX;
	return decode_block(d, &at_block, block, peer);
}

/* --- ports ---------------------------------------------------------------- */

static int decode_end_port(struct weir_decoder *d, const struct weir_path *path, const cJSON *end,
			   const cJSON *port, struct weir_port *ret)
{
	int r;

	if (!port || ret->name)
		return weir_field_error(d, path, "needs a numeric port beside it");
	r = weir_field_port(d, path, end, &ret->last);
	if (r == 0 && ret->last < ret->first)
		return weir_field_error(d, path, "%u is less than port %u", ret->last, ret->first);
	return r;
}

static int decode_port(struct weir_decoder *d, const struct weir_path *path, const cJSON *json,
		       struct weir_port *ret)
{
	static const char *const known[] = { "protocol", "port", "endPort", NULL };
	struct weir_path at_port = weir_path_key(path, "port");
	struct weir_path at_end = weir_path_key(path, "endPort");
	const cJSON *port = weir_field(json, "port"), *end = weir_field(json, "endPort");
	const char *want;
	int r;

	if (!cJSON_IsObject(json))
		return weir_field_error(d, path, "want an object with protocol and port");
	r = weir_field_known(d, path, json, known);
	if (r == 0)
		r = weir_field_protocol(d, path, json, &ret->protocol);
	if (r < 0)
		return r;
	ret->last = UINT16_MAX;
	if (port && cJSON_IsString(port)) {
		want = weir_syntax_port_name(port->valuestring);
		if (want)
			return weir_field_error(d, &at_port, "\"%.40s\": %s", port->valuestring,
						want);
		r = weir_field_string(d, port->valuestring, &ret->name);
	} else if (port) {
		r = weir_field_port(d, &at_port, port, &ret->first);
		ret->last = ret->first;
	}
	if (r == 0 && end)
		r = decode_end_port(d, &at_end, end, port, ret);
	return r;
}

/* --- rules ---------------------------------------------------------------- */

static int decode_peers(struct weir_decoder *d, const struct weir_path *path, const cJSON *list,
			struct weir_rule *rule)
{
	int n = cJSON_GetArraySize(list);
	const cJSON *item;

	rule->any_peer = n == 0;
	if (n == 0)
		return 0;
	if (n > UINT16_MAX)
		return weir_field_error(d, path, "more than %d peers", UINT16_MAX);
	rule->peers = weir_decoder_alloc(d, (size_t)n, sizeof(*rule->peers));
	if (!rule->peers)
		return -ENOMEM;
	cJSON_ArrayForEach (item, list) {
		struct weir_path at = weir_path_index(path, rule->n_peers);
		int r = decode_peer(d, &at, item, &rule->peers[rule->n_peers++]);

		if (r < 0)
			return r;
	}
	return 0;
}

static int decode_ports(struct weir_decoder *d, const struct weir_path *path, const cJSON *list,
			struct weir_rule *rule)
{
	int n = cJSON_GetArraySize(list);
	const cJSON *item;

	rule->any_port = n == 0;
	if (n == 0)
		return 0;
	if (n > UINT16_MAX)
		return weir_field_error(d, path, "more than %d ports", UINT16_MAX);
	rule->ports = weir_decoder_alloc(d, (size_t)n, sizeof(*rule->ports));
	if (!rule->ports)
		return -ENOMEM;
	cJSON_ArrayForEach (item, list) {
		struct weir_path at = weir_path_index(path, rule->n_ports);
		int r = decode_port(d, &at, item, &rule->ports[rule->n_ports++]);

		if (r < 0)
			return r;
	}
	return 0;
}

static const char *const peers_key[] = { [WEIR_INGRESS] = "from", [WEIR_EGRESS] = "to" };

static int decode_rule(struct weir_decoder *d, const struct weir_path *path, const cJSON *json,
		       struct weir_rule *rule)
{
	const char *const known[] = { peers_key[rule->direction], "ports", NULL };
	struct weir_path at_peers = weir_path_key(path, known[0]);
	struct weir_path at_ports = weir_path_key(path, "ports");
	const cJSON *peers = NULL, *ports = NULL;
	int r;

	if (!cJSON_IsObject(json))
		return weir_field_error(d, path, "want an object with %s and ports", known[0]);
	r = weir_field_known(d, path, json, known);
	if (r == 0)
		r = weir_field_array(d, path, json, known[0], &peers);
	if (r == 0)
		r = weir_field_array(d, path, json, "ports", &ports);
	if (r == 0)
		r = decode_peers(d, &at_peers, peers, rule);
	if (r == 0)
		r = decode_ports(d, &at_ports, ports, rule);
	return r;
}

static int decode_rules(struct weir_decoder *d, const struct weir_path *spec, const cJSON *json,
			enum weir_direction direction, struct weir_policy *p)
{
	const char *key = weir_direction_name(direction);
	struct weir_path path = weir_path_key(spec, key);
	const cJSON *list = NULL, *item;
	int n, r = weir_field_array(d, spec, json, key, &list);

	if (r < 0)
		return r;
	n = cJSON_GetArraySize(list);
	if (n > UINT16_MAX)
		return weir_field_error(d, &path, "more than %d rules", UINT16_MAX);
	p->rules[direction] =
		n ? weir_decoder_alloc(d, (size_t)n, sizeof(*p->rules[direction])) : NULL;
	if (n && !p->rules[direction])
		return -ENOMEM;
	cJSON_ArrayForEach (item, list) {
		uint16_t index = p->n_rules[direction]++;
		struct weir_path at = weir_path_index(&path, index);
		struct weir_rule *rule = &p->rules[direction][index];

		*rule = (struct weir_rule){ .policy = p, .index = index, .action = WEIR_ACCEPT };
		rule->direction = (uint8_t)direction;
		r = decode_rule(d, &at, item, rule);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- the policy ------------------------------------------------------------- */

/* Without policyTypes: Ingress, and Egress when there are egress rules. */
static int decode_types(struct weir_decoder *d, const struct weir_path *spec, const cJSON *json,
			struct weir_policy *p)
{
	struct weir_path path = weir_path_key(spec, "policyTypes");
	const cJSON *list = NULL, *item;
	unsigned i = 0;
	int r = weir_field_array(d, spec, json, "policyTypes", &list);

	if (r < 0)
		return r;
	if (cJSON_GetArraySize(list) == 0) {
		p->isolates[WEIR_INGRESS] = true;
		p->isolates[WEIR_EGRESS] = p->n_rules[WEIR_EGRESS] > 0;
		return 0;
	}
	cJSON_ArrayForEach (item, list) {
		struct weir_path at = weir_path_index(&path, i++);
		const char *type = cJSON_GetStringValue(item);

		if (type && strcmp(type, "Ingress") == 0)
			p->isolates[WEIR_INGRESS] = true;
		else if (type && strcmp(type, "Egress") == 0)
			p->isolates[WEIR_EGRESS] = true;
		else
			return weir_field_error(d, &at, "\"%.40s\" is not Ingress or Egress",
						type ? type : "");
	}
	return 0;
}

static int decode_spec(struct weir_decoder *d, const struct weir_policy_form *self,
		       const struct weir_path *path, const cJSON *spec, struct weir_policy *p)
{
	static const char *const known[] = { "podSelector", "policyTypes", "ingress", "egress",
					     NULL };
	struct weir_path at_pods = weir_path_key(path, "podSelector");
	const cJSON *pods = NULL;
	int r = weir_field_known(d, path, spec, known);

	(void)self;
	p->tier = WEIR_TIER_NETWORK_POLICY;
	if (r == 0)
		r = weir_field_object(d, path, spec, "podSelector", &pods);
	if (r == 0 && !pods)
		return weir_field_error(d, &at_pods, "is missing: write {} to select every pod");
	if (r == 0)
		r = weir_selector_decode(d, &at_pods, pods, &p->pods);
	for (int direction = 0; r == 0 && direction < WEIR_DIRECTION_MAX; direction++)
		r = decode_rules(d, path, spec, (enum weir_direction)direction, p);
	if (r == 0)
		r = decode_types(d, path, spec, p);
	return r;
}

static const struct weir_policy_form form = {
	.kind = "NetworkPolicy",
	.api_version = "networking.k8s.io/v1",
	.least = "podSelector: {}",
	.namespaced = true,
	.decode_spec = decode_spec,
};

/* Whom it selects is all that must be understood. */
static int decode_closed_spec(struct weir_decoder *d, const struct weir_policy_form *self,
			      const struct weir_path *path, const cJSON *spec,
			      struct weir_policy *p)
{
	struct weir_path at_pods = weir_path_key(path, "podSelector");
	const cJSON *pods = NULL;
	int r = weir_field_object(d, path, spec, "podSelector", &pods);

	(void)self;
	p->tier = WEIR_TIER_NETWORK_POLICY;
	if (r == 0 && !pods)
		return weir_field_error(d, &at_pods, "is missing");
	if (r == 0)
		r = weir_selector_decode(d, &at_pods, pods, &p->pods);
	if (r < 0)
		return r;
	/* with rules for egress it was meant for egress, whatever they say */
	if (decode_types(d, path, spec, p) < 0 || weir_field(spec, "egress"))
		p->isolates[WEIR_INGRESS] = p->isolates[WEIR_EGRESS] = true;
	return 0;
}

static const struct weir_policy_form closed_form = {
	.kind = "NetworkPolicy",
	.api_version = "networking.k8s.io/v1",
	.least = "podSelector: {}",
	.namespaced = true,
	.decode_spec = decode_closed_spec,
};

int weir_networkpolicy_decode_closed(struct weir_pool *pool, const cJSON *json,
				     struct weir_policy **ret, struct weir_error *err)
{
	return weir_policy_decode(pool, json, &closed_form, ret, err);
}

int weir_networkpolicy_decode(struct weir_pool *pool, const cJSON *json, struct weir_policy **ret,
			      struct weir_error *err)
{
	return weir_policy_decode(pool, json, &form, ret, err);
}
