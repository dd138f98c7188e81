/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compiles a cluster afresh, every pod an endpoint: on a node only its own pods
 * are, but what a policy changes may be anywhere.
 */
#include <errno.h>
#include <stdlib.h>

#include "daemon/simulate/simulate.h"
#include "weir/cleanup.h"

static int add_namespace(void *data, const struct weir_namespace *ns)
{
	return weir_compiler_add_namespace(data, ns);
}

static int add_node(void *data, const struct weir_node *node)
{
	return weir_compiler_add_node(data, node);
}

static int add_domain(void *data, const struct weir_domain *domain)
{
	return weir_compiler_add_domain(data, domain);
}

static int add_policy(void *data, const struct weir_policy *policy)
{
	return weir_compiler_add_policy(data, policy);
}

static int copy_pod(void *data, const struct weir_pod *pod)
{
	struct weir_simulate_pods *p = data;
	size_t size = p->size ? p->size * 2 : 1024;
	struct weir_pod *longer;

	if (p->n == p->size) {
		longer = reallocarray(p->pods, size, sizeof(*longer));
		if (!longer)
			return -ENOMEM;
		p->pods = longer;
		p->size = size;
	}
	p->pods[p->n] = *pod;
	p->pods[p->n++].local = weir_pod_has_addrs(pod);
	return 0;
}

/* The cluster's pods must not move any more once a compiler has been lent them. */
static int copy_pods(struct weir_simulate_worlds *w)
{
	return w->pods.n ? 0 : weir_cluster_each_pod(w->cluster, copy_pod, &w->pods);
}

static int fill(struct weir_simulate_worlds *w, struct weir_compiler *c)
{
	int r = weir_cluster_each_namespace(w->cluster, add_namespace, c);

	if (r == 0)
		r = weir_cluster_each_node(w->cluster, add_node, c);
	for (size_t i = 0; r == 0 && i < w->pods.n; i++)
		r = weir_compiler_add_pod(c, &w->pods.pods[i]);
	if (r == 0)
		r = weir_cluster_each_domain(w->cluster, add_domain, c);
	if (r == 0)
		r = weir_cluster_each_policy(w->cluster, add_policy, c);
	return r;
}

int weir_simulate_compile(struct weir_simulate_worlds *w, enum weir_simulate_when when,
			  struct weir_error *err)
{
	struct weir_changes *changes = NULL;
	int r = copy_pods(w);

	if (r == 0)
		r = weir_compiler_new(&w->compilers[when]);
	if (r == 0)
		r = fill(w, w->compilers[when]);
	if (r < 0)
		return weir_error_errno(err, -r, "the cluster cannot be compiled");
	r = weir_compiler_commit(w->compilers[when], &changes, err);
	weir_changes_free(&changes);
	return r;
}

void weir_simulate_worlds_clear(struct weir_simulate_worlds *w)
{
	for (int i = 0; i < WEIR_WHEN_MAX; i++)
		weir_compiler_free(&w->compilers[i]);
	free(weir_take(w->pods.pods));
	w->pods = (struct weir_simulate_pods){ 0 };
}
