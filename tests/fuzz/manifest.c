/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as a manifest, each document as every kind: an object or an error
 * with a message, never a crash. */
#include <stdlib.h>

#include "weir/doc.h"
#include "weir/object.h"
#include "weir/policy.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define TRY(type, decode, free_fn)                                                                 \
	do {                                                                                       \
		type *object_ = NULL;                                                              \
		struct weir_error err_ = { "" };                                                   \
		if (decode(pool, json, &object_, &err_) < 0 && !err_.text[0])                      \
			abort();                                                                   \
		free_fn(pool, &object_);                                                           \
	} while (0)

static void decode_all(struct weir_pool *pool, const cJSON *json)
{
	TRY(struct weir_namespace, weir_namespace_decode, weir_namespace_free);
	TRY(struct weir_pod, weir_pod_decode, weir_pod_free);
	TRY(struct weir_node, weir_node_decode, weir_node_free);
	TRY(struct weir_service, weir_service_decode, weir_service_free);
	TRY(struct weir_policy, weir_networkpolicy_decode, weir_policy_free);
	TRY(struct weir_policy, weir_clusternetworkpolicy_decode, weir_policy_free);
	TRY(struct weir_policy, weir_adminnetworkpolicy_decode, weir_policy_free);
	TRY(struct weir_policy, weir_baselineadminnetworkpolicy_decode, weir_policy_free);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_docs_cursor cursor;
	struct weir_doc *doc = NULL;
	struct weir_pool *pool;
	struct weir_error err = { "" };
	int r;

	if (weir_pool_new(&pool) < 0)
		abort();
	weir_docs_begin(&cursor, (const char *)data, size, "fuzz");
	while ((r = weir_docs_next(&cursor, &doc, &err)) != 0) {
		if (r > 0)
			decode_all(pool, weir_doc_root(doc));
		weir_doc_free(&doc);
	}
	weir_docs_end(&cursor);
	weir_pool_free(&pool);
	return 0;
}
