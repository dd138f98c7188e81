/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the decoders of all kinds of policies share: the envelope, the
 * metadata, the mode, memory. A kind brings its form.
 */
#include "policy/decode/fields.h"

struct weir_policy_form {
	const char *kind, *api_version;
	const char *least; /* what spec has at least, for who left it out */
	bool namespaced;
	int (*decode_spec)(struct weir_decoder *d, const struct weir_policy_form *self,
			   const struct weir_path *path, const cJSON *spec, struct weir_policy *p);
};

int weir_policy_decode(struct weir_pool *pool, const cJSON *json,
		       const struct weir_policy_form *form, struct weir_policy **ret,
		       struct weir_error *err);
int weir_policy_decode_cidr(struct weir_decoder *d, const struct weir_path *path, const char *text,
			    struct weir_prefix *ret);
/* Takes peers and ports out of a rule that is being decoded. */
void weir_policy_drop_terms(struct weir_pool *pool, struct weir_rule *rule);
