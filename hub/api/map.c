/* SPDX-License-Identifier: Apache-2.0 */
/*
 * GET /v1/map: who talks to whom. Vertices are workloads or namespaces, edges the
 * sums between two of them, with what was allowed and what was denied.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub/api/internal.h"
#include "hub/api/sums.h"
#include "weir/cleanup.h"

struct vertex {
	char *namespace_, *workload; /* NULL: outside, or unknown */
};

struct drawing {
	struct weir_json_buffer edges;
	struct weir_json j; /* of edges */
	bool namespaces;
	size_t n_vertices, room, n_buckets;
	struct vertex *vertices;
	uint32_t *buckets; /* vertex + 1 by hash; 0: none */
	bool has_other;
	struct weir_sum other;
};

static void clear(struct drawing *d)
{
	for (size_t i = 0; i < d->n_vertices; i++) {
		free(d->vertices[i].namespace_);
		free(d->vertices[i].workload);
	}
	free(d->vertices);
	free(d->buckets);
	weir_json_buffer_free(&d->edges);
}

static bool same(const char *a, const char *b)
{
	return a && b ? strcmp(a, b) == 0 : a == b;
}

static size_t hash(const char *a, const char *b)
{
	size_t h = 5381;

	for (; a && *a; a++)
		h = h * 33 + (unsigned char)*a;
	for (h *= 33; b && *b; b++)
		h = h * 33 + (unsigned char)*b;
	return h;
}

static uint32_t *slot_of(struct drawing *d, const char *namespace_, const char *workload)
{
	size_t i = hash(namespace_, workload);

	for (;; i++) {
		uint32_t *slot = &d->buckets[i % d->n_buckets];

		if (!*slot || (same(d->vertices[*slot - 1].namespace_, namespace_) &&
			       same(d->vertices[*slot - 1].workload, workload)))
			return slot;
	}
}

static int grow(struct drawing *d)
{
	size_t room = d->room ? 2 * d->room : 64;
	struct vertex *vertices = realloc(d->vertices, room * sizeof(*vertices));
	uint32_t *buckets = calloc(2 * room, sizeof(*buckets));

	if (vertices)
		d->vertices = vertices;
	if (!vertices || !buckets) {
		free(buckets);
		return -ENOMEM;
	}
	free(d->buckets);
	d->buckets = buckets;
	d->n_buckets = 2 * room;
	d->room = room;
	for (size_t i = 0; i < d->n_vertices; i++)
		*slot_of(d, vertices[i].namespace_, vertices[i].workload) = (uint32_t)i + 1;
	return 0;
}

/* Its number, or -ENOMEM. */
static long vertex(struct drawing *d, const char *namespace_, const char *workload)
{
	struct vertex v = { NULL, NULL };
	uint32_t *slot;

	if (d->n_vertices == d->room && grow(d) < 0)
		return -ENOMEM;
	slot = slot_of(d, namespace_, workload);
	if (*slot)
		return (long)*slot - 1;
	if ((namespace_ && !(v.namespace_ = strdup(namespace_))) ||
	    (workload && !(v.workload = strdup(workload)))) {
		free(v.namespace_);
		return -ENOMEM;
	}
	d->vertices[d->n_vertices++] = v;
	*slot = (uint32_t)d->n_vertices;
	return (long)d->n_vertices - 1;
}

/* "Kind/name" of "namespace/Kind/name" */
static const char *workload_of(const struct drawing *d, const char *value)
{
	const char *slash = value && !d->namespaces ? strchr(value, '/') : NULL;

	return slash ? slash + 1 : NULL;
}

static int on_sum(void *data, const struct weir_sum *sum)
{
	struct drawing *d = data;
	long from, to;

	if (sum->other) {
		d->has_other = true;
		d->other = *sum;
		return 0;
	}
	from = vertex(d, sum->values[0], workload_of(d, sum->values[2]));
	to = vertex(d, sum->values[1], workload_of(d, sum->values[3]));
	if (from < 0 || to < 0)
		return -ENOMEM;
	weir_json_open(&d->j, '{');
	weir_json_member_number(&d->j, "from", (uint64_t)from);
	weir_json_member_number(&d->j, "to", (uint64_t)to);
	weir_json_key(&d->j, "verdicts");
	weir_json_open(&d->j, '[');
	if (sum->sums[WEIR_SUM_CONNECTIONS] || !sum->sums[WEIR_SUM_DENIED])
		weir_json_string(&d->j, "allowed");
	if (sum->sums[WEIR_SUM_DENIED])
		weir_json_string(&d->j, "denied");
	weir_json_close(&d->j, ']');
	weir_sums_put(&d->j, sum);
	weir_json_close(&d->j, '}');
	return d->j.failed ? -ENOMEM : 0;
}

static void put_vertices(struct weir_json *j, const struct drawing *d)
{
	weir_json_key(j, "vertices");
	weir_json_open(j, '[');
	for (size_t i = 0; i < d->n_vertices; i++) {
		weir_json_open(j, '{');
		weir_json_member_number(j, "id", i);
		weir_json_member(j, "namespace", d->vertices[i].namespace_);
		weir_json_member(j, "workload", d->vertices[i].workload);
		weir_json_close(j, '}');
	}
	weir_json_close(j, ']');
}

static int put_map(struct weir_request *r, const struct drawing *d)
{
	struct weir_json j = { .b = &r->out };

	weir_json_open(&j, '{');
	put_vertices(&j, d);
	weir_json_key(&j, "edges");
	weir_json_open(&j, '[');
	weir_json_raw(&j, d->edges.text, d->edges.len);
	weir_json_close(&j, ']');
	if (d->has_other) {
		weir_json_key(&j, "other");
		weir_json_open(&j, '{');
		weir_sums_put(&j, &d->other);
		weir_json_close(&j, '}');
	}
	weir_api_put_end(&j, &r->end);
	weir_json_raw(&j, "}\n", 2);
	return j.failed ? -ENOMEM : 0;
}

int weir_answer_map(struct weir_request *r, struct weir_error *err)
{
	static const enum weir_dimension dims[] = { WEIR_DIM_FROM_NAMESPACE, WEIR_DIM_TO_NAMESPACE,
						    WEIR_DIM_FROM_WORKLOAD, WEIR_DIM_TO_WORKLOAD };
	WEIR_CLEANUP(clear) struct drawing d = { .namespaces = r->ask.namespaces };
	int code;

	d.j.b = &d.edges;
	code = weir_sums_ask(r, dims, d.namespaces ? 2 : 4, on_sum, &d, err);
	return code < 0 ? code : put_map(r, &d);
}
