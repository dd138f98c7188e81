/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Compares two compiles for each pair of groups of which one end is selected by
 * other policies than before. Between two neighbouring bounds of any port range
 * that is named, all ports are alike: one of them is judged.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/simulate/simulate.h"
#include "weir/cleanup.h"

enum { PORTS = UINT16_MAX + 1 };

static const uint8_t protocols[] = { WEIR_PROTO_TCP, WEIR_PROTO_UDP, WEIR_PROTO_SCTP };

/* What one pair gets, collected before it is told. */
struct found {
	struct weir_judgement judgements[WEIR_WHEN_MAX];
	struct weir_simulate_ports *ports;
	size_t n_ports, size_ports;
};

struct comparing {
	const struct weir_simulate_worlds *w;
	int (*fn)(void *data, const struct weir_simulate_change *change);
	void *data;
	uint32_t *bounds; /* first ports of ranges, of one protocol */
	size_t n_bounds, size_bounds;
	struct found *found;
	size_t n_found, size_found;
};

/* --- classes ------------------------------------------------------------------------- */

static const struct weir_class *class_of(const struct comparing *c, int when, int direction,
					 const struct weir_simulate_group *own,
					 const struct weir_simulate_group *peer)
{
	const struct weir_ruleset *ruleset = own->key.rulesets[when][direction];

	return ruleset ? weir_compiler_class_of(c->w->compilers[when], ruleset,
						peer->key.identities[when])
		       : NULL;
}

/* Do both give the same verdict to everything? NULL: no policy, all is allowed. */
static bool same_verdicts(const struct weir_class *a, const struct weir_class *b)
{
	uint32_t n_a = a ? a->n_ports : 0, n_b = b ? b->n_ports : 0;

	if ((a ? a->verdict : WEIR_ALLOWED) != (b ? b->verdict : WEIR_ALLOWED) || n_a != n_b)
		return false;
	for (uint32_t i = 0; i < n_a; i++) {
		if (a->ports[i].first != b->ports[i].first ||
		    a->ports[i].last != b->ports[i].last ||
		    a->ports[i].protocol != b->ports[i].protocol ||
		    a->ports[i].verdict != b->ports[i].verdict)
			return false;
	}
	return true;
}

/* --- ports ---------------------------------------------------------------------------- */

static int add_bound(struct comparing *c, uint32_t port)
{
	size_t size = c->size_bounds ? c->size_bounds * 2 : 64;
	uint32_t *longer;

	if (c->n_bounds == c->size_bounds) {
		longer = reallocarray(c->bounds, size, sizeof(*longer));
		if (!longer)
			return -ENOMEM;
		c->bounds = longer;
		c->size_bounds = size;
	}
	c->bounds[c->n_bounds++] = port;
	return 0;
}

static int add_bounds(struct comparing *c, const struct weir_class *k, uint8_t protocol)
{
	int r = 0;

	for (uint32_t i = 0; k && r == 0 && i < k->n_ports; i++) {
		if (k->ports[i].protocol != protocol)
			continue;
		r = add_bound(c, k->ports[i].first);
		if (r == 0)
			r = add_bound(c, k->ports[i].last + 1u);
	}
	return r;
}

static int by_number(const void *a, const void *b)
{
	const uint32_t *x = a, *y = b;

	return (*x > *y) - (*x < *y);
}

static bool same_decision(const struct weir_decision *a, const struct weir_decision *b)
{
	return a->verdict == b->verdict && a->reason == b->reason && a->rule == b->rule &&
	       a->ruleset == b->ruleset;
}

static bool same_judgements(const struct weir_judgement *a, const struct weir_judgement *b)
{
	for (int i = 0; i < WEIR_WHEN_MAX; i++) {
		for (int d = 0; d < WEIR_DIRECTION_MAX; d++) {
			if (!same_decision(&a[i].sides[d], &b[i].sides[d]))
				return false;
		}
	}
	return true;
}

/* The entry with these reasons; NULL when memory is short. */
static struct found *found_of(struct comparing *c, const struct weir_judgement *judgements)
{
	size_t size = c->size_found ? c->size_found * 2 : 16;
	struct found *longer;

	for (size_t i = 0; i < c->n_found; i++) {
		if (same_judgements(c->found[i].judgements, judgements))
			return &c->found[i];
	}
	if (c->n_found == c->size_found) {
		longer = reallocarray(c->found, size, sizeof(*longer));
		if (!longer)
			return NULL;
		memset(longer + c->size_found, 0, (size - c->size_found) * sizeof(*longer));
		c->found = longer;
		c->size_found = size;
	}
	c->found[c->n_found].n_ports = 0; /* what it has room for stays */
	memcpy(c->found[c->n_found].judgements, judgements, sizeof(c->found->judgements));
	return &c->found[c->n_found++];
}

static int add_ports(struct found *f, uint8_t protocol, uint32_t first, uint32_t last)
{
	struct weir_simulate_ports *behind = f->n_ports ? &f->ports[f->n_ports - 1] : NULL, *longer;
	size_t size = f->size_ports ? f->size_ports * 2 : 8;

	if (behind && behind->protocol == protocol && behind->last + 1u == first) {
		behind->last = (uint16_t)last;
		return 0;
	}
	if (f->n_ports == f->size_ports) {
		longer = reallocarray(f->ports, size, sizeof(*longer));
		if (!longer)
			return -ENOMEM;
		f->ports = longer;
		f->size_ports = size;
	}
	f->ports[f->n_ports++] =
		(struct weir_simulate_ports){ (uint16_t)first, (uint16_t)last, protocol };
	return 0;
}

/* --- one pair -------------------------------------------------------------------------- */

/* protocol ANY: those that have no ports, which are judged alike. */
static int judge(struct comparing *c, struct weir_connection *conn, uint8_t protocol,
		 uint32_t first, uint32_t last)
{
	struct weir_judgement j[WEIR_WHEN_MAX];
	struct found *f;

	conn->protocol = protocol ? protocol : WEIR_PROTO_ICMP;
	conn->dport = (uint16_t)first;
	for (int i = 0; i < WEIR_WHEN_MAX; i++)
		weir_compiler_judge(c->w->compilers[i], conn, &j[i]);
	if (j[WEIR_BEFORE].verdict == j[WEIR_AFTER].verdict)
		return 0;
	f = found_of(c, j);
	return f ? add_ports(f, protocol, first, last) : -ENOMEM;
}

static int judge_protocol(struct comparing *c, struct weir_connection *conn,
			  const struct weir_class *const classes[], size_t n, uint8_t protocol)
{
	int r;

	c->n_bounds = 0;
	r = add_bound(c, 0);
	for (size_t i = 0; r == 0 && i < n; i++)
		r = add_bounds(c, classes[i], protocol);
	if (r == 0)
		r = add_bound(c, PORTS);
	if (r < 0)
		return r;
	qsort(c->bounds, c->n_bounds, sizeof(*c->bounds), by_number);
	for (size_t i = 1; r == 0 && i < c->n_bounds; i++) {
		if (c->bounds[i] > c->bounds[i - 1])
			r = judge(c, conn, protocol, c->bounds[i - 1], c->bounds[i] - 1);
	}
	return r;
}

static int tell(struct comparing *c, const struct weir_simulate_group *src,
		const struct weir_simulate_group *dst)
{
	double pairs = (double)src->n * (src == dst ? dst->n - 1 : dst->n);
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->n_found; i++) {
		struct weir_simulate_change change = { .src = src,
						       .dst = dst,
						       .ports = c->found[i].ports,
						       .n_ports = c->found[i].n_ports,
						       .pairs = pairs };

		memcpy(change.judgements, c->found[i].judgements, sizeof(change.judgements));
		r = c->fn(c->data, &change);
	}
	c->n_found = 0;
	return r;
}

static int compare(struct comparing *c, const struct weir_simulate_group *src,
		   const struct weir_simulate_group *dst)
{
	struct weir_connection conn = { .src = src->addrs[0], .dst = dst->addrs[src == dst] };
	const struct weir_class *classes[WEIR_WHEN_MAX * WEIR_DIRECTION_MAX];
	size_t n = 0;
	int r;

	if (src->key.family != dst->key.family || (src == dst && dst->n < 2))
		return 0;
	for (int i = 0; i < WEIR_WHEN_MAX; i++) {
		classes[n++] = class_of(c, i, WEIR_EGRESS, src, dst);
		classes[n++] = class_of(c, i, WEIR_INGRESS, dst, src);
	}
	if (same_verdicts(classes[0], classes[2]) && same_verdicts(classes[1], classes[3]))
		return 0;
	r = judge(c, &conn, WEIR_PROTO_ANY, 0, 0);
	for (size_t i = 0; r == 0 && i < WEIR_ARRAY_SIZE(protocols); i++)
		r = judge_protocol(c, &conn, classes, n, protocols[i]);
	return r < 0 ? r : tell(c, src, dst);
}

/* --- all pairs ------------------------------------------------------------------------- */

static bool is_over(uint64_t deadline_ms)
{
	struct timespec now;

	clock_gettime(CLOCK_MONOTONIC, &now);
	return (uint64_t)now.tv_sec * 1000 + (uint64_t)now.tv_nsec / 1000000 >= deadline_ms;
}

static bool is_concerned(const struct weir_simulate_group *src,
			 const struct weir_simulate_group *dst)
{
	return src->changed[WEIR_EGRESS] || dst->changed[WEIR_INGRESS];
}

int weir_simulate_pairs(const struct weir_simulate_worlds *w,
			const struct weir_simulate_group *groups, uint64_t deadline_ms,
			int (*fn)(void *data, const struct weir_simulate_change *change),
			void *data, bool *ret_complete)
{
	struct comparing c = { .w = w, .fn = fn, .data = data };
	const struct weir_simulate_group *src, *dst;
	int r = 0;

	*ret_complete = true;
	for (src = groups; src && r == 0 && *ret_complete; src = src->hh.next) {
		*ret_complete = !is_over(deadline_ms);
		for (dst = groups; dst && r == 0 && *ret_complete; dst = dst->hh.next) {
			if (is_concerned(src, dst))
				r = compare(&c, src, dst);
		}
	}
	for (size_t i = 0; i < c.size_found; i++)
		free(c.found[i].ports);
	free(c.found);
	free(c.bounds);
	return r;
}
