/* SPDX-License-Identifier: Apache-2.0 */
/* Roles and bindings, for those who may see them. Tokens are nobody's to see. */
#include "hub/access/internal.h"
#include "weir/json.h"

static void put_list(struct weir_json *j, const char *name, char *const *texts, size_t n)
{
	weir_json_key(j, name);
	weir_json_open(j, '[');
	for (size_t i = 0; i < n; i++)
		weir_json_string(j, texts[i]);
	weir_json_close(j, ']');
}

static int put_role(void *data, const struct weir_role *role)
{
	struct weir_json *j = data;

	weir_json_open(j, '{');
	weir_json_member(j, "name", role->name);
	weir_json_member(j, "over", weir_over_name(role->over));
	weir_json_key(j, "rights");
	weir_json_open(j, '[');
	for (unsigned right = 0; right < WEIR_RIGHT_MAX; right++)
		if (role->rights >> right & 1)
			weir_json_string(j, weir_right_name(right));
	weir_json_close(j, ']');
	weir_json_close(j, '}');
	return 0;
}

static void put_binding(struct weir_json *j, const struct weir_binding *b)
{
	weir_json_open(j, '{');
	weir_json_member(j, "role", b->role->name);
	put_list(j, "users", b->users, b->n_users);
	put_list(j, "groups", b->groups, b->n_groups);
	weir_json_key(j, "scope");
	weir_json_open(j, '[');
	for (size_t i = 0; i < b->scope.n_grants; i++) {
		weir_json_open(j, '{');
		weir_json_member(j, "cluster", b->scope.grants[i].cluster);
		weir_json_member(j, "namespace", b->scope.grants[i].namespace_);
		weir_json_close(j, '}');
	}
	weir_json_close(j, ']');
	weir_json_close(j, '}');
}

void weir_rules_describe(const struct weir_rules *rules, struct weir_json *j)
{
	weir_json_key(j, "roles");
	weir_json_open(j, '[');
	weir_role_each(put_role, j);
	for (size_t i = 0; i < rules->n_roles; i++)
		put_role(j, &rules->roles[i]);
	weir_json_close(j, ']');
	weir_json_key(j, "bindings");
	weir_json_open(j, '[');
	for (size_t i = 0; i < rules->n_bindings; i++)
		put_binding(j, &rules->bindings[i]);
	weir_json_close(j, ']');
}
