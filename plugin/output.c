/* SPDX-License-Identifier: Apache-2.0 */
/* What the plugin prints on stdout for the runtime. */
#include "plugin/output.h"

#include <cjson/cJSON.h>
#include <stdio.h>
#include <stdlib.h>

#include "weir/cleanup.h"

static void print(cJSON *json)
{
	WEIR_AUTO_FREE char *text = cJSON_Print(json);

	if (text)
		puts(text);
	cJSON_Delete(json);
}

int weir_print_error(const char *cni_version, int code, const char *msg, const char *details)
{
	cJSON *json = cJSON_CreateObject();

	cJSON_AddStringToObject(json, "cniVersion", cni_version);
	cJSON_AddNumberToObject(json, "code", code);
	cJSON_AddStringToObject(json, "msg", msg);
	if (details && *details)
		cJSON_AddStringToObject(json, "details", details);
	print(json);
	return 1;
}

int weir_print_versions(const char *cni_version)
{
	cJSON *json = cJSON_CreateObject(), *list;

	cJSON_AddStringToObject(json, "cniVersion", cni_version);
	list = cJSON_AddArrayToObject(json, "supportedVersions");
	for (const struct weir_cni_version *v = weir_cni_versions; v->text; v++)
		cJSON_AddItemToArray(list, cJSON_CreateString(v->text));
	print(json);
	return 0;
}

int weir_print_result(const struct weir_netconf *conf)
{
	fwrite(conf->prev_result.text, 1, conf->prev_result.len, stdout);
	putchar('\n');
	return fflush(stdout) == 0 ? 0 : 1;
}
