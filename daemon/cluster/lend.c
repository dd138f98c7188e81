/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Lending objects to the compilers: the one whose tables are enforced and,
 * while any policy is staged, a second one for which staged policies are in
 * force. The second one is made at a commit, from all there is, and gone when
 * memory is short or nothing is staged; nobody else needs to know of it.
 */
#include <errno.h>

#include "daemon/cluster/internal.h"
#include "weir/cleanup.h"

typedef int (*lend_fn)(struct weir_compiler *c, const void *object);

#define WRAP(name, type)                                                                           \
	static int add_##name(struct weir_compiler *c, const void *object)                         \
	{                                                                                          \
		return weir_compiler_add_##name(c, (const type *)object);                          \
	}                                                                                          \
	static int remove_##name(struct weir_compiler *c, const void *object)                      \
	{                                                                                          \
		return weir_compiler_remove_##name(c, (const type *)object);                       \
	}

WRAP(namespace, struct weir_namespace)
WRAP(pod, struct weir_pod)
WRAP(node, struct weir_node)
WRAP(policy, struct weir_policy)
WRAP(domain, struct weir_domain)

static const struct {
	lend_fn add, remove;
} lending[WEIR_OBJECT_MAX] = {
	[WEIR_OBJECT_NAMESPACE] = { add_namespace, remove_namespace },
	[WEIR_OBJECT_POD] = { add_pod, remove_pod },
	[WEIR_OBJECT_NODE] = { add_node, remove_node },
	[WEIR_OBJECT_POLICY] = { add_policy, remove_policy },
	[WEIR_OBJECT_DOMAIN] = { add_domain, remove_domain },
};

int weir_cluster_lend(struct weir_cluster *c, enum weir_object_kind kind, const void *object)
{
	if (c->staged && lending[kind].add(c->staged, object) < 0)
		weir_compiler_free(&c->staged);
	return lending[kind].add(c->compiler, object);
}

void weir_cluster_take_back(struct weir_cluster *c, enum weir_object_kind kind, const void *object)
{
	if (!object)
		return;
	if (c->staged && lending[kind].remove(c->staged, object) == -ENOMEM)
		weir_compiler_free(&c->staged);
	lending[kind].remove(c->compiler, object);
}

/* --- the second one ----------------------------------------------------------------- */

static int lend_pod(void *data, const struct weir_pod *pod)
{
	return weir_compiler_add_pod(data, pod);
}

static int lend_table(struct weir_cluster *c, enum weir_object_kind kind)
{
	const void *object;
	int r = 0;

	for (size_t i = 0; r == 0 && (object = weir_registry_next(&c->tables[kind], &i));)
		r = lending[kind].add(c->staged, object);
	return r;
}

static int make(struct weir_cluster *c)
{
	static const enum weir_object_kind kinds[] = { WEIR_OBJECT_NAMESPACE, WEIR_OBJECT_NODE,
						       WEIR_OBJECT_DOMAIN, WEIR_OBJECT_POLICY };
	int r = weir_compiler_new(&c->staged);

	if (r < 0)
		return r;
	weir_compiler_enforce_staged(c->staged);
	for (size_t i = 0; r == 0 && i < WEIR_ARRAY_SIZE(kinds); i++)
		r = lend_table(c, kinds[i]);
	if (r == 0 && c->isolation)
		r = weir_compiler_add_policy(c->staged, c->isolation);
	if (r == 0)
		r = weir_cluster_each_pod(c, lend_pod, c->staged);
	return r;
}

int weir_cluster_stage(struct weir_cluster *c, struct weir_error *err)
{
	struct weir_changes *changes = NULL;
	int r = 0;

	if (!c->n_staged) {
		weir_compiler_free(&c->staged);
		return 0;
	}
	if (!c->staged && make(c) < 0)
		r = weir_error_set(err, ENOMEM, "compile: out of memory");
	if (r == 0)
		r = weir_compiler_commit(c->staged, &changes, err);
	weir_changes_free(&changes);
	if (r < 0)
		weir_compiler_free(&c->staged);
	return r;
}

const struct weir_compiler *weir_cluster_staged(const struct weir_cluster *c)
{
	return c->staged;
}
