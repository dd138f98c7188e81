/* SPDX-License-Identifier: Apache-2.0 */
/* Lists of addresses in objects. */
#include "policy/decode/addrs.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

int weir_addr_list_add(struct weir_decoder *d, const struct weir_path *path, const char *text,
		       struct weir_addr_list *list)
{
	struct weir_addr addr;

	if (!text || !*text || strcmp(text, "None") == 0)
		return 0;
	if (weir_addr_parse(text, &addr) < 0)
		return weir_field_error(d, path, "\"%.60s\" is not an IP address", text);
	for (unsigned i = 0; i < list->n; i++)
		if (weir_addr_compare(&list->addrs[i], &addr) == 0)
			return 0;
	if (list->n == list->size) {
		uint16_t size = list->size ? (uint16_t)(list->size * 2) : 2;
		void *grown = size > list->size ? realloc(list->addrs, size * sizeof(addr)) : NULL;

		if (!grown)
			return weir_error_errno(d->err, ENOMEM, "%s", path->text);
		list->addrs = grown;
		list->size = size;
	}
	list->addrs[list->n++] = addr;
	return 0;
}

int weir_addr_list_add_array(struct weir_decoder *d, const struct weir_path *path,
			     const cJSON *object, const char *key, const char *member,
			     struct weir_addr_list *list)
{
	struct weir_path here = weir_path_key(path, key);
	const cJSON *array = NULL, *item;
	unsigned i = 0;
	int r = weir_field_array(d, path, object, key, &array);

	if (r < 0)
		return r;
	cJSON_ArrayForEach (item, array) {
		struct weir_path at = weir_path_index(&here, i++);
		const cJSON *text = member ? weir_field(item, member) : item;

		r = weir_addr_list_add(d, &at, cJSON_GetStringValue(text), list);
		if (r < 0)
			return r;
	}
	return 0;
}

struct weir_addr *weir_addr_list_take(struct weir_addr_list *list, uint16_t *ret_n)
{
	struct weir_addr *addrs = list->addrs;

	if (list->n && list->n < list->size) {
		struct weir_addr *fitting = realloc(addrs, list->n * sizeof(*addrs));

		addrs = fitting ? fitting : addrs;
	}
	*ret_n = list->n;
	*list = (struct weir_addr_list){ 0 };
	return addrs;
}
