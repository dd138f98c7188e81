/* SPDX-License-Identifier: Apache-2.0 */
/* One method, one list, one table. */
#include "cli/list.h"

#include <errno.h>
#include <string.h>

enum { TIMEOUT_MS = 60000 };

/* Filtered here: the answer is small, and -o json gets the same. */
static void keep_namespace(cJSON *items, const char *namespace_)
{
	cJSON *item = items ? items->child : NULL, *next;

	for (; item; item = next) {
		next = item->next;
		if (strcmp(weirctl_text(item, "namespace"), namespace_) != 0)
			cJSON_Delete(cJSON_DetachItemViaPointer(items, item));
	}
}

static int print_table(const struct weirctl *ctl, const struct weirctl_list *list,
		       const cJSON *result, const cJSON *items, struct weir_error *err)
{
	struct weirctl_table *table = NULL;
	const cJSON *item;

	if (weirctl_table_new(list->columns, list->n_columns, &table) < 0)
		return weir_error_set(err, ENOMEM, "out of memory");
	cJSON_ArrayForEach (item, items)
		list->row(table, item);
	weirctl_table_print(table, ctl, stdout);
	weirctl_table_free(&table);
	if (list->after)
		list->after(ctl, result);
	return 0;
}

int weirctl_show_list(struct weirctl *ctl, const struct weirctl_list *list, struct weir_error *err)
{
	cJSON *result = NULL, *items, *params = cJSON_CreateObject();
	int r;

	if (list->flag)
		cJSON_AddTrueToObject(params, list->flag);
	r = weirctl_call(ctl, list->method, params, TIMEOUT_MS, &result, NULL, err);
	if (r < 0)
		return r;
	items = cJSON_GetObjectItemCaseSensitive(result, list->flag ?: list->method);
	if (ctl->values[WEIRCTL_NAMESPACE])
		keep_namespace(items, ctl->values[WEIRCTL_NAMESPACE]);
	if (weirctl_for_people(ctl))
		r = print_table(ctl, list, result, items, err);
	else
		r = weirctl_print(ctl, result, NULL, err);
	cJSON_Delete(result);
	return r;
}
