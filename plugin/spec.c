/* SPDX-License-Identifier: Apache-2.0 */
/* Versions of the CNI specification that we speak. */
#include "plugin/spec.h"

#include <stddef.h>
#include <string.h>

const struct weir_cni_version weir_cni_versions[] = {
	{ "0.3.0", false, false }, { "0.3.1", false, false }, { "0.4.0", true, false },
	{ "1.0.0", true, false },  { "1.1.0", true, true },   { NULL, false, false },
};

const struct weir_cni_version *weir_cni_version_find(const char *text)
{
	for (const struct weir_cni_version *v = weir_cni_versions; v->text; v++)
		if (strcmp(v->text, text) == 0)
			return v;
	return NULL;
}
