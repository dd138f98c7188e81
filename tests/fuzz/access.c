/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as access.yaml: rules that give nothing to who is not named, or an error with its
 * place. */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub/access/internal.h"
#include "weir/json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static struct weir_person *person_of(const struct weir_rules *rules, const char *user,
				     char *const *groups, size_t n_groups)
{
	struct weir_person *p = NULL;

	if (weir_person_new(user, "token", &p) < 0)
		abort();
	for (size_t i = 0; i < n_groups; i++)
		if (weir_person_add_group(p, groups[i]) < 0)
			abort();
	if (weir_rules_apply(rules, p) < 0)
		abort();
	return p;
}

/* Nobody is called what does not fit into the file. */
static void check_stranger(const struct weir_rules *rules, size_t size)
{
	char *name = malloc(size + 2);
	struct weir_person *p;

	if (!name)
		abort();
	memset(name, 'x', size + 1);
	name[size + 1] = 0;
	p = person_of(rules, name, &name, 1);
	for (int r = 0; r < WEIR_RIGHT_MAX; r++)
		if (p->scopes[r].n_grants)
			abort();
	weir_person_free(&p);
	free(name);
}

/* What a binding says, each of its people has; who has everything is bound so. */
static void check_binding(const struct weir_rules *rules, const struct weir_binding *b)
{
	const char *user = b->n_users ? b->users[0] : "";
	struct weir_person *p =
		person_of(rules, user, b->groups, b->n_users || !b->n_groups ? 0 : 1);

	for (int r = 0; r < WEIR_RIGHT_MAX; r++) {
		if (!(b->role->rights >> r & 1))
			continue;
		if (p->scopes[r].n_grants < b->scope.n_grants)
			abort();
		if (b->role->over == WEIR_OVER_FLEET && !weir_scope_is_all(&p->scopes[r]))
			abort();
	}
	weir_person_free(&p);
}

static void check_description(const struct weir_rules *rules)
{
	struct weir_json_buffer out = { .text = NULL };
	struct weir_json j = { .b = &out };
	cJSON *json;

	weir_json_open(&j, '{');
	weir_rules_describe(rules, &j);
	weir_json_close(&j, '}');
	json = cJSON_ParseWithLength(out.text, out.len);
	if (j.failed || !json)
		abort();
	cJSON_Delete(json);
	free(out.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_rules *rules = NULL;
	struct weir_error err = { "" };

	if (weir_rules_parse((const char *)data, size, "f", &rules, &err) < 0) {
		if (rules || strncmp(err.text, "f:", 2) != 0)
			abort();
		return 0;
	}
	if (!rules || err.text[0])
		abort();
	check_stranger(rules, size);
	for (size_t i = 0; i < rules->n_bindings; i++)
		check_binding(rules, &rules->bindings[i]);
	check_description(rules);
	weir_rules_unref(&rules);
	return 0;
}
