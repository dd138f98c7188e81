/* SPDX-License-Identifier: Apache-2.0 */
/* Peers of cluster-wide policies: one field each, by a table. */
#include "policy/decode/clusterpolicy.h"

#include <ctype.h>
#include <errno.h>
#include <string.h>

#include "weir/cleanup.h"

typedef int (*peer_fn)(struct weir_decoder *d, const struct weir_path *path, const cJSON *json,
		       struct weir_rule *rule);

static struct weir_peer *add_peer(struct weir_rule *rule, enum weir_peer_kind kind)
{
	struct weir_peer *peer = &rule->peers[rule->n_peers++];

	peer->kind = (uint8_t)kind;
	return peer;
}

static int decode_namespaces(struct weir_decoder *d, const struct weir_path *path,
			     const cJSON *json, struct weir_rule *rule)
{
	struct weir_peer *peer = add_peer(rule, WEIR_PEER_PODS);

	return weir_selector_decode(d, path, json, &peer->namespaces);
}

static int decode_pods(struct weir_decoder *d, const struct weir_path *path, const cJSON *json,
		       struct weir_rule *rule)
{
	struct weir_peer *peer = add_peer(rule, WEIR_PEER_PODS);

	return weir_cluster_decode_pods(d, path, json, &peer->namespaces, &peer->pods);
}

static int decode_nodes(struct weir_decoder *d, const struct weir_path *path, const cJSON *json,
			struct weir_rule *rule)
{
	return weir_selector_decode(d, path, json, &add_peer(rule, WEIR_PEER_NODES)->nodes);
}

static int check_items(struct weir_decoder *d, const struct weir_path *path, const cJSON *list)
{
	int n = cJSON_IsArray(list) ? cJSON_GetArraySize(list) : 0;

	if (n >= 1 && n <= WEIR_CLUSTER_ITEMS_MAX)
		return 0;
	return weir_field_error(d, path, "want a list with 1 to %d entries",
				WEIR_CLUSTER_ITEMS_MAX);
}

/* Each network is a peer of its own. */
static int decode_networks(struct weir_decoder *d, const struct weir_path *path, const cJSON *json,
			   struct weir_rule *rule)
{
	const cJSON *item;
	unsigned i = 0;
	int r = check_items(d, path, json);

	if (r < 0)
		return r;
	cJSON_ArrayForEach (item, json) {
		struct weir_path at = weir_path_index(path, i++);
		struct weir_peer *peer = add_peer(rule, WEIR_PEER_PREFIX);

		r = weir_policy_decode_cidr(d, &at, cJSON_GetStringValue(item), &peer->prefix);
		if (r < 0)
			return r;
	}
	return 0;
}

static bool is_word_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') ||
	       c == '_';
}

/* At least two labels; the first may be "*", and a dot may be at the end. */
static bool is_domain(const char *s)
{
	unsigned labels = 0;

	if (strncmp(s, "*.", 2) == 0)
		s += 2;
	while (*s) {
		const char *start = s;

		while (is_word_char(*s) || *s == '-')
			s++;
		if (s == start || *start == '-' || s[-1] == '-' || (*s && *s != '.'))
			return false;
		labels++;
		s += *s == '.';
	}
	return labels >= 2;
}

/* Names are compared without regard to case, and a final dot says nothing. */
static int put_domain(struct weir_decoder *d, const char *text, const char **ret)
{
	size_t len = strlen(text);
	char name[WEIR_DOMAIN_MAX + 3];

	len -= text[len - 1] == '.';
	for (size_t i = 0; i < len; i++)
		name[i] = (char)tolower((unsigned char)text[i]);
	name[len] = 0;
	return weir_field_string(d, name, ret);
}

static int decode_domains(struct weir_decoder *d, const struct weir_path *path, const cJSON *json,
			  struct weir_rule *rule)
{
	struct weir_peer *peer = add_peer(rule, WEIR_PEER_DOMAINS);
	const cJSON *item;
	int r = check_items(d, path, json);

	if (r < 0)
		return r;
	peer->names = weir_decoder_alloc(d, (size_t)cJSON_GetArraySize(json), sizeof(*peer->names));
	if (!peer->names)
		return -ENOMEM;
	cJSON_ArrayForEach (item, json) {
		struct weir_path at = weir_path_index(path, peer->n_names);
		const char *text = cJSON_GetStringValue(item);

		if (!text || !is_domain(text) || strlen(text) > WEIR_DOMAIN_MAX + 2)
			return weir_field_error(d, &at,
						"\"%.80s\" is not a domain name, nor *. and one",
						text ? text : "");
		r = put_domain(d, text, &peer->names[peer->n_names]);
		if (r < 0)
			return r;
		peer->n_names++;
	}
	/* The API has them for Accept only; other rules could not be met. */
	rule->closed |= rule->action != WEIR_ACCEPT;
	return 0;
}

/* Those that only egress rules have come first. */
enum { DOMAINS, NODES, NETWORKS, NAMESPACES, PODS };
static const char *const fields[] = {
	"domainNames", "nodes", "networks", "namespaces", "pods", NULL
};
static const struct {
	peer_fn decode;
	bool is_list;
} decoders[] = {
	[DOMAINS] = { decode_domains, true },	[NODES] = { decode_nodes, false },
	[NETWORKS] = { decode_networks, true }, [NAMESPACES] = { decode_namespaces, false },
	[PODS] = { decode_pods, false },
};

static int decode_peer(struct weir_decoder *d, const struct weir_path *path, const cJSON *json,
		       unsigned from, struct weir_rule *rule)
{
	const cJSON *child = NULL;
	struct weir_path at;
	int r = weir_cluster_choice(d, path, json, fields + from, &child);

	if (r < 0)
		return r;
	if (!child) {
		rule->closed = true;
		return 0;
	}
	at = weir_path_key(path, child->string);
	while (strcmp(fields[from], child->string) != 0)
		from++;
	if (!decoders[from].is_list && !cJSON_IsObject(child))
		return weir_field_error(d, &at, "want an object (key: value)");
	return decoders[from].decode(d, &at, child, rule);
}

static size_t count_peers(const cJSON *list)
{
	const cJSON *item;
	size_t n = 0;

	cJSON_ArrayForEach (item, list) {
		int networks = cJSON_GetArraySize(weir_field(item, "networks"));

		n += networks > 1 ? (size_t)networks : 1;
	}
	return n;
}

int weir_cluster_decode_peers(struct weir_decoder *d, const struct weir_cluster_form *form,
			      const struct weir_path *path, const cJSON *list,
			      struct weir_rule *rule)
{
	unsigned from = form->has_domains ? DOMAINS : NODES, i = 0;
	const cJSON *item;

	if (rule->direction == WEIR_INGRESS)
		from = NAMESPACES;
	rule->peers = weir_decoder_alloc(d, count_peers(list), sizeof(*rule->peers));
	if (!rule->peers)
		return -ENOMEM;
	cJSON_ArrayForEach (item, list) {
		struct weir_path at = weir_path_index(path, i++);
		int r = decode_peer(d, &at, item, from, rule);

		if (r < 0)
			return r;
	}
	return 0;
}
