/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Any bytes as a list: the same items are found however the network cuts it, and
 * what a real parser takes for a list has the items that it finds, too. The
 * first byte says where it is cut.
 */
#include "daemon/kube/items.h"

#include <cjson/cJSON.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct heard {
	uint64_t hash;
	unsigned items;
};

static void mix(struct heard *h, char kind, const char *text, size_t len)
{
	h->hash = h->hash * 31 + (unsigned char)kind;
	for (size_t i = 0; i <= len; i++)
		h->hash = h->hash * 31 + (unsigned char)text[i];
}

static int on_item(void *data, const char *text, size_t len)
{
	struct heard *h = data;

	h->items++;
	mix(h, '#', text, len);
	return 0;
}

static int on_meta(void *data, const char *text, size_t len)
{
	mix(data, '@', text, len);
	return 0;
}

static int feed(const char *text, size_t size, size_t piece, struct heard *ret, bool *ret_list)
{
	struct weir_items s = { .max = 4096 };
	int r = 0;

	*ret = (struct heard){ 0 };
	for (size_t at = 0; r == 0 && at < size; at += piece)
		r = weir_items_feed(&s, text + at, piece < size - at ? piece : size - at, on_item,
				    on_meta, ret);
	*ret_list = s.ended && s.has_items;
	weir_items_clear(&s);
	return r;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	const char *text = (const char *)data + 1;
	struct heard whole, cut;
	bool whole_list, cut_list;
	cJSON *json;
	int r;

	if (!size)
		return 0;
	r = feed(text, size - 1, size, &whole, &whole_list);
	if (feed(text, size - 1, data[0] + 1u, &cut, &cut_list) != r || whole.hash != cut.hash ||
	    whole.items != cut.items || whole_list != cut_list)
		abort();
	json = r == 0 && whole_list ? cJSON_ParseWithLength(text, size - 1) : NULL;
	if (cJSON_IsObject(json)) {
		const cJSON *items = NULL, *member;
		unsigned arrays = 0;

		cJSON_ArrayForEach (member, json) {
			if (strcmp(member->string, "items") == 0) {
				items = member;
				arrays++;
			}
		}
		if (arrays == 1 && cJSON_IsArray(items) &&
		    whole.items != (unsigned)cJSON_GetArraySize(items))
			abort();
	}
	cJSON_Delete(json);
	return 0;
}
