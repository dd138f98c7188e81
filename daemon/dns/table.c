/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hash of names; of each a sorted array of addresses. Expiry looks at each name's
 * earliest time: names are some thousands, and one pass over them takes less than
 * keeping them in order would. Called by learn.c and file.c. Pure.
 */
#include "daemon/dns/table.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "weir/cleanup.h"

struct entry {
	UT_hash_handle hh;
	bool wildcard;
	bool changed; /* since its addresses were told: in the list of those */
	struct entry *next_changed;
	bool told; /* they were told ever, and not yet that there are none */
	uint32_t n, size;
	uint64_t first; /* when the first of them ends */
	struct weir_dns_lease *leases;
	char name[];
};

struct weir_dns_table {
	struct entry *names;
	struct weir_dns_limits limits;
	struct weir_dns_counts counts;
	uint32_t n_wildcard;
	struct entry *changed; /* to be told */
};

int weir_dns_table_new(const struct weir_dns_limits *limits, struct weir_dns_table **ret)
{
	struct weir_dns_table *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->limits = *limits;
	*ret = t;
	return 0;
}

static void drop(struct weir_dns_table *t, struct entry *e)
{
	HASH_DEL(t->names, e);
	t->n_wildcard -= e->wildcard;
	free(e->leases);
	free(e);
}

void weir_dns_table_free(struct weir_dns_table **table)
{
	struct weir_dns_table *t = weir_take(*table);
	struct entry *e, *next;

	if (!t)
		return;
	HASH_ITER (hh, t->names, e, next)
		drop(t, e);
	free(t);
}

static void note_change(struct weir_dns_table *t, struct entry *e)
{
	if (e->changed)
		return;
	e->changed = true;
	e->next_changed = t->changed;
	t->changed = e;
}

static void set_wildcard(struct weir_dns_table *t, struct entry *e, bool wildcard)
{
	t->n_wildcard += wildcard;
	t->n_wildcard -= e->wildcard;
	e->wildcard = wildcard;
}

static int find_or_add(struct weir_dns_table *t, const char *name, bool wildcard,
		       struct entry **ret)
{
	size_t len = strlen(name);
	struct entry *e;

	HASH_FIND(hh, t->names, name, len, e);
	if (!e && wildcard && t->n_wildcard >= t->limits.names) {
		t->counts.names_refused++;
		return -ENOSPC;
	}
	if (!e) {
		e = calloc(1, sizeof(*e) + len + 1);
		if (!e)
			return -ENOMEM;
		memcpy(e->name, name, len);
		e->first = UINT64_MAX;
		HASH_ADD_KEYPTR(hh, t->names, e->name, len, e);
	}
	set_wildcard(t, e, wildcard);
	*ret = e;
	return 0;
}

/* --- addresses of a name -------------------------------------------------------------- */

/* Where it is, or would be. */
static uint32_t place_of(const struct entry *e, const struct weir_addr *addr, bool *ret_found)
{
	uint32_t low = 0, high = e->n;

	*ret_found = false;
	while (low < high) {
		uint32_t mid = low + (high - low) / 2;
		int c = weir_addr_compare(addr, &e->leases[mid].addr);

		if (c == 0) {
			*ret_found = true;
			return mid;
		}
		if (c < 0)
			high = mid;
		else
			low = mid + 1;
	}
	return low;
}

static void remove_at(struct entry *e, uint32_t at)
{
	e->n--;
	memmove(&e->leases[at], &e->leases[at + 1], (e->n - at) * sizeof(*e->leases));
}

static void find_first(struct entry *e)
{
	e->first = UINT64_MAX;
	for (uint32_t i = 0; i < e->n; i++)
		if (e->leases[i].until < e->first)
			e->first = e->leases[i].until;
}

/* One must go: of those there are and the new one, what holds the shortest. */
static bool displace(struct weir_dns_table *t, struct entry *e, const struct weir_dns_lease *l)
{
	uint32_t at = 0;

	t->counts.addrs_displaced++;
	for (uint32_t i = 1; i < e->n; i++)
		if (e->leases[i].until < e->leases[at].until)
			at = i;
	if (l->until <= e->leases[at].until)
		return false;
	remove_at(e, at);
	t->counts.addrs--;
	return true;
}

static int make_room(struct entry *e)
{
	uint32_t size = e->size ? e->size * 2 : 4;
	struct weir_dns_lease *more;

	if (e->n < e->size)
		return 0;
	more = reallocarray(e->leases, size, sizeof(*more));
	if (!more)
		return -ENOMEM;
	e->leases = more;
	e->size = size;
	return 0;
}

static int learn_one(struct weir_dns_table *t, struct entry *e, const struct weir_dns_lease *l)
{
	bool found;
	uint32_t at = place_of(e, &l->addr, &found);

	if (found) {
		if (l->until > e->leases[at].until)
			e->leases[at].until = l->until;
		return 0;
	}
	if (e->n >= t->limits.addrs) {
		if (!displace(t, e, l))
			return 0;
		at = place_of(e, &l->addr, &found);
	}
	if (make_room(e) < 0)
		return -ENOMEM;
	memmove(&e->leases[at + 1], &e->leases[at], (e->n - at) * sizeof(*e->leases));
	e->leases[at] = *l;
	e->n++;
	t->counts.addrs++;
	note_change(t, e);
	return 0;
}

int weir_dns_table_learn(struct weir_dns_table *t, const char *name, bool wildcard,
			 const struct weir_dns_lease *leases, size_t n)
{
	struct entry *e;
	int r = find_or_add(t, name, wildcard, &e);

	if (r < 0)
		return r;
	for (size_t i = 0; i < n && r == 0; i++)
		r = learn_one(t, e, &leases[i]);
	find_first(e);
	if (!e->n && !e->told && !e->changed)
		drop(t, e);
	return r;
}

/* --- what goes ------------------------------------------------------------------------- */

static void expire_entry(struct weir_dns_table *t, struct entry *e, uint64_t now)
{
	uint32_t kept = 0;

	for (uint32_t i = 0; i < e->n; i++)
		if (e->leases[i].until > now)
			e->leases[kept++] = e->leases[i];
	t->counts.expired += e->n - kept;
	t->counts.addrs -= e->n - kept;
	e->n = kept;
	find_first(e);
	note_change(t, e);
}

uint64_t weir_dns_table_expire(struct weir_dns_table *t, uint64_t now)
{
	uint64_t next = UINT64_MAX;

	for (struct entry *e = t->names; e; e = e->hh.next) {
		if (e->first <= now)
			expire_entry(t, e, now);
		if (e->first < next)
			next = e->first;
	}
	return next;
}

void weir_dns_table_sweep(struct weir_dns_table *t,
			  bool (*stays)(void *data, const char *name, bool *ret_wildcard),
			  void *data)
{
	for (struct entry *e = t->names; e; e = e->hh.next) {
		bool wildcard = e->wildcard;

		if (stays(data, e->name, &wildcard)) {
			set_wildcard(t, e, wildcard);
			continue;
		}
		t->counts.addrs -= e->n;
		e->n = 0;
		e->first = UINT64_MAX;
		note_change(t, e);
	}
}

/* --- telling ---------------------------------------------------------------------------- */

bool weir_dns_table_changed(const struct weir_dns_table *t)
{
	return t->changed != NULL;
}

int weir_dns_table_changes(struct weir_dns_table *t,
			   int (*fn)(void *data, const char *name,
				     const struct weir_dns_lease *leases, size_t n),
			   void *data)
{
	struct entry *e = weir_take(t->changed), *next;
	int ret = 0;

	for (; e; e = next) {
		int r = e->n || e->told ? fn(data, e->name, e->leases, e->n) : 0;

		next = e->next_changed;
		e->changed = false;
		if (r < 0) {
			ret = ret ? ret : r;
			note_change(t, e);
			continue;
		}
		e->told = e->n != 0;
		if (!e->n)
			drop(t, e);
	}
	return ret;
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(struct entry *const *)a)->name, (*(struct entry *const *)b)->name);
}

int weir_dns_table_each(const struct weir_dns_table *t,
			int (*fn)(void *data, const char *name, const struct weir_dns_lease *leases,
				  size_t n),
			void *data)
{
	size_t n = HASH_COUNT(t->names), i = 0;
	WEIR_AUTO_FREE struct entry **list = calloc(n + 1, sizeof(struct entry *));
	int r = 0;

	if (!list)
		return -ENOMEM;
	for (struct entry *e = t->names; e; e = e->hh.next)
		list[i++] = e;
	qsort(list, n, sizeof(struct entry *), by_name);
	for (i = 0; i < n && r == 0; i++)
		if (list[i]->n)
			r = fn(data, list[i]->name, list[i]->leases, list[i]->n);
	return r;
}

void weir_dns_table_counts(const struct weir_dns_table *t, struct weir_dns_counts *ret)
{
	*ret = t->counts;
	ret->names = HASH_COUNT(t->names);
}
