/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Subject and rules of cluster-wide policies. A rule with a peer or port of a
 * kind that is not known fails closed, as the API asks of an implementation
 * that is older than the CRD: an Accept matches no traffic, a Deny or Pass
 * denies everything. What an API server would refuse is refused.
 */
#include "policy/decode/clusterpolicy.h"

#include <errno.h>
#include <string.h>

#include "weir/cleanup.h"

enum { RULE_NAME_MAX = 100 };

int weir_cluster_list(struct weir_decoder *d, const struct weir_path *path, const cJSON *object,
		      const char *key, unsigned max, const cJSON **ret)
{
	struct weir_path here = weir_path_key(path, key);
	int r = weir_field_array(d, path, object, key, ret);

	if (r < 0)
		return r;
	if (cJSON_GetArraySize(*ret) < 1)
		return weir_field_error(d, &here, "want a list with at least one entry");
	if ((unsigned)cJSON_GetArraySize(*ret) > max)
		return weir_field_error(d, &here, "more than %u entries", max);
	return 0;
}

int weir_cluster_choice(struct weir_decoder *d, const struct weir_path *path, const cJSON *json,
			const char *const *known, const cJSON **ret)
{
	const cJSON *child, *found = NULL;
	unsigned n_known = 0, n_others = 0;

	if (!cJSON_IsObject(json))
		return weir_field_error(d, path, "want an object (key: value)");
	cJSON_ArrayForEach (child, json) {
		const char *const *k = known;

		if (cJSON_IsNull(child))
			continue;
		while (*k && strcmp(*k, child->string) != 0)
			k++;
		n_known += *k != NULL;
		n_others += *k == NULL;
		found = child;
	}
	if (n_known > 1)
		return weir_field_error(d, path, "has %u fields: make an entry of each", n_known);
	*ret = n_known && !n_others ? found : NULL;
	return 0;
}

/* --- ports -------------------------------------------------------------------- */

int weir_cluster_add_range(struct weir_decoder *d, const struct weir_path *path, const cJSON *first,
			   const cJSON *last, uint8_t protocol, struct weir_rule *rule)
{
	struct weir_port port = { .protocol = protocol };
	int r = first && last ? weir_field_port(d, path, first, &port.first)
			      : weir_field_error(d, path, "want a port number, or start and end");

	if (r == 0)
		r = weir_field_port(d, path, last, &port.last);
	if (r == 0 && port.last < port.first)
		return weir_field_error(d, path, "end %u is less than start %u", port.last,
					port.first);
	if (r == 0)
		rule->ports[rule->n_ports++] = port;
	return r;
}

int weir_cluster_add_name(struct weir_decoder *d, const struct weir_path *path, const cJSON *name,
			  struct weir_rule *rule)
{
	static const uint8_t protocols[] = { WEIR_PROTO_TCP, WEIR_PROTO_UDP, WEIR_PROTO_SCTP };
	const char *text = cJSON_GetStringValue(name);
	int r = 0;

	if (!text || weir_syntax_port_name(text))
		return weir_field_error(d, path,
					"\"%.40s\" is not a name of a port: at most 15 lower case "
					"letters, digits and single '-', with at least one letter",
					text ? text : "");
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(protocols) && r == 0; i++) {
		struct weir_port port = { .protocol = protocols[i], .last = UINT16_MAX };

		r = weir_field_string(d, text, &port.name);
		if (r == 0)
			rule->ports[rule->n_ports++] = port;
	}
	return r;
}

/* --- rules -------------------------------------------------------------------- */

static int decode_ports(struct weir_decoder *d, const struct weir_cluster_form *form,
			const struct weir_path *path, const cJSON *json, struct weir_rule *rule)
{
	struct weir_path at_ports = weir_path_key(path, form->ports_field);
	const cJSON *list = NULL, *item;
	unsigned i = 0;
	int r;

	rule->any_port = !weir_field(json, form->ports_field);
	if (rule->any_port)
		return 0;
	r = weir_cluster_list(d, path, json, form->ports_field, form->list_max, &list);
	if (r < 0)
		return r;
	rule->ports = weir_decoder_alloc(d, (size_t)cJSON_GetArraySize(list) * form->ports_each,
					 sizeof(*rule->ports));
	if (!rule->ports)
		return -ENOMEM;
	cJSON_ArrayForEach (item, list) {
		struct weir_path at = weir_path_index(&at_ports, i++);

		r = form->decode_port(d, &at, item, rule);
		if (r < 0)
			return r;
	}
	return 0;
}

static int decode_action(struct weir_decoder *d, const struct weir_cluster_form *form,
			 const struct weir_path *path, const cJSON *json, struct weir_rule *rule)
{
	struct weir_path here = weir_path_key(path, "action");
	const char *text = NULL, *pass = form->actions[WEIR_PASS];
	int r = weir_field_text(d, path, json, "action", &text);

	for (uint8_t i = 0; r == 0 && text && i < WEIR_ACTION_MAX; i++) {
		if (!form->actions[i] || strcmp(text, form->actions[i]) != 0)
			continue;
		rule->action = i;
		return 0;
	}
	if (r < 0)
		return r;
	return weir_field_error(d, &here, "\"%.40s\" is not %s%s%s or %s", text ? text : "",
				form->actions[WEIR_ACCEPT], pass ? ", " : "", pass ? pass : "",
				form->actions[WEIR_DENY]);
}

/* The limit counts characters, not bytes. */
static size_t characters(const char *utf8)
{
	size_t n = 0;

	for (; *utf8; utf8++)
		n += ((unsigned char)*utf8 & 0xc0) != 0x80;
	return n;
}

static int decode_rule_name(struct weir_decoder *d, const struct weir_path *path, const cJSON *json,
			    struct weir_rule *rule)
{
	struct weir_path here = weir_path_key(path, "name");
	const char *text = NULL;
	int r = weir_field_text(d, path, json, "name", &text);

	if (r < 0 || !text || !*text)
		return r;
	if (characters(text) > RULE_NAME_MAX)
		return weir_field_error(d, &here, "is longer than %d characters", RULE_NAME_MAX);
	return weir_field_string(d, text, &rule->name);
}

static void fail_closed(struct weir_decoder *d, struct weir_rule *rule)
{
	bool deny = rule->action != WEIR_ACCEPT;

	weir_policy_drop_terms(d->pool, rule);
	rule->any_peer = rule->any_port = deny;
	rule->action = deny ? WEIR_DENY : WEIR_ACCEPT;
}

static const char *const peers_field[] = { [WEIR_INGRESS] = "from", [WEIR_EGRESS] = "to" };

static int decode_rule(struct weir_decoder *d, const struct weir_cluster_form *form,
		       const struct weir_path *path, const cJSON *json, struct weir_rule *rule)
{
	const char *peers = peers_field[rule->direction];
	const char *const known[] = { "name", "action", peers, form->ports_field, NULL };
	struct weir_path at_peers = weir_path_key(path, peers);
	const cJSON *list = NULL;
	int r;

	if (!cJSON_IsObject(json))
		return weir_field_error(d, path, "want an object with action and %s", peers);
	r = weir_field_known(d, path, json, known);
	if (r == 0)
		r = decode_rule_name(d, path, json, rule);
	if (r == 0)
		r = decode_action(d, form, path, json, rule);
	if (r == 0)
		r = weir_cluster_list(d, path, json, peers, form->list_max, &list);
	if (r == 0)
		r = weir_cluster_decode_peers(d, form, &at_peers, list, rule);
	if (r == 0)
		r = decode_ports(d, form, path, json, rule);
	if (r == 0 && rule->closed)
		fail_closed(d, rule);
	return r;
}

static int decode_rules(struct weir_decoder *d, const struct weir_cluster_form *form,
			const struct weir_path *spec, const cJSON *json,
			enum weir_direction direction, struct weir_policy *p)
{
	const char *key = weir_direction_name(direction);
	struct weir_path path = weir_path_key(spec, key);
	const cJSON *list = NULL, *item;
	int n, r = weir_field_array(d, spec, json, key, &list);

	n = cJSON_GetArraySize(list);
	if (r < 0 || n == 0)
		return r;
	if (n > form->list_max)
		return weir_field_error(d, &path, "more than %u rules", form->list_max);
	p->rules[direction] = weir_decoder_alloc(d, (size_t)n, sizeof(*p->rules[direction]));
	if (!p->rules[direction])
		return -ENOMEM;
	cJSON_ArrayForEach (item, list) {
		uint16_t index = p->n_rules[direction]++;
		struct weir_path at = weir_path_index(&path, index);
		struct weir_rule *rule = &p->rules[direction][index];

		*rule = (struct weir_rule){ .policy = p, .index = index };
		rule->direction = (uint8_t)direction;
		r = decode_rule(d, form, &at, item, rule);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- the policy ----------------------------------------------------------------- */

int weir_cluster_decode_priority(struct weir_decoder *d, const struct weir_path *path,
				 const cJSON *spec, int32_t *ret)
{
	struct weir_path here = weir_path_key(path, "priority");
	const cJSON *value = weir_field(spec, "priority");
	double number = cJSON_IsNumber(value) ? value->valuedouble : -1;

	if (number < 0 || number > WEIR_PRIORITY_MAX || number != (double)(int32_t)number)
		return weir_field_error(d, &here, "want a number from 0 to %d, 0 comes first",
					WEIR_PRIORITY_MAX);
	*ret = (int32_t)number;
	return 0;
}

int weir_cluster_decode_pods(struct weir_decoder *d, const struct weir_path *path,
			     const cJSON *json, struct weir_selector *ret_namespaces,
			     struct weir_selector *ret_pods)
{
	static const char *const known[] = { "namespaceSelector", "podSelector", NULL };
	struct weir_path at_namespaces = weir_path_key(path, known[0]);
	struct weir_path at_pods = weir_path_key(path, known[1]);
	const cJSON *namespaces = NULL, *pods = NULL;
	int r = weir_field_known(d, path, json, known);

	if (r == 0)
		r = weir_field_object(d, path, json, known[0], &namespaces);
	if (r == 0)
		r = weir_field_object(d, path, json, known[1], &pods);
	if (r == 0 && !pods)
		return weir_field_error(d, &at_pods, "is missing: write {} for every pod");
	if (r == 0 && namespaces)
		r = weir_selector_decode(d, &at_namespaces, namespaces, ret_namespaces);
	return r < 0 ? r : weir_selector_decode(d, &at_pods, pods, ret_pods);
}

/* Whom the policy is for cannot be guessed: an unknown field is an error here. */
static int decode_subject(struct weir_decoder *d, const struct weir_path *spec, const cJSON *json,
			  struct weir_policy *p)
{
	static const char *const known[] = { "namespaces", "pods", NULL };
	struct weir_path path = weir_path_key(spec, "subject");
	struct weir_path at;
	const cJSON *subject = NULL, *child = NULL;
	int r = weir_field_object(d, spec, json, "subject", &subject);

	if (r == 0)
		r = weir_field_known(d, &path, subject, known);
	if (r == 0 && subject)
		r = weir_cluster_choice(d, &path, subject, known, &child);
	if (r < 0)
		return r;
	if (!cJSON_IsObject(child))
		return weir_field_error(d, &path,
					"want namespaces: {} (a selector) or pods: "
					"{namespaceSelector: {}, podSelector: {}}");
	at = weir_path_key(&path, child->string);
	if (strcmp(child->string, "pods") == 0)
		return weir_cluster_decode_pods(d, &at, child, &p->namespaces, &p->pods);
	return weir_selector_decode(d, &at, child, &p->namespaces);
}

int weir_cluster_decode_spec(struct weir_decoder *d, const struct weir_policy_form *self,
			     const struct weir_path *path, const cJSON *spec, struct weir_policy *p)
{
	const struct weir_cluster_form *form = (const struct weir_cluster_form *)self;
	int r = weir_field_known(d, path, spec, form->fields);

	if (r == 0)
		r = form->decode_rank(d, path, spec, p);
	if (r == 0)
		r = decode_subject(d, path, spec, p);
	for (int direction = 0; r == 0 && direction < WEIR_DIRECTION_MAX; direction++)
		r = decode_rules(d, form, path, spec, (enum weir_direction)direction, p);
	return r;
}
