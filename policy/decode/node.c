/* SPDX-License-Identifier: Apache-2.0 */
/* Node v1: labels, addresses, and the ranges its pods live in. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "policy/decode/addrs.h"
#include "policy/decode/fields.h"
#include "weir/object.h"

/* Only addresses: status.addresses also holds host names. */
static int decode_addrs(struct weir_decoder *d, const cJSON *json, struct weir_node *node)
{
	struct weir_path root = weir_path_root(), path = weir_path_key(&root, "status");
	struct weir_path at = weir_path_key(&path, "addresses");
	const cJSON *status = NULL, *list = NULL, *item;
	struct weir_addr_list addrs = { 0 };
	unsigned i = 0;
	int r = weir_field_object(d, &root, json, "status", &status);

	if (r == 0)
		r = weir_field_array(d, &path, status, "addresses", &list);
	cJSON_ArrayForEach (item, list) {
		const char *type = cJSON_GetStringValue(weir_field(item, "type"));
		struct weir_path here = weir_path_index(&at, i++);

		if (r < 0 || !type || (strcmp(type, "InternalIP") && strcmp(type, "ExternalIP")))
			continue;
		r = weir_addr_list_add(d, &here, cJSON_GetStringValue(weir_field(item, "address")),
				       &addrs);
	}
	node->addrs = weir_addr_list_take(&addrs, &node->n_addrs);
	return r;
}

static int add_pod_cidr(struct weir_decoder *d, const struct weir_path *path, const char *text,
			struct weir_node *node)
{
	struct weir_prefix prefix, *grown;

	if (!text || weir_prefix_parse(text, false, &prefix) < 0)
		return weir_field_error(d, path,
					"\"%.60s\" is not a CIDR (want e.g. 10.244.1.0/24)",
					text ? text : "");
	if (node->n_pod_cidrs == UINT16_MAX)
		return weir_field_error(d, path, "more than %d ranges", UINT16_MAX);
	grown = realloc(node->pod_cidrs, (node->n_pod_cidrs + 1u) * sizeof(*grown));
	if (!grown)
		return weir_error_errno(d->err, ENOMEM, "%s", path->text);
	node->pod_cidrs = grown;
	node->pod_cidrs[node->n_pod_cidrs++] = prefix;
	return 0;
}

/* spec.podCIDRs, or the older spec.podCIDR alone. */
static int decode_pod_cidrs(struct weir_decoder *d, const cJSON *json, struct weir_node *node)
{
	struct weir_path root = weir_path_root(), path = weir_path_key(&root, "spec");
	struct weir_path at = weir_path_key(&path, "podCIDRs");
	struct weir_path at_one = weir_path_key(&path, "podCIDR");
	const cJSON *spec = NULL, *list = NULL, *item;
	const char *one = NULL;
	unsigned i = 0;
	int r = weir_field_object(d, &root, json, "spec", &spec);

	if (r == 0)
		r = weir_field_array(d, &path, spec, "podCIDRs", &list);
	if (r == 0)
		r = weir_field_text(d, &path, spec, "podCIDR", &one);
	if (r < 0)
		return r;
	cJSON_ArrayForEach (item, list) {
		struct weir_path here = weir_path_index(&at, i++);

		r = add_pod_cidr(d, &here, cJSON_GetStringValue(item), node);
		if (r < 0)
			return r;
	}
	return one && !node->n_pod_cidrs ? add_pod_cidr(d, &at_one, one, node) : 0;
}

int weir_node_decode(struct weir_pool *pool, const cJSON *json, struct weir_node **ret,
		     struct weir_error *err)
{
	struct weir_path root = weir_path_root(), meta = weir_path_key(&root, "metadata");
	struct weir_decoder d = { .pool = pool, .err = err };
	struct weir_node *node = calloc(1, sizeof(*node));
	int r;

	if (!node)
		return weir_error_errno(err, ENOMEM, "Node");
	r = weir_field_name(&d, json, NULL, &node->name);
	if (r == 0)
		r = weir_field_labels(&d, &meta, weir_field(json, "metadata"), "labels", NULL,
				      &node->labels);
	if (r == 0)
		r = decode_addrs(&d, json, node);
	if (r == 0)
		r = decode_pod_cidrs(&d, json, node);
	if (r < 0) {
		weir_node_free(pool, &node);
		return r;
	}
	*ret = node;
	return 0;
}

void weir_node_free(struct weir_pool *pool, struct weir_node **node)
{
	if (!*node)
		return;
	weir_pool_put_string(pool, (*node)->name);
	weir_pool_put_labels(pool, (*node)->labels);
	free((*node)->addrs);
	free((*node)->pod_cidrs);
	free(*node);
	*node = NULL;
}
