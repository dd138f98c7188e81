/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The metric of policies: how many connections each decided. So many of them have
 * a series of their own, in the order in which they first decided; the others
 * share one, so that a cluster of 10,000 policies does not flood who collects.
 */
#include <inttypes.h>
#include <stdlib.h>

#include "daemon/flow/hash.h"
#include "daemon/flow/hits.h"
#include "daemon/http/http.h"
#include "daemon/weird.h"
#include "weir/cleanup.h"

enum { SERIES_MAX = 1000 };

struct key {
	struct weir_record_policy policy;
	uint64_t direction;
};

struct series {
	UT_hash_handle hh;
	struct key key;
	uint64_t connections;
};

struct sums {
	struct series *series;
	uint64_t others[WEIR_DIRECTION_MAX];
};

static void add(void *data, const struct weir_hit *hit)
{
	struct key key = { hit->key.policy, hit->key.direction };
	struct sums *sums = data;
	struct series *s;

	if (hit->key.staged)
		return;
	HASH_FIND(hh, sums->series, &key, sizeof(key), s);
	if (!s && HASH_COUNT(sums->series) < SERIES_MAX) {
		s = calloc(1, sizeof(*s));
		if (s) {
			s->key = key;
			HASH_ADD(hh, sums->series, key, sizeof(key), s);
		}
	}
	*(s ? &s->connections : &sums->others[hit->key.direction]) += hit->connections;
}

/* Names of objects have no character that would need escaping. */
static void print(FILE *out, const struct weir_record_policy *p, int direction, uint64_t n)
{
	fprintf(out,
		"weir_policy_connections_total{kind=\"%s\",namespace=\"%s\",policy=\"%s\","
		"direction=\"%s\"} %" PRIu64 "\n",
		p->kind ?: "", p->namespace_ ?: "", p->name ?: "", weir_direction_name(direction),
		n);
}

void weir_http_print_policies(struct weird *d, FILE *out)
{
	const struct weir_record_policy other = { NULL, NULL, NULL };
	struct sums sums = { 0 };
	struct series *s, *next;

	fputs("# HELP weir_policy_connections_total Connections that a policy decided, by a rule "
	      "or "
	      "because it isolates; those beyond the first 1000 policies and directions together, "
	      "without a name. Begins anew when the policy is edited.\n"
	      "# TYPE weir_policy_connections_total counter\n",
	      out);
	pthread_mutex_lock(&d->world.lock);
	weir_hits_each(weir_pipeline_hits(d->pipeline), add, &sums);
	HASH_ITER (hh, sums.series, s, next) {
		print(out, &s->key.policy, (int)s->key.direction, s->connections);
		HASH_DEL(sums.series, s);
		free(s);
	}
	pthread_mutex_unlock(&d->world.lock);
	for (int i = 0; i < WEIR_DIRECTION_MAX; i++) {
		if (sums.others[i])
			print(out, &other, i, sums.others[i]);
	}
}
