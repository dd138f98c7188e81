/* SPDX-License-Identifier: Apache-2.0 */
/* Called by the thread that receives, for each flow; and by whoever scrapes. */
#include "hub/api/counters.h"

#include <errno.h>
#include <inttypes.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "hub/store/store.h"
#include "weir/cleanup.h"
#include "weir/object.h"
#include "weir/ruleset.h"

#define LABELS_MAX 8
#define VALUE_MAX  254
#define KEY_MAX	   (LABELS_MAX * VALUE_MAX)

enum { CONNECTIONS, DENIED, PACKETS, BYTES, COUNTS };

static const struct {
	const char *name, *help;
} metrics[COUNTS] = {
	[CONNECTIONS] = { "weir_flow_connections_total",
			  "Connections that were allowed and began." },
	[DENIED] = { "weir_flow_denied_total", "Attempts that were denied." },
	[PACKETS] = { "weir_flow_packets_total", "Packets, both directions." },
	[BYTES] = { "weir_flow_bytes_total", "Bytes, both directions." },
};

struct series {
	UT_hash_handle hh;
	uint64_t counts[COUNTS];
	unsigned len;
	char key[]; /* the values, each with its NUL */
};

struct weir_counters {
	pthread_mutex_t lock;
	unsigned n_labels, max_series;
	enum weir_dimension labels[LABELS_MAX];
	struct series *series;
	uint64_t other[COUNTS];
};

/* --- the value of a dimension ---------------------------------------------------------- */

static const char *workload(const struct weir_record_peer *p, char *buf)
{
	if (!p->workload)
		return NULL;
	snprintf(buf, VALUE_MAX, "%.63s/%.63s/%.120s", p->namespace_ ?: "", p->workload_kind ?: "",
		 p->workload);
	return buf;
}

static const char *pod(const struct weir_record_peer *p, char *buf)
{
	if (!p->pod)
		return NULL;
	snprintf(buf, VALUE_MAX, "%.63s/%.180s", p->namespace_ ?: "", p->pod);
	return buf;
}

static const char *number(unsigned n, char *buf)
{
	snprintf(buf, VALUE_MAX, "%u", n);
	return buf;
}

static const char *address(const struct weir_addr *a, char *buf)
{
	return a->family ? weir_addr_format(a, buf) : NULL;
}

/* The side that decided: the one that denied, else the destination's. */
static const struct weir_record_side *decider(const struct weir_record *r)
{
	bool source = r->egress.reason != WEIR_REASON_NOT_ENDPOINT &&
		      ((r->verdict == WEIR_DENIED && r->egress.verdict == WEIR_DENIED) ||
		       r->ingress.reason == WEIR_REASON_NOT_ENDPOINT);

	return source ? &r->egress : &r->ingress;
}

static const char *value_of(enum weir_dimension d, const struct weir_hub_flow *f, char *buf)
{
	const struct weir_record *r = &f->record;
	const struct weir_record_side *side = decider(r);

	switch (d) {
	case WEIR_DIM_CLUSTER:
		return f->cluster;
	case WEIR_DIM_NODE:
		return f->nodes[WEIR_EGRESS] ?: f->nodes[WEIR_INGRESS];
	case WEIR_DIM_FROM_NAMESPACE:
		return r->src.namespace_;
	case WEIR_DIM_TO_NAMESPACE:
		return r->dst.namespace_;
	case WEIR_DIM_FROM_WORKLOAD:
		return workload(&r->src, buf);
	case WEIR_DIM_TO_WORKLOAD:
		return workload(&r->dst, buf);
	case WEIR_DIM_FROM_POD:
		return pod(&r->src, buf);
	case WEIR_DIM_TO_POD:
		return pod(&r->dst, buf);
	case WEIR_DIM_FROM_ADDRESS:
		return address(&r->src.addr, buf);
	case WEIR_DIM_TO_ADDRESS:
		return address(&r->dst.addr, buf);
	case WEIR_DIM_PORT:
		return number(r->dst.port, buf);
	case WEIR_DIM_PROTOCOL:
		return weir_protocol_name(r->protocol, buf);
	case WEIR_DIM_VERDICT:
		return weir_verdict_name(r->verdict);
	case WEIR_DIM_REASON:
		return weir_reason_name(side->reason);
	case WEIR_DIM_POLICY:
		return side->n_policies ? side->policies[0].name : NULL;
	case WEIR_DIM_TIME:
	case WEIR_DIM_MAX:
		break;
	}
	return NULL;
}

/* --- counting --------------------------------------------------------------------------- */

static unsigned key_of(const struct weir_counters *c, const struct weir_hub_flow *f, char *key)
{
	char buf[VALUE_MAX];
	unsigned len = 0;

	for (unsigned i = 0; i < c->n_labels; i++) {
		const char *value = value_of(c->labels[i], f, buf) ?: "";

		len += (unsigned)snprintf(key + len, VALUE_MAX, "%.253s", value) + 1;
	}
	return len;
}

static uint64_t *counts_for(struct weir_counters *c, const char *key, unsigned len)
{
	struct series *s;

	HASH_FIND(hh, c->series, key, len, s);
	if (s)
		return s->counts;
	s = HASH_COUNT(c->series) < c->max_series ? calloc(1, sizeof(*s) + len) : NULL;
	if (!s)
		return c->other;
	s->len = len;
	memcpy(s->key, key, len);
	HASH_ADD_KEYPTR(hh, c->series, s->key, len, s);
	return s->counts;
}

void weir_counters_add(struct weir_counters *c, const struct weir_hub_flow *f)
{
	const struct weir_record *r = &f->record;
	char key[KEY_MAX];
	uint64_t *counts;
	unsigned len;

	if (f->second || r->type == WEIR_RECORD_GAP)
		return;
	len = key_of(c, f, key);
	pthread_mutex_lock(&c->lock);
	counts = counts_for(c, key, len);
	if (r->type == WEIR_RECORD_DENIED)
		counts[DENIED] += r->connections;
	else
		counts[CONNECTIONS] += r->type == WEIR_RECORD_OPEN;
	for (unsigned i = 0; i < 2; i++) {
		counts[PACKETS] += r->packets[i] - r->counted_packets[i];
		counts[BYTES] += r->bytes[i] - r->counted_bytes[i];
	}
	pthread_mutex_unlock(&c->lock);
}

/* --- printing --------------------------------------------------------------------------- */

static void print_value(FILE *out, const char *value)
{
	for (; *value; value++) {
		if (*value == '\n')
			fputs("\\n", out);
		else if (*value == '"' || *value == '\\')
			fprintf(out, "\\%c", *value);
		else
			fputc(*value, out);
	}
}

/* "from.namespace" as a label's name: from_namespace */
static void print_label(FILE *out, enum weir_dimension d)
{
	for (const char *c = weir_dimension_name(d); *c; c++)
		fputc(*c == '.' ? '_' : *c, out);
}

static void print_series(const struct weir_counters *c, FILE *out, const char *name,
			 const char *key, uint64_t count)
{
	fprintf(out, "%s{", name);
	for (unsigned i = 0; i < c->n_labels; i++) {
		fputs(i ? "," : "", out);
		print_label(out, c->labels[i]);
		fputs("=\"", out);
		print_value(out, key ?: "other");
		fputc('"', out);
		if (key)
			key += strlen(key) + 1;
	}
	fprintf(out, "} %" PRIu64 "\n", count);
}

void weir_counters_print(struct weir_counters *c, FILE *out)
{
	const struct series *s;

	pthread_mutex_lock(&c->lock);
	for (unsigned m = 0; m < COUNTS; m++) {
		fprintf(out, "# HELP %s %s\n# TYPE %s counter\n", metrics[m].name, metrics[m].help,
			metrics[m].name);
		for (s = c->series; s; s = s->hh.next)
			print_series(c, out, metrics[m].name, s->key, s->counts[m]);
		if (c->other[m])
			print_series(c, out, metrics[m].name, NULL, c->other[m]);
	}
	pthread_mutex_unlock(&c->lock);
}

/* --- life --------------------------------------------------------------------------------- */

int weir_counters_new(const struct weir_config_strings *labels, unsigned max_series,
		      struct weir_counters **ret, struct weir_error *err)
{
	struct weir_counters *c;

	if (labels->n > LABELS_MAX)
		return weir_error_set(err, EINVAL, "metrics.flowLabels: more than %d", LABELS_MAX);
	c = calloc(1, sizeof(*c));
	if (!c)
		return weir_error_errno(err, ENOMEM, "metrics.flowLabels");
	pthread_mutex_init(&c->lock, NULL);
	c->max_series = max_series;
	for (size_t i = 0; i < labels->n; i++)
		c->labels[c->n_labels++] = weir_dimension_of(labels->items[i]);
	*ret = c;
	return 0;
}

void weir_counters_free(struct weir_counters **counters)
{
	struct weir_counters *c = weir_take(*counters);
	struct series *s, *next;

	if (!c)
		return;
	HASH_ITER (hh, c->series, s, next) {
		HASH_DEL(c->series, s);
		free(s);
	}
	pthread_mutex_destroy(&c->lock);
	free(c);
}
