/* SPDX-License-Identifier: Apache-2.0 */
/* Namespace v1: its name and labels. */
#include <errno.h>
#include <stdlib.h>

#include "policy/decode/fields.h"
#include "weir/object.h"

#define NAME_LABEL "kubernetes.io/metadata.name"

int weir_namespace_decode(struct weir_pool *pool, const cJSON *json, struct weir_namespace **ret,
			  struct weir_error *err)
{
	struct weir_path root = weir_path_root(), meta = weir_path_key(&root, "metadata");
	struct weir_decoder d = { .pool = pool, .err = err };
	struct weir_namespace *ns = calloc(1, sizeof(*ns));
	struct weir_label_input name = { .key = NAME_LABEL };
	int r;

	if (!ns)
		return weir_error_errno(err, ENOMEM, "Namespace");
	r = weir_field_name(&d, json, NULL, &ns->name);
	if (r == 0) {
		name.value = ns->name;
		r = weir_field_labels(&d, &meta, weir_field(json, "metadata"), "labels", &name,
				      &ns->labels);
	}
	if (r < 0) {
		weir_namespace_free(pool, &ns);
		return r;
	}
	*ret = ns;
	return 0;
}

void weir_namespace_free(struct weir_pool *pool, struct weir_namespace **ns)
{
	if (!*ns)
		return;
	weir_pool_put_string(pool, (*ns)->name);
	weir_pool_put_labels(pool, (*ns)->labels);
	free(*ns);
	*ns = NULL;
}
