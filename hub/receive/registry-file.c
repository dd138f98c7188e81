/* SPDX-License-Identifier: Apache-2.0 */
/*
 * nodes.json: who is enrolled, and the hashes of open tokens. Our own file, but
 * a person may have had a hand in it: what is not as it must be is refused by
 * name, for a node that is left out silently would be cut off.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "hub/receive/internal.h"
#include "weir/base64url.h"
#include "weir/cleanup.h"
#include "weir/file.h"

#define FILE_MAX (64u << 20)
#define HASH_LEN WEIR_BASE64URL_LEN(WEIR_HASH_LEN)

static int read_text(const cJSON *from, const char *name, char *ret, size_t size,
		     struct weir_error *err)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(from, name));

	if (!text || strlen(text) >= size)
		return weir_error_set(err, EINVAL, "%s: must be a text of at most %zu bytes", name,
				      size - 1);
	memcpy(ret, text, strlen(text) + 1);
	return 0;
}

static int read_number(const cJSON *from, const char *name, uint64_t *ret, struct weir_error *err)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(from, name);

	if (!cJSON_IsNumber(item) || !(item->valuedouble >= 0 && item->valuedouble < 1e15))
		return weir_error_set(err, EINVAL, "%s: must be a number", name);
	*ret = (uint64_t)item->valuedouble;
	return 0;
}

static int add_node(struct weir_registry *r, const struct weir_node_state *s,
		    struct weir_error *err)
{
	struct weir_link_node *n = NULL;
	int failed;

	if (weir_nodes_by_name(&r->nodes, s->cluster, s->node))
		return weir_error_set(err, EEXIST, "node %s of cluster %s: twice", s->node,
				      s->cluster);
	if (!s->revoked_ms && weir_nodes_by_key(&r->nodes, s->key))
		return weir_error_set(err, EEXIST, "node %s of cluster %s: another's key", s->node,
				      s->cluster);
	failed = weir_nodes_add(&r->nodes, s->cluster, s->node, &n);
	if (failed < 0)
		return weir_error_errno(err, -failed, "node %s of cluster %s", s->node, s->cluster);
	n->state = *s;
	if (!s->revoked_ms)
		weir_nodes_set_key(&r->nodes, n, s->key);
	return 0;
}

static int read_node(struct weir_registry *r, const cJSON *item, struct weir_error *err)
{
	struct weir_node_state s = { .connected = false };

	if (read_text(item, "cluster", s.cluster, sizeof(s.cluster), err) < 0 ||
	    read_text(item, "node", s.node, sizeof(s.node), err) < 0 ||
	    read_text(item, "key", s.key, sizeof(s.key), err) < 0 ||
	    read_text(item, "boot", s.boot, sizeof(s.boot), err) < 0 ||
	    read_number(item, "enrolled", &s.enrolled_ms, err) < 0 ||
	    read_number(item, "revoked", &s.revoked_ms, err) < 0)
		return -EINVAL;
	if (strlen(s.key) != WEIR_CURVE_KEY_LEN)
		return weir_error_set(err, EINVAL, "key: must have %d characters",
				      WEIR_CURVE_KEY_LEN);
	return add_node(r, &s, err);
}

static int read_pass(struct weir_registry *r, const cJSON *item, struct weir_error *err)
{
	struct weir_pass p = { .uses = 0 }, *passes;
	char hash[HASH_LEN + 1];
	uint64_t uses = 0;
	size_t len = 0;

	if (read_text(item, "sha256", hash, sizeof(hash), err) < 0 ||
	    read_text(item, "cluster", p.cluster, sizeof(p.cluster), err) < 0 ||
	    read_text(item, "node", p.node, sizeof(p.node), err) < 0 ||
	    read_number(item, "expires", &p.expires_ms, err) < 0 ||
	    read_number(item, "uses", &uses, err) < 0)
		return -EINVAL;
	if (weir_base64url_decode(hash, strlen(hash), p.hash, sizeof(p.hash), &len) < 0 ||
	    len != sizeof(p.hash))
		return weir_error_set(err, EINVAL, "sha256: not 32 bytes of base64url");
	p.uses = (unsigned)uses;
	passes = realloc(r->passes, (r->n_passes + 1) * sizeof(*passes));
	if (!passes)
		return weir_error_errno(err, ENOMEM, "tokens");
	r->passes = passes;
	passes[r->n_passes++] = p;
	return 0;
}

static int read_list(struct weir_registry *r, const cJSON *root, const char *name,
		     int (*read)(struct weir_registry *, const cJSON *, struct weir_error *),
		     struct weir_error *err)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(root, name), *item;
	unsigned i = 0;
	int failed =
		cJSON_IsArray(list) ? 0 : weir_error_set(err, EINVAL, "%s: must be a list", name);

	if (failed < 0)
		return failed;
	cJSON_ArrayForEach (item, list) {
		failed = read(r, item, err);
		if (failed < 0)
			return weir_error_prefix(err, failed, "%s: %u", name, i);
		i++;
	}
	return 0;
}

int weir_registry_load(struct weir_registry *r, struct weir_error *err)
{
	WEIR_AUTO_FREE char *text = NULL;
	size_t len = 0;
	cJSON *root;
	int failed = weir_file_read(r->path, FILE_MAX, &text, &len, err);

	if (failed == -ENOENT)
		return 0;
	if (failed < 0)
		return failed;
	root = cJSON_ParseWithLength(text, len);
	failed = root ? read_list(r, root, "nodes", read_node, err)
		      : weir_error_set(err, EINVAL, "not JSON");
	if (failed == 0)
		failed = read_list(r, root, "tokens", read_pass, err);
	cJSON_Delete(root);
	if (failed < 0)
		return weir_error_prefix(err, failed,
					 "%s: repair it, or move it away and enrol all nodes anew",
					 r->path);
	return 0;
}

static bool write_node(cJSON *to, const struct weir_node_state *s)
{
	return cJSON_AddStringToObject(to, "cluster", s->cluster) &&
	       cJSON_AddStringToObject(to, "node", s->node) &&
	       cJSON_AddStringToObject(to, "key", s->key) &&
	       cJSON_AddStringToObject(to, "boot", s->boot) &&
	       cJSON_AddNumberToObject(to, "enrolled", (double)s->enrolled_ms) &&
	       cJSON_AddNumberToObject(to, "revoked", (double)s->revoked_ms);
}

static bool write_pass(cJSON *to, const struct weir_pass *p)
{
	char hash[HASH_LEN + 1];

	weir_base64url_encode(p->hash, sizeof(p->hash), hash);
	return cJSON_AddStringToObject(to, "sha256", hash) &&
	       cJSON_AddStringToObject(to, "cluster", p->cluster) &&
	       cJSON_AddStringToObject(to, "node", p->node) &&
	       cJSON_AddNumberToObject(to, "expires", (double)p->expires_ms) &&
	       cJSON_AddNumberToObject(to, "uses", p->uses);
}

static cJSON *add_item(cJSON *list)
{
	cJSON *item = list ? cJSON_CreateObject() : NULL;

	if (cJSON_AddItemToArray(list, item))
		return item;
	cJSON_Delete(item);
	return NULL;
}

static bool write_lists(const struct weir_registry *r, cJSON *root)
{
	cJSON *nodes = cJSON_AddArrayToObject(root, "nodes");
	cJSON *passes = cJSON_AddArrayToObject(root, "tokens"), *item;
	bool ok = nodes && passes;

	for (size_t i = 0; ok && i < r->nodes.n; i++) {
		if (!r->nodes.by_name[i]->state.enrolled_ms)
			continue; /* could not be, after all */
		item = add_item(nodes);
		ok = item && write_node(item, &r->nodes.by_name[i]->state);
	}
	for (size_t i = 0; ok && i < r->n_passes; i++) {
		item = add_item(passes);
		ok = item && write_pass(item, &r->passes[i]);
	}
	return ok;
}

char *weir_registry_text(const struct weir_registry *r)
{
	cJSON *root = cJSON_CreateObject();
	char *text = root && write_lists(r, root) ? cJSON_Print(root) : NULL;

	cJSON_Delete(root);
	return text;
}
