/* SPDX-License-Identifier: Apache-2.0 */
/*
 * After a complete list: what it did not name has gone. Called by the sources
 * that hear of objects in lists and not of each removal.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/cluster/internal.h"
#include "weir/cleanup.h"

struct object_name {
	const char *ns, *name;
};

struct doomed {
	struct object_name *items;
	size_t n, size;
};

static struct object_name name_of(enum weir_object_kind kind, const void *object)
{
	switch (kind) {
	case WEIR_OBJECT_POD: {
		const struct weir_pod *pod = object;

		return (struct object_name){ pod->namespace_, pod->name };
	}
	case WEIR_OBJECT_SERVICE: {
		const struct weir_service *service = object;

		return (struct object_name){ service->namespace_, service->name };
	}
	case WEIR_OBJECT_POLICY: {
		const struct weir_policy *policy = object;

		return (struct object_name){ policy->namespace_, policy->name };
	}
	case WEIR_OBJECT_DOMAIN:
		return (struct object_name){ NULL, ((const struct weir_domain *)object)->name };
	case WEIR_OBJECT_NAMESPACE:
		return (struct object_name){ NULL, ((const struct weir_namespace *)object)->name };
	case WEIR_OBJECT_NODE:
	case WEIR_OBJECT_MAX:
		break;
	}
	return (struct object_name){ NULL, ((const struct weir_node *)object)->name };
}

static void remove_object(struct weir_cluster *c, enum weir_object_kind kind,
			  const char *policy_kind, const struct object_name *o)
{
	switch (kind) {
	case WEIR_OBJECT_NAMESPACE:
		weir_cluster_remove_namespace(c, o->name);
		break;
	case WEIR_OBJECT_POD:
		weir_cluster_remove_pod(c, o->ns, o->name);
		break;
	case WEIR_OBJECT_NODE:
		weir_cluster_remove_node(c, o->name);
		break;
	case WEIR_OBJECT_SERVICE:
		weir_cluster_remove_service(c, o->ns, o->name);
		break;
	case WEIR_OBJECT_POLICY:
		weir_cluster_remove_policy(c, policy_kind, o->ns, o->name);
		break;
	case WEIR_OBJECT_DOMAIN:
		weir_cluster_remove_domain(c, o->name);
		break;
	case WEIR_OBJECT_MAX:
		break;
	}
}

static int doom(struct doomed *d, struct object_name name)
{
	if (d->n == d->size) {
		size_t size = d->size ? d->size * 2 : 64;
		struct object_name *items = reallocarray(d->items, size, sizeof(*items));

		if (!items)
			return -ENOMEM;
		d->items = items;
		d->size = size;
	}
	d->items[d->n++] = name;
	return 0;
}

/* The names stay valid: what is removed is only buried. */
int weir_cluster_sweep(struct weir_cluster *c, enum weir_object_kind kind, const char *policy_kind,
		       bool (*stays)(void *data, const char *ns, const char *name), void *data)
{
	struct doomed d = { 0 };
	const void *object;
	int r = 0;

	for (size_t i = 0; r == 0 && (object = weir_registry_next(&c->tables[kind], &i));) {
		struct object_name name = name_of(kind, object);

		if (kind == WEIR_OBJECT_POLICY &&
		    strcmp(((const struct weir_policy *)object)->kind, policy_kind) != 0)
			continue;
		if (!stays(data, name.ns, name.name))
			r = doom(&d, name);
	}
	for (size_t i = 0; r == 0 && i < d.n; i++)
		remove_object(c, kind, policy_kind, &d.items[i]);
	if (kind == WEIR_OBJECT_POD)
		weir_cluster_end_list(c);
	free(d.items);
	return r;
}

uint64_t weir_cluster_changes(const struct weir_cluster *c)
{
	return c->changes;
}

uint64_t weir_cluster_changes_of(const struct weir_cluster *c, enum weir_object_kind kind)
{
	return c->changes_of[kind];
}
