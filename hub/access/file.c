/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access.yaml: projects, roles, bindings, tokens. Every error names file, line and
 * what is valid there; a file with an error is not used at all.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "hub/access/reading.h"
#include "weir/cleanup.h"

#define FILE_MAX (4 * 1024 * 1024)

static const char *text_of(const cJSON *object, const char *key)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
}

static void *more(void *items, size_t n, size_t size)
{
	return n & (n - 1) ? items : realloc(items, (n ? 2 * n : 1) * size);
}

/* --- roles ----------------------------------------------------------------------------- */

static const char *const over_words[] = {
	[WEIR_OVER_FLEET] = "everything",      [WEIR_OVER_CLUSTERS] = "clusters",
	[WEIR_OVER_PROJECTS] = "projects",     [WEIR_OVER_WORKSPACES] = "workspaces",
	[WEIR_OVER_NAMESPACES] = "namespaces",
};

static int read_over(const struct weir_reading *r, const cJSON *role, enum weir_over *ret)
{
	const char *word = text_of(role, "over") ?: "";

	for (int i = 0; i < WEIR_OVER_MAX; i++) {
		if (strcmp(word, over_words[i]) == 0) {
			*ret = (enum weir_over)i;
			return 0;
		}
	}
	return weir_reading_wrong(
		r, role,
		"role \"%.64s\": over: want everything, clusters, projects, workspaces or "
		"namespaces",
		role->string);
}

static int read_rights(const struct weir_reading *r, const cJSON *role, unsigned *ret)
{
	char **words = NULL;
	size_t n = 0;
	int e = weir_reading_texts(r, role, "rights", &words, &n);

	for (size_t i = 0; e == 0 && i < n; i++) {
		enum weir_right right = weir_right_of(words[i]);

		if (right == WEIR_RIGHT_MAX)
			e = weir_reading_wrong(
				r, role,
				"role \"%.64s\": there is no right \"%.64s\"; want flows, nodes, "
				"manage-nodes, cluster-policies, namespace-policies, access, audit",
				role->string, words[i]);
		else
			*ret |= 1u << right;
	}
	weir_texts_free(words, n);
	return e;
}

static int read_roles(struct weir_reading *r, const cJSON *roles)
{
	static const char *const keys[] = { "over", "rights", NULL };
	struct weir_rules *rules = r->rules;
	const cJSON *role;
	int e = 0;

	if (roles && !cJSON_IsObject(roles))
		return weir_reading_wrong(r, roles, "roles: want names with their rights");
	rules->roles = calloc((size_t)cJSON_GetArraySize(roles) + 1, sizeof(*rules->roles));
	if (!rules->roles)
		return weir_reading_no_memory(r);
	cJSON_ArrayForEach (role, roles) {
		struct weir_role *to = &rules->roles[rules->n_roles];

		if (weir_role_find(NULL, 0, role->string))
			return weir_reading_wrong(r, role,
						  "role \"%.64s\" is built in: choose another name",
						  role->string);
		e = weir_reading_keys(r, role, role->string, keys);
		if (e == 0)
			e = read_over(r, role, &to->over);
		if (e == 0)
			e = read_rights(r, role, &to->rights);
		if (e < 0)
			return e;
		to->name = strdup(role->string);
		if (!to->name)
			return weir_reading_no_memory(r);
		rules->n_roles++;
	}
	return 0;
}

/* --- bindings --------------------------------------------------------------------------- */

static int add_named(const struct weir_reading *r, const cJSON *binding, const char *key,
		     int (*add)(const struct weir_reading *, const cJSON *, const char *,
				struct weir_scope *),
		     struct weir_scope *scope)
{
	char **names = NULL;
	size_t n = 0;
	int e = weir_reading_texts(r, binding, key, &names, &n);

	for (size_t i = 0; e == 0 && i < n; i++)
		e = add(r, binding, names[i], scope);
	weir_texts_free(names, n);
	return e;
}

/* Which of the lists a role wants, and no other. */
static int read_scope(const struct weir_reading *r, const cJSON *b, struct weir_binding *to)
{
	static const char *const lists[] = { "clusters", "projects", "workspaces", "namespaces" };
	static const unsigned wants[] = { [WEIR_OVER_FLEET] = 0,
					  [WEIR_OVER_CLUSTERS] = 1,
					  [WEIR_OVER_PROJECTS] = 2,
					  [WEIR_OVER_WORKSPACES] = 4,
					  [WEIR_OVER_NAMESPACES] = 1 | 8 };
	unsigned want = wants[to->role->over];

	for (unsigned i = 0; i < WEIR_ARRAY_SIZE(lists); i++) {
		const cJSON *list = cJSON_GetObjectItemCaseSensitive(b, lists[i]);

		if (list && !(want >> i & 1))
			return weir_reading_wrong(
				r, list, "role %s is over %s: %s has no place here", to->role->name,
				weir_over_name(to->role->over), lists[i]);
		if (!list && want >> i & 1)
			return weir_reading_wrong(
				r, b, "role %s is over %s: %s is missing (all: [\"*\"])",
				to->role->name, weir_over_name(to->role->over), lists[i]);
	}
	switch (to->role->over) {
	case WEIR_OVER_PROJECTS:
		return add_named(r, b, "projects", weir_reading_project, &to->scope);
	case WEIR_OVER_WORKSPACES:
		return add_named(r, b, "workspaces", weir_reading_workspace, &to->scope);
	case WEIR_OVER_FLEET:
	case WEIR_OVER_CLUSTERS:
	case WEIR_OVER_NAMESPACES:
	case WEIR_OVER_MAX:
		break;
	}
	return weir_reading_grants(r, b, &to->scope);
}

static int read_binding(const struct weir_reading *r, const cJSON *b, struct weir_binding *to)
{
	static const char *const keys[] = { "role",	"users",      "groups",	    "clusters",
					    "projects", "workspaces", "namespaces", NULL };
	const char *role = text_of(b, "role");
	int e = weir_reading_keys(r, b, "binding", keys);

	if (e < 0)
		return e;
	to->role = role ? weir_role_find(r->rules->roles, r->rules->n_roles, role) : NULL;
	if (!to->role)
		return weir_reading_wrong(r, b, "there is no role \"%.64s\"", role ?: "");
	e = weir_reading_texts(r, b, "users", &to->users, &to->n_users);
	if (e == 0)
		e = weir_reading_texts(r, b, "groups", &to->groups, &to->n_groups);
	if (e == 0 && !to->n_users && !to->n_groups)
		e = weir_reading_wrong(r, b, "binding of role %s: neither users nor groups", role);
	return e < 0 ? e : read_scope(r, b, to);
}

static int read_bindings(struct weir_reading *r, const cJSON *bindings)
{
	struct weir_rules *rules = r->rules;
	const cJSON *b;
	int e;

	if (bindings && !cJSON_IsArray(bindings))
		return weir_reading_wrong(r, bindings, "bindings: want a list");
	cJSON_ArrayForEach (b, bindings) {
		struct weir_binding *items =
			more(rules->bindings, rules->n_bindings, sizeof(*items));

		if (!items)
			return weir_reading_no_memory(r);
		rules->bindings = items;
		items[rules->n_bindings] = (struct weir_binding){ 0 };
		e = read_binding(r, b, &items[rules->n_bindings++]);
		if (e < 0)
			return e;
	}
	return 0;
}

/* --- tokens ------------------------------------------------------------------------------ */

static int read_hash(const char *text, uint8_t hash[32])
{
	static const char prefix[] = "sha256:";
	unsigned v;

	if (!text || strncmp(text, prefix, strlen(prefix)) || strlen(text) != strlen(prefix) + 64)
		return -EINVAL;
	text += strlen(prefix);
	for (int i = 0; i < 32; i++, text += 2) {
		if (!isxdigit((unsigned char)text[0]) || !isxdigit((unsigned char)text[1]) ||
		    sscanf(text, "%2x", &v) != 1)
			return -EINVAL;
		hash[i] = (uint8_t)v;
	}
	return 0;
}

static int read_expiry(const char *text, uint64_t *ret)
{
	struct tm t = { 0 };
	char *end;

	*ret = 0;
	if (!text)
		return 0;
	end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &t);
	if (!end || *end)
		return -EINVAL;
	*ret = (uint64_t)timegm(&t);
	return *ret ? 0 : -EINVAL;
}

static int read_token(const struct weir_reading *r, const cJSON *t, struct weir_token *to)
{
	static const char *const keys[] = { "user", "groups", "hash", "expires", NULL };
	const cJSON *expires = cJSON_GetObjectItemCaseSensitive(t, "expires");
	const char *user = text_of(t, "user");
	int e = weir_reading_keys(r, t, "token", keys);

	if (e < 0)
		return e;
	if (!user || !*user)
		return weir_reading_wrong(r, t, "token: user is missing");
	if (read_hash(text_of(t, "hash"), to->hash) < 0)
		return weir_reading_wrong(
			r, t,
			"token of %.64s: hash: want sha256: and 64 digits, as \"weir-hub "
			"--make-token\" prints",
			user);
	if ((expires && !cJSON_IsString(expires)) ||
	    read_expiry(text_of(t, "expires"), &to->expires) < 0)
		return weir_reading_wrong(
			r, t, "token of %.64s: expires: want a time like \"2027-01-31T00:00:00Z\"",
			user);
	to->user = strdup(user);
	return to->user ? weir_reading_texts(r, t, "groups", &to->groups, &to->n_groups)
			: weir_reading_no_memory(r);
}

static int read_tokens(struct weir_reading *r, const cJSON *tokens)
{
	struct weir_rules *rules = r->rules;
	const cJSON *t;
	int e;

	if (tokens && !cJSON_IsArray(tokens))
		return weir_reading_wrong(r, tokens, "tokens: want a list");
	cJSON_ArrayForEach (t, tokens) {
		struct weir_token *items = more(rules->tokens, rules->n_tokens, sizeof(*items));

		if (!items)
			return weir_reading_no_memory(r);
		rules->tokens = items;
		items[rules->n_tokens] = (struct weir_token){ 0 };
		e = read_token(r, t, &items[rules->n_tokens++]);
		if (e < 0)
			return e;
	}
	return 0;
}

/* --- whole -------------------------------------------------------------------------------- */

void weir_rules_unref(struct weir_rules **rules)
{
	struct weir_rules *r = weir_take(*rules);

	if (!r || atomic_fetch_sub(&r->refs, 1) > 1)
		return;
	for (size_t i = 0; i < r->n_roles; i++)
		free((char *)r->roles[i].name);
	for (size_t i = 0; i < r->n_bindings; i++) {
		weir_texts_free(r->bindings[i].users, r->bindings[i].n_users);
		weir_texts_free(r->bindings[i].groups, r->bindings[i].n_groups);
		weir_scope_clear(&r->bindings[i].scope);
	}
	for (size_t i = 0; i < r->n_tokens; i++) {
		free(r->tokens[i].user);
		weir_texts_free(r->tokens[i].groups, r->tokens[i].n_groups);
	}
	free(r->roles);
	free(r->bindings);
	free(r->tokens);
	free(r);
}

static int read_all(struct weir_reading *r, const cJSON *root)
{
	static const char *const keys[] = { "projects", "roles", "bindings", "tokens", NULL };
	int e = weir_reading_keys(r, root, "access", keys);

	if (e == 0)
		e = weir_reading_projects(r, cJSON_GetObjectItemCaseSensitive(root, "projects"));
	if (e == 0)
		e = read_roles(r, cJSON_GetObjectItemCaseSensitive(root, "roles"));
	if (e == 0)
		e = read_bindings(r, cJSON_GetObjectItemCaseSensitive(root, "bindings"));
	if (e == 0)
		e = read_tokens(r, cJSON_GetObjectItemCaseSensitive(root, "tokens"));
	return e;
}

int weir_rules_parse(const char *text, size_t len, const char *name, struct weir_rules **ret,
		     struct weir_error *err)
{
	WEIR_CLEANUP(weir_rules_unref) struct weir_rules *rules = calloc(1, sizeof(*rules));
	struct weir_reading r = { .file = name, .err = err, .rules = rules };
	struct weir_doc **docs = NULL;
	size_t n = 0;
	int e;

	if (!rules)
		return weir_reading_no_memory(&r);
	rules->refs = 1;
	e = weir_docs_parse(text, len, name, &docs, &n, err);
	if (e < 0)
		return e;
	if (n > 1) {
		e = weir_error_set(err, EINVAL, "%s: want one document, found %zu", name, n);
	} else if (n == 1) {
		r.doc = docs[0];
		e = read_all(&r, weir_doc_root(docs[0]));
	}
	weir_docs_free(&docs, n);
	if (e == 0)
		*ret = weir_take(rules);
	return e;
}

/* Hashes are no secrets to guess from, but who may write it may give himself every right. */
static int check_owner(int fd, const char *path, struct weir_error *err)
{
	struct stat st;

	if (fstat(fd, &st) < 0)
		return weir_error_errno(err, errno, "%s", path);
	return st.st_mode & 022
		       ? weir_error_set(err, EPERM,
					"%s: others than its owner may write it; chmod go-w %s",
					path, path)
		       : 0;
}

int weir_rules_read(const char *path, struct weir_rules **ret, struct weir_error *err)
{
	WEIR_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	WEIR_AUTO_FREE char *text = malloc(FILE_MAX + 1);
	size_t len = 0;
	ssize_t got = 0;

	if (fd < 0)
		return weir_error_errno(err, errno, "%s", path);
	if (!text)
		return weir_error_errno(err, ENOMEM, "%s", path);
	if (check_owner(fd, path, err) < 0)
		return -EPERM;
	while (len <= FILE_MAX && (got = read(fd, text + len, FILE_MAX + 1 - len)) > 0)
		len += (size_t)got;
	if (got < 0)
		return weir_error_errno(err, errno, "%s", path);
	if (len > FILE_MAX)
		return weir_error_set(err, EFBIG, "%s: longer than %d bytes", path, FILE_MAX);
	return weir_rules_parse(text, len, path, ret, err);
}
