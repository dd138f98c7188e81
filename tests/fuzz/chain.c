/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as the primary's configuration: what comes out is refused, or JSON
 * with one plugin more than went in, the last of them weir. */
#include <cjson/cJSON.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/chain/chain.h"

#define ENTRY "{\"type\":\"weir\"}"

static void check(const char *text, int plugins)
{
	cJSON *json = cJSON_Parse(text);
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(json, "plugins");
	const cJSON *last = cJSON_GetArrayItem(list, cJSON_GetArraySize(list) - 1);
	const char *type = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(last, "type"));
	char *entry = weir_chain_entry_of(text);

	if (!entry || strcmp(entry, ENTRY))
		abort();
	free(entry);
	if (!weir_chain_is_ours(text, strlen(text)) || cJSON_GetArraySize(list) != plugins + 1 ||
	    !type || strcmp(type, "weir"))
		abort();
	cJSON_Delete(json);
}

static void run(const char *name, const uint8_t *data, size_t size)
{
	struct weir_chain_file file = { .len = size };
	struct weir_error err;
	char network[256], *text;

	strcpy(file.name, name);
	file.text = malloc(size + 1);
	memcpy(file.text, data, size);
	file.text[size] = 0;
	if (weir_chain_text(&file, ENTRY, &text, network, &err) == 0) {
		cJSON *json = cJSON_Parse(file.text);
		const cJSON *list = cJSON_GetObjectItemCaseSensitive(json, "plugins");

		check(text, strstr(name, ".conflist") ? cJSON_GetArraySize(list) : 1);
		cJSON_Delete(json);
		free(text);
	}
	free(file.text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	run("10-a.conflist", data, size);
	run("10-a.conf", data, size);
	return 0;
}
