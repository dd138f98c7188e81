/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Two nodes' records of one connection become one. The source's node tells what its
 * egress decided, the destination's node what ingress did; whichever comes first waits
 * for the other. Denials come summed up, without each source port: one of them answers
 * as many openings as it counts. Called with ingest's lock held.
 */
#include <stdlib.h>
#include <string.h>

#include "hub/ingest/internal.h"
#include "weir/cleanup.h"
#include "weir/policy.h"
#include "weir/ruleset.h"

#define LONELY_SLOTS   (1u << 18)
#define GIVEN_UP_SLOTS (1u << 19)

int weir_join_open(struct weir_join *j)
{
	j->same = calloc(WEIR_JOIN_SLOTS, sizeof(struct weir_entry *));
	j->alike = calloc(WEIR_JOIN_SLOTS, sizeof(struct weir_entry *));
	j->lonely = calloc(LONELY_SLOTS, sizeof(*j->lonely));
	j->given_up = calloc(GIVEN_UP_SLOTS, sizeof(*j->given_up));
	return j->same && j->alike && j->lonely && j->given_up ? 0 : -1;
}

void weir_join_close(struct weir_join *j)
{
	free(j->same);
	free(j->alike);
	free(j->lonely);
	free(j->given_up);
}

/* --- tables -------------------------------------------------------------------------- */

static uint64_t mix(uint64_t h, uint64_t v)
{
	h = (h ^ v) * 0x9e3779b97f4a7c15ull;
	return h ^ h >> 29;
}

static uint64_t hash(const struct weir_entry *e, bool with_port)
{
	const struct weir_row *r = &e->row;
	uint64_t h = r->protocol, v;

	for (int i = 0; i < 2; i++) {
		memcpy(&v, r->addr[i].bytes, sizeof(v));
		h = mix(h, v);
		memcpy(&v, r->addr[i].bytes + 8, sizeof(v));
		h = mix(h, v);
	}
	return mix(h, (uint64_t)r->port[1] << 16 | (with_port ? r->port[0] : 0));
}

static void insert(struct weir_entry **slot, struct weir_entry *e, struct weir_entry **link,
		   struct weir_entry ***back, size_t link_offset, size_t back_offset)
{
	*link = *slot;
	*back = slot;
	if (*slot)
		*(struct weir_entry ***)((char *)*slot + back_offset) =
			(struct weir_entry **)((char *)e + link_offset);
	*slot = e;
}

static void put(struct weir_join *j, struct weir_entry *e)
{
	insert(&j->same[hash(e, true) & (WEIR_JOIN_SLOTS - 1)], e, &e->same, &e->same_at,
	       offsetof(struct weir_entry, same), offsetof(struct weir_entry, same_at));
	insert(&j->alike[hash(e, false) & (WEIR_JOIN_SLOTS - 1)], e, &e->alike, &e->alike_at,
	       offsetof(struct weir_entry, alike), offsetof(struct weir_entry, alike_at));
	j->waiting++;
}

static void drop(struct weir_join *j, struct weir_entry *e)
{
	if (!e->same_at)
		return;
	*e->same_at = e->same;
	if (e->same)
		e->same->same_at = e->same_at;
	*e->alike_at = e->alike;
	if (e->alike)
		e->alike->alike_at = e->alike_at;
	e->same_at = e->alike_at = NULL;
	j->waiting--;
}

/* --- lonely connections: a set that forgets ----------------------------------------- */

static uint64_t lonely_key(const struct weir_row *row)
{
	return mix(mix(row->origin[WEIR_INGRESS], row->flow), 1) | 1;
}

static void set_lonely(struct weir_join *j, const struct weir_row *row)
{
	uint64_t key = lonely_key(row);

	j->lonely[key >> 8 & (LONELY_SLOTS - 1)] = key;
}

bool weir_join_is_lonely(const struct weir_join *j, const struct weir_row *row)
{
	uint64_t key = lonely_key(row);

	return j->lonely[key >> 8 & (LONELY_SLOTS - 1)] == key;
}

/* --- joining -------------------------------------------------------------------------- */

static bool match(const struct weir_entry *a, const struct weir_entry *b, bool with_port)
{
	const struct weir_row *x = &a->row, *y = &b->row;

	return a->half != b->half && a->partner == b->origin->node &&
	       b->partner == a->origin->node && x->protocol == y->protocol &&
	       x->port[1] == y->port[1] && (!with_port || x->port[0] == y->port[0]) &&
	       x->icmp_type == y->icmp_type && x->icmp_code == y->icmp_code &&
	       !memcmp(x->addr, y->addr, sizeof(x->addr));
}

/* What the destination's node knows goes into the row of the source's. */
static void merge(struct weir_row *out, const struct weir_row *in)
{
	out->side[WEIR_INGRESS] = in->side[WEIR_INGRESS];
	if (in->staged_side[WEIR_INGRESS] || out->staged_side[WEIR_EGRESS]) {
		out->staged_side[WEIR_EGRESS] =
			out->staged_side[WEIR_EGRESS] ?: out->side[WEIR_EGRESS];
		out->staged_side[WEIR_INGRESS] =
			in->staged_side[WEIR_INGRESS] ?: in->side[WEIR_INGRESS];
	}
	out->origin[WEIR_INGRESS] = in->origin[WEIR_INGRESS];
	if (in->verdict == WEIR_DENIED) {
		out->verdict = WEIR_DENIED;
		out->type = WEIR_RECORD_DENIED;
	}
	/* of two verdicts of staged policies that differ from none the stricter one holds */
	if (out->staged == WEIR_VERDICT_MAX ||
	    (in->staged != WEIR_VERDICT_MAX && in->staged > out->staged))
		out->staged = in->staged;
}

/* An opening of the source's node meets a denial of the destination's. */
static void deny(struct weir_join *j, struct weir_entry *opening, struct weir_entry *denial)
{
	merge(&opening->row, &denial->row);
	opening->state = WEIR_ENTRY_READY;
	drop(j, opening);
	opening->denial = denial;
	denial->pending++;
	denial->row.connections--;
	j->joined++;
}

static bool is_denial(const struct weir_entry *e)
{
	return e->row.type == WEIR_RECORD_DENIED;
}

static struct weir_entry *find(struct weir_join *j, const struct weir_entry *e, bool with_port)
{
	struct weir_entry *o = with_port ? j->same[hash(e, true) & (WEIR_JOIN_SLOTS - 1)]
					 : j->alike[hash(e, false) & (WEIR_JOIN_SLOTS - 1)];

	for (; o; o = with_port ? o->same : o->alike)
		if (match(o, e, with_port) && is_denial(o) != with_port)
			return o;
	return NULL;
}

/* All openings that wait for what this denial says, as many as it counts. */
static struct weir_entry *deny_waiting(struct weir_join *j, struct weir_entry *denial)
{
	struct weir_entry *o = j->alike[hash(denial, false) & (WEIR_JOIN_SLOTS - 1)], *next;
	struct weir_entry *last = NULL;

	for (; o && denial->row.connections; o = next) {
		next = o->alike;
		if (is_denial(o) || !match(o, denial, false))
			continue;
		deny(j, o, denial);
		last = o;
	}
	return last;
}

/* Two openings: the one that came first keeps the row. */
static void unite(struct weir_join *j, struct weir_entry *first, struct weir_entry *second)
{
	struct weir_row in;

	drop(j, first);
	first->state = WEIR_ENTRY_READY;
	first->absorbed = second;
	second->state = WEIR_ENTRY_ABSORBED;
	if (first->half == WEIR_EGRESS) {
		merge(&first->row, &second->row);
		first->row.seq[WEIR_INGRESS] = second->first;
	} else {
		in = first->row;
		first->row = second->row;
		merge(&first->row, &in);
		first->row.seq[WEIR_INGRESS] = first->first;
	}
	j->joined++;
}

bool weir_join_add(struct weir_join *j, struct weir_entry *e, struct weir_entry **ret_with)
{
	struct weir_entry *other;

	if (is_denial(e)) {
		other = deny_waiting(j, e);
	} else if ((other = find(j, e, true))) {
		unite(j, other, e);
	} else if (e->half == WEIR_EGRESS && (other = find(j, e, false))) {
		deny(j, e, other);
		if (!other->row.connections) {
			drop(j, other);
			other->state = WEIR_ENTRY_ABSORBED;
		}
		other = e;
	}
	if (other)
		*ret_with = other;
	if (is_denial(e) && e->half == WEIR_INGRESS && !e->row.connections && other)
		e->state = WEIR_ENTRY_ABSORBED; /* what it said is in the openings' rows */
	else if (e->state == WEIR_ENTRY_WAITING)
		put(j, e);
	return other != NULL;
}

/* --- halves that come too late ---------------------------------------------------------- */

enum { DENIALS = WEIR_DIRECTION_MAX }; /* beside the two halves of openings */

/* Of a connection, or of all that differ in the source's port only; of one half, or denials. */
static struct weir_given_up *given_up(struct weir_join *j, const struct weir_entry *e, int half,
				      bool with_port, bool make)
{
	uint64_t key = mix(hash(e, with_port), (uint64_t)half << 1 | with_port) | 1;
	struct weir_given_up *g = &j->given_up[key >> 20 & (GIVEN_UP_SLOTS - 1)];

	if (make && g->key != key)
		*g = (struct weir_given_up){ .key = key };
	return g->key == key ? g : NULL;
}

static uint64_t take_given_up(struct weir_join *j, const struct weir_entry *e, int half,
			      bool with_port, uint64_t at_most)
{
	struct weir_given_up *g = given_up(j, e, half, with_port, false);
	uint64_t n = !g ? 0 : g->count < at_most ? g->count : at_most;

	if (g)
		g->count -= (uint32_t)n;
	return n;
}

/* What the other node said of it is stored, and counted: it counts no more. */
static bool was_counted(struct weir_join *j, struct weir_entry *e)
{
	int other = e->half == WEIR_EGRESS ? WEIR_INGRESS : WEIR_EGRESS;

	if (is_denial(e)) {
		e->row.connections -= take_given_up(j, e, other, false, e->row.connections);
		return false;
	}
	if (take_given_up(j, e, other, true, 1)) {
		take_given_up(j, e, other, false, 1);
		return true;
	}
	return e->half == WEIR_EGRESS && take_given_up(j, e, DENIALS, false, 1);
}

static void note_given_up(struct weir_join *j, const struct weir_entry *e)
{
	if (is_denial(e)) {
		given_up(j, e, DENIALS, false, true)->count += (uint32_t)e->row.connections;
		return;
	}
	given_up(j, e, e->half, true, true)->count++;
	given_up(j, e, e->half, false, true)->count++;
	if (e->half == WEIR_INGRESS)
		set_lonely(j, &e->row);
}

void weir_join_give_up(struct weir_join *j, struct weir_entry *e)
{
	drop(j, e);
	e->state = WEIR_ENTRY_READY;
	e->row.second = was_counted(j, e);
	if (!e->row.second)
		note_given_up(j, e);
}
