/* SPDX-License-Identifier: Apache-2.0 */
/*
 * access.yaml: projects, roles, bindings, tokens. Every error names file, line and
 * what is valid there; a file with an error is not used at all.
 */
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "hub/access/internal.h"
#include "weir/cleanup.h"
#include "weir/doc.h"
#include "weir/near.h"

#define FILE_MAX (4 * 1024 * 1024)

struct reading {
	const struct weir_doc *doc;
	const char *file;
	struct weir_error *err;
	struct weir_rules *rules;
	const cJSON *projects;
};

static int wrong(const struct reading *r, const cJSON *at, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

static int wrong(const struct reading *r, const cJSON *at, const char *fmt, ...)
{
	char text[WEIR_ERROR_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(text, sizeof(text), fmt, args);
	va_end(args);
	return weir_error_set(r->err, EINVAL, "%s:%u: %s", r->file, weir_doc_line(r->doc, at),
			      text);
}

static int no_memory(const struct reading *r)
{
	return weir_error_errno(r->err, ENOMEM, "%s", r->file);
}

/* --- shapes -------------------------------------------------------------------------- */

/* Only these keys; names: ended by NULL. */
static int check_keys(const struct reading *r, const cJSON *object, const char *what,
		      const char *const *names)
{
	const cJSON *member;

	if (!cJSON_IsObject(object))
		return wrong(r, object, "%s: want keys and values", what);
	cJSON_ArrayForEach (member, object) {
		const char *near = NULL;
		char list[256] = "";
		size_t i;

		for (i = 0; names[i] && strcmp(names[i], member->string); i++) {
			snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s",
				 i ? ", " : "", names[i]);
			if (weir_distance(names[i], member->string) < 3)
				near = names[i];
		}
		if (!names[i])
			return wrong(r, member, "%s: unknown key \"%.64s\": %s%s%svalid here: %s",
				     what, member->string, near ? "did you mean \"" : "",
				     near ?: "", near ? "\"? " : "", list);
	}
	return 0;
}

/* A list of texts, or nothing; copies go to *ret. */
static int read_texts(const struct reading *r, const cJSON *object, const char *key, char ***ret,
		      size_t *ret_n)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(object, key), *item;
	char **texts;
	size_t n = 0;

	if (!list)
		return 0;
	if (!cJSON_IsArray(list))
		return wrong(r, list, "%s: want a list: [a, b]", key);
	texts = calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof(char *));
	if (!texts)
		return no_memory(r);
	*ret = texts;
	cJSON_ArrayForEach (item, list) {
		if (!cJSON_IsString(item) || !*item->valuestring)
			return wrong(r, item, "%s: want texts", key);
		texts[n] = strdup(item->valuestring);
		if (!texts[n])
			return no_memory(r);
		*ret_n = ++n;
	}
	return 0;
}

static void free_texts(char **texts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(texts[i]);
	free(texts);
}

static const char *text_of(const cJSON *object, const char *key)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
}

static void *more(void *items, size_t n, size_t size)
{
	return n & (n - 1) ? items : realloc(items, (n ? 2 * n : 1) * size);
}

/* --- projects: sets of namespaces in sets of clusters ---------------------------------- */

/* clusters x namespaces of an object; a list that is not there: all. */
static int add_grants(const struct reading *r, const cJSON *object, struct weir_scope *scope)
{
	static const char all[] = "*";
	const cJSON *clusters = cJSON_GetObjectItemCaseSensitive(object, "clusters");
	const cJSON *namespaces = cJSON_GetObjectItemCaseSensitive(object, "namespaces");
	char **c = NULL, **n = NULL;
	size_t n_c = 0, n_n = 0;
	int e = read_texts(r, object, "clusters", &c, &n_c);

	if (e == 0)
		e = read_texts(r, object, "namespaces", &n, &n_n);
	for (size_t i = 0; e == 0 && i < (clusters ? n_c : 1); i++)
		for (size_t k = 0; e == 0 && k < (namespaces ? n_n : 1); k++)
			if (weir_scope_add(scope, clusters ? c[i] : all, namespaces ? n[k] : all) <
			    0)
				e = no_memory(r);
	free_texts(c, n_c);
	free_texts(n, n_n);
	return e;
}

static int add_parts(const struct reading *r, const cJSON *parts, const char *what,
		     struct weir_scope *scope)
{
	static const char *const keys[] = { "clusters", "namespaces", NULL };
	const cJSON *part;
	int e = 0;

	if (!cJSON_IsArray(parts))
		return wrong(r, parts, "%s: want a list of {clusters: [...], namespaces: [...]}",
			     what);
	cJSON_ArrayForEach (part, parts) {
		e = check_keys(r, part, what, keys);
		if (e == 0 && !cJSON_GetObjectItemCaseSensitive(part, "namespaces"))
			e = wrong(r, part, "%s: namespaces is missing (all: [\"*\"])", what);
		if (e == 0)
			e = add_grants(r, part, scope);
		if (e < 0)
			return e;
	}
	return 0;
}

static int add_project(const struct reading *r, const cJSON *at, const char *name,
		       struct weir_scope *scope)
{
	const cJSON *project = cJSON_GetObjectItemCaseSensitive(r->projects, name);

	if (!project)
		return wrong(r, at, "there is no project \"%.64s\"", name);
	return add_parts(r, cJSON_GetObjectItemCaseSensitive(project, "parts"), name, scope);
}

static int add_workspace(const struct reading *r, const cJSON *at, const char *name,
			 struct weir_scope *scope)
{
	const char *slash = strchr(name, '/');
	const cJSON *project, *workspaces, *parts;
	char first[256];

	if (!slash)
		return wrong(r, at, "workspace \"%.64s\": want PROJECT/WORKSPACE", name);
	snprintf(first, sizeof(first), "%.*s", (int)(slash - name), name);
	project = cJSON_GetObjectItemCaseSensitive(r->projects, first);
	workspaces = cJSON_GetObjectItemCaseSensitive(project, "workspaces");
	parts = cJSON_GetObjectItemCaseSensitive(workspaces, slash + 1);
	if (!parts)
		return wrong(r, at, "there is no workspace \"%.128s\"", name);
	return add_parts(r, parts, name, scope);
}

static bool covers(const struct weir_scope *outer, const struct weir_scope_grant *g)
{
	for (size_t i = 0; i < outer->n_grants; i++)
		if (weir_scope_pattern(outer->grants[i].cluster, g->cluster) &&
		    weir_scope_pattern(outer->grants[i].namespace_, g->namespace_))
			return true;
	return false;
}

/* A workspace is a part of its project, never more. */
static int check_workspaces(const struct reading *r, const cJSON *project)
{
	const cJSON *workspaces = cJSON_GetObjectItemCaseSensitive(project, "workspaces"), *one;
	struct weir_scope whole = { 0 };
	int e = add_project(r, project, project->string, &whole);

	if (workspaces && !cJSON_IsObject(workspaces))
		e = wrong(r, workspaces, "workspaces: want names with their parts");
	cJSON_ArrayForEach (one, workspaces) {
		struct weir_scope part = { 0 };

		if (e == 0)
			e = add_parts(r, one, one->string, &part);
		for (size_t i = 0; e == 0 && i < part.n_grants; i++)
			if (!covers(&whole, &part.grants[i]))
				e = wrong(r, one,
					  "workspace \"%.64s\": %.64s in %.64s is not in project "
					  "\"%.64s\"",
					  one->string, part.grants[i].namespace_,
					  part.grants[i].cluster, project->string);
		weir_scope_clear(&part);
	}
	weir_scope_clear(&whole);
	return e;
}

static int read_projects(struct reading *r, const cJSON *projects)
{
	static const char *const keys[] = { "parts", "workspaces", NULL };
	const cJSON *project;
	int e = 0;

	if (projects && !cJSON_IsObject(projects))
		return wrong(r, projects, "projects: want names with their parts");
	r->projects = projects;
	cJSON_ArrayForEach (project, projects) {
		e = check_keys(r, project, project->string, keys);
		if (e == 0)
			e = check_workspaces(r, project);
		if (e < 0)
			return e;
	}
	return 0;
}

/* --- roles ----------------------------------------------------------------------------- */

static const char *const over_words[] = {
	[WEIR_OVER_FLEET] = "everything",      [WEIR_OVER_CLUSTERS] = "clusters",
	[WEIR_OVER_PROJECTS] = "projects",     [WEIR_OVER_WORKSPACES] = "workspaces",
	[WEIR_OVER_NAMESPACES] = "namespaces",
};

static int read_over(const struct reading *r, const cJSON *role, enum weir_over *ret)
{
	const char *word = text_of(role, "over") ?: "";

	for (int i = 0; i < WEIR_OVER_MAX; i++) {
		if (strcmp(word, over_words[i]) == 0) {
			*ret = (enum weir_over)i;
			return 0;
		}
	}
	return wrong(r, role,
		     "role \"%.64s\": over: want everything, clusters, projects, workspaces or "
		     "namespaces",
		     role->string);
}

static int read_rights(const struct reading *r, const cJSON *role, unsigned *ret)
{
	char **words = NULL;
	size_t n = 0;
	int e = read_texts(r, role, "rights", &words, &n);

	for (size_t i = 0; e == 0 && i < n; i++) {
		enum weir_right right = weir_right_of(words[i]);

		if (right == WEIR_RIGHT_MAX)
			e = wrong(
				r, role,
				"role \"%.64s\": there is no right \"%.64s\"; want flows, nodes, "
				"manage-nodes, cluster-policies, namespace-policies, access, audit",
				role->string, words[i]);
		else
			*ret |= 1u << right;
	}
	free_texts(words, n);
	return e;
}

static int read_roles(struct reading *r, const cJSON *roles)
{
	static const char *const keys[] = { "over", "rights", NULL };
	struct weir_rules *rules = r->rules;
	const cJSON *role;
	int e = 0;

	if (roles && !cJSON_IsObject(roles))
		return wrong(r, roles, "roles: want names with their rights");
	rules->roles = calloc((size_t)cJSON_GetArraySize(roles) + 1, sizeof(*rules->roles));
	if (!rules->roles)
		return no_memory(r);
	cJSON_ArrayForEach (role, roles) {
		struct weir_role *to = &rules->roles[rules->n_roles];

		if (weir_role_find(NULL, 0, role->string))
			return wrong(r, role, "role \"%.64s\" is built in: choose another name",
				     role->string);
		e = check_keys(r, role, role->string, keys);
		if (e == 0)
			e = read_over(r, role, &to->over);
		if (e == 0)
			e = read_rights(r, role, &to->rights);
		if (e < 0)
			return e;
		to->name = strdup(role->string);
		if (!to->name)
			return no_memory(r);
		rules->n_roles++;
	}
	return 0;
}

/* --- bindings --------------------------------------------------------------------------- */

static int add_named(const struct reading *r, const cJSON *binding, const char *key,
		     int (*add)(const struct reading *, const cJSON *, const char *,
				struct weir_scope *),
		     struct weir_scope *scope)
{
	char **names = NULL;
	size_t n = 0;
	int e = read_texts(r, binding, key, &names, &n);

	for (size_t i = 0; e == 0 && i < n; i++)
		e = add(r, binding, names[i], scope);
	free_texts(names, n);
	return e;
}

/* Which of the lists a role wants, and no other. */
static int read_scope(const struct reading *r, const cJSON *b, struct weir_binding *to)
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
			return wrong(r, list, "role %s is over %s: %s has no place here",
				     to->role->name, weir_over_name(to->role->over), lists[i]);
		if (!list && want >> i & 1)
			return wrong(r, b, "role %s is over %s: %s is missing (all: [\"*\"])",
				     to->role->name, weir_over_name(to->role->over), lists[i]);
	}
	switch (to->role->over) {
	case WEIR_OVER_PROJECTS:
		return add_named(r, b, "projects", add_project, &to->scope);
	case WEIR_OVER_WORKSPACES:
		return add_named(r, b, "workspaces", add_workspace, &to->scope);
	case WEIR_OVER_FLEET:
	case WEIR_OVER_CLUSTERS:
	case WEIR_OVER_NAMESPACES:
	case WEIR_OVER_MAX:
		break;
	}
	return add_grants(r, b, &to->scope);
}

static int read_binding(const struct reading *r, const cJSON *b, struct weir_binding *to)
{
	static const char *const keys[] = { "role",	"users",      "groups",	    "clusters",
					    "projects", "workspaces", "namespaces", NULL };
	const char *role = text_of(b, "role");
	int e = check_keys(r, b, "binding", keys);

	if (e < 0)
		return e;
	to->role = role ? weir_role_find(r->rules->roles, r->rules->n_roles, role) : NULL;
	if (!to->role)
		return wrong(r, b, "there is no role \"%.64s\"", role ?: "");
	e = read_texts(r, b, "users", &to->users, &to->n_users);
	if (e == 0)
		e = read_texts(r, b, "groups", &to->groups, &to->n_groups);
	if (e == 0 && !to->n_users && !to->n_groups)
		e = wrong(r, b, "binding of role %s: neither users nor groups", role);
	return e < 0 ? e : read_scope(r, b, to);
}

static int read_bindings(struct reading *r, const cJSON *bindings)
{
	struct weir_rules *rules = r->rules;
	const cJSON *b;
	int e;

	if (bindings && !cJSON_IsArray(bindings))
		return wrong(r, bindings, "bindings: want a list");
	cJSON_ArrayForEach (b, bindings) {
		struct weir_binding *items =
			more(rules->bindings, rules->n_bindings, sizeof(*items));

		if (!items)
			return no_memory(r);
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

static int read_token(const struct reading *r, const cJSON *t, struct weir_token *to)
{
	static const char *const keys[] = { "user", "groups", "hash", "expires", NULL };
	const cJSON *expires = cJSON_GetObjectItemCaseSensitive(t, "expires");
	const char *user = text_of(t, "user");
	int e = check_keys(r, t, "token", keys);

	if (e < 0)
		return e;
	if (!user || !*user)
		return wrong(r, t, "token: user is missing");
	if (read_hash(text_of(t, "hash"), to->hash) < 0)
		return wrong(r, t,
			     "token of %.64s: hash: want sha256: and 64 digits, as \"weir-hub "
			     "--make-token\" prints",
			     user);
	if ((expires && !cJSON_IsString(expires)) ||
	    read_expiry(text_of(t, "expires"), &to->expires) < 0)
		return wrong(r, t,
			     "token of %.64s: expires: want a time like \"2027-01-31T00:00:00Z\"",
			     user);
	to->user = strdup(user);
	return to->user ? read_texts(r, t, "groups", &to->groups, &to->n_groups) : no_memory(r);
}

static int read_tokens(struct reading *r, const cJSON *tokens)
{
	struct weir_rules *rules = r->rules;
	const cJSON *t;
	int e;

	if (tokens && !cJSON_IsArray(tokens))
		return wrong(r, tokens, "tokens: want a list");
	cJSON_ArrayForEach (t, tokens) {
		struct weir_token *items = more(rules->tokens, rules->n_tokens, sizeof(*items));

		if (!items)
			return no_memory(r);
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
		free_texts(r->bindings[i].users, r->bindings[i].n_users);
		free_texts(r->bindings[i].groups, r->bindings[i].n_groups);
		weir_scope_clear(&r->bindings[i].scope);
	}
	for (size_t i = 0; i < r->n_tokens; i++) {
		free(r->tokens[i].user);
		free_texts(r->tokens[i].groups, r->tokens[i].n_groups);
	}
	free(r->roles);
	free(r->bindings);
	free(r->tokens);
	free(r);
}

static int read_all(struct reading *r, const cJSON *root)
{
	static const char *const keys[] = { "projects", "roles", "bindings", "tokens", NULL };
	int e = check_keys(r, root, "access", keys);

	if (e == 0)
		e = read_projects(r, cJSON_GetObjectItemCaseSensitive(root, "projects"));
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
	struct reading r = { .file = name, .err = err, .rules = rules };
	struct weir_doc **docs = NULL;
	size_t n = 0;
	int e;

	if (!rules)
		return no_memory(&r);
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
