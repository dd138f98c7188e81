/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Names of domains as peers. Each address that a name is known to have is a
 * prefix of full length in force; a peer set of names has the identities of
 * those prefixes. Whoever knows the addresses lends them by name; a peer asks
 * by name or by wildcard ("*.example.com": whatever ends in .example.com).
 */
#include "policy/state.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* A name that a peer spells, or whose addresses somebody lends. */
struct domain {
	const struct weir_domain *object; /* NULL: nobody knows its addresses */
	struct weir_vec peersets;	  /* that spell it so */
	bool queued;
	char name[];
};

static uint32_t hash_text(const char *text)
{
	uint32_t h = 37;

	for (; *text; text++)
		h = (h ^ (uint8_t)*text) * 0x01000193u;
	return weir_hash_add(h, 0);
}

static bool domain_is(const void *item, const void *name)
{
	return strcmp(((const struct domain *)item)->name, name) == 0;
}

static struct domain *find(const struct weir_compiler *c, const char *name)
{
	return weir_table_find(&c->domains, hash_text(name), domain_is, name);
}

static struct domain *get(struct weir_compiler *c, const char *name)
{
	struct domain *d = find(c, name);
	size_t size = strlen(name) + 1;

	if (d)
		return d;
	d = calloc(1, sizeof(*d) + size);
	if (!d)
		return NULL;
	memcpy(d->name, name, size);
	if (weir_table_add(&c->domains, hash_text(name), d) < 0) {
		free(d);
		return NULL;
	}
	return d;
}

void weir_domain_record_free(struct domain *d)
{
	weir_vec_free(&d->peersets);
	free(d);
}

/* --- what was lent --------------------------------------------------------------- */

int weir_compiler_add_domain(struct weir_compiler *c, const struct weir_domain *domain)
{
	struct domain *d = get(c, domain->name);

	if (!d || WEIR_QUEUE(&c->q_domains, d) < 0)
		return -ENOMEM;
	if (d->object)
		return -EEXIST;
	d->object = domain;
	return 0;
}

int weir_compiler_remove_domain(struct weir_compiler *c, const struct weir_domain *domain)
{
	struct domain *d = find(c, domain->name);

	if (!d || !d->object)
		return -ENOENT;
	if (WEIR_QUEUE(&c->q_domains, d) < 0)
		return -ENOMEM;
	d->object = NULL;
	return 0;
}

int weir_domains_lend_again(const struct weir_compiler *from, struct weir_compiler *to)
{
	struct domain *d;
	int r = 0;

	for (uint32_t i = 0; r == 0 && (d = weir_table_next(&from->domains, &i));)
		r = d->object ? weir_compiler_add_domain(to, d->object) : 0;
	return r;
}

/* --- who matches ------------------------------------------------------------------- */

static bool is_wildcard(const char *pattern)
{
	return *pattern == '*';
}

/* Is name below the wildcard? "*.example.com" is not example.com itself. */
static bool is_below(const char *name, const char *wildcard)
{
	size_t len = strlen(name), end = strlen(wildcard) - 1;

	return len > end && strcmp(name + len - end, wildcard + 1) == 0;
}

static bool has_addr(const struct weir_domain *domain, const struct weir_addr *addr)
{
	for (uint32_t i = 0; i < domain->n_addrs; i++) {
		if (weir_addr_compare(&domain->addrs[i], addr) == 0)
			return true;
	}
	return false;
}

/* Calls fn for each that has addresses and matches the pattern. */
static int each_match(const struct weir_compiler *c, const char *pattern,
		      int (*fn)(void *data, const struct weir_domain *domain), void *data)
{
	const struct domain *d;
	int r = 0;

	if (!is_wildcard(pattern)) {
		d = find(c, pattern);
		return d && d->object ? fn(data, d->object) : 0;
	}
	for (uint32_t i = 0; r == 0 && (d = weir_table_next(&c->domains, &i));) {
		if (d->object && is_below(d->name, pattern))
			r = fn(data, d->object);
	}
	return r;
}

static int try_addr(void *addr, const struct weir_domain *domain)
{
	return has_addr(domain, addr);
}

bool weir_domain_peer_has(const struct weir_compiler *c, const struct weir_peer *peer,
			  const struct weir_addr *addr)
{
	bool has = false;

	for (uint32_t i = 0; i < peer->n_names && !has; i++)
		has = each_match(c, peer->names[i], try_addr, (void *)addr) != 0;
	return has;
}

/* --- peer sets --------------------------------------------------------------------- */

uint32_t weir_names_hash(const struct weir_peer *peer)
{
	uint32_t h = 41;

	for (uint32_t i = 0; i < peer->n_names; i++)
		h = weir_hash_add(h, hash_text(peer->names[i]));
	return h;
}

bool weir_names_are(const struct peer_names *names, const struct weir_peer *peer)
{
	if (names->n != peer->n_names)
		return false;
	for (uint32_t i = 0; i < names->n; i++) {
		if (strcmp(names->at[i]->name, peer->names[i]) != 0)
			return false;
	}
	return true;
}

static int note_stale(struct weir_compiler *c, struct peerset *p)
{
	if (p->names->stale)
		return 0;
	p->names->stale = weir_vec_push(&c->stale_peersets, p) == 0;
	return p->names->stale ? 0 : -ENOMEM;
}

int weir_names_enter(struct weir_compiler *c, struct peerset *p, const struct weir_peer *peer)
{
	p->names = calloc(1, sizeof(*p->names) + peer->n_names * sizeof(*p->names->at));
	if (!p->names)
		return -ENOMEM;
	for (uint32_t i = 0; i < peer->n_names; i++) {
		struct domain *d = get(c, peer->names[i]);

		if (!d || weir_vec_push(&d->peersets, p) < 0)
			return -ENOMEM;
		p->names->at[p->names->n++] = d;
	}
	return note_stale(c, p);
}

int weir_names_leave(struct weir_compiler *c, struct peerset *p)
{
	struct peer_names *names = p->names;

	for (uint32_t i = 0; i < names->prefixes.n; i++) {
		struct named *n = names->prefixes.at[i];

		weir_vec_drop(&n->peersets, p);
		weir_named_put(c, n);
	}
	names->prefixes.n = 0;
	for (uint32_t i = 0; i < names->n; i++) {
		weir_vec_drop(&names->at[i]->peersets, p);
		if (WEIR_QUEUE(&c->q_domains, names->at[i]) < 0)
			return -ENOMEM;
	}
	return 0;
}

void weir_names_free(struct peer_names *names)
{
	if (names)
		weir_vec_free(&names->prefixes);
	free(names);
}

/* --- within a commit ------------------------------------------------------------------ */

struct filling {
	struct weir_compiler *c;
	struct weir_vec prefixes; /* struct named, in the order of the pointers */
};

static int add_addrs(void *data, const struct weir_domain *domain)
{
	struct filling *f = data;

	for (uint32_t i = 0; i < domain->n_addrs; i++) {
		struct weir_prefix key = weir_prefix_of_one(&domain->addrs[i]);
		struct named *n;
		uint32_t at;

		if (weir_named_get(f->c, &key, &n) < 0)
			return -ENOMEM;
		if (weir_vec_search(&f->prefixes, n, &at))
			weir_named_put(f->c, n); /* another name has it, too */
		else if (weir_vec_insert(&f->prefixes, at, n) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* Each prefix has one reference from the old list, one from the new. */
static int settle(struct weir_compiler *c, struct peerset *p, const struct weir_vec *old)
{
	const struct weir_vec *now = &p->names->prefixes;
	uint32_t at;

	for (uint32_t i = 0; i < now->n; i++) {
		struct named *n = now->at[i];

		if (weir_vec_search(old, n, &at))
			continue;
		if (weir_vec_push(&n->peersets, p) < 0 ||
		    (!p->is_new && weir_peerset_join_named(c, p, n) < 0))
			return -ENOMEM;
	}
	for (uint32_t i = 0; i < old->n; i++) {
		struct named *n = old->at[i];

		if (!weir_vec_search(now, n, &at)) {
			weir_vec_drop(&n->peersets, p);
			if (weir_peerset_part_named(c, p, n) < 0)
				return -ENOMEM;
		}
		weir_named_put(c, n);
	}
	return 0;
}

/* The list is taken over first: who joins is asked whether it is in there. */
static int fill(struct weir_compiler *c, struct peerset *p)
{
	struct filling f = { .c = c };
	struct weir_vec old;
	int r = 0;

	for (uint32_t i = 0; i < p->names->n && r == 0; i++)
		r = each_match(c, p->names->at[i]->name, add_addrs, &f);
	old = p->names->prefixes;
	p->names->prefixes = f.prefixes;
	if (r == 0)
		r = settle(c, p, &old);
	weir_vec_free(&old);
	return r;
}

static int note_peersets(struct weir_compiler *c, const char *name)
{
	const struct domain *d = find(c, name);

	for (uint32_t i = 0; d && i < d->peersets.n; i++) {
		if (note_stale(c, d->peersets.at[i]) < 0)
			return -ENOMEM;
	}
	return 0;
}

/* Those that spell the name, and the wildcards above it. */
static int note_all(struct weir_compiler *c, const struct domain *d)
{
	char wildcard[WEIR_DOMAIN_MAX + 2] = "*";
	int r = note_peersets(c, d->name);

	for (const char *dot = strchr(d->name, '.'); r == 0 && dot; dot = strchr(dot + 1, '.')) {
		if (strlen(dot) > WEIR_DOMAIN_MAX)
			continue;
		strcpy(wildcard + 1, dot);
		r = note_peersets(c, wildcard);
	}
	return r;
}

int weir_domains_fill(struct weir_compiler *c)
{
	for (uint32_t i = 0; i < c->q_domains.n; i++) {
		if (note_all(c, c->q_domains.at[i]) < 0)
			return -ENOMEM;
	}
	for (uint32_t i = 0; i < c->stale_peersets.n; i++) {
		struct peerset *p = c->stale_peersets.at[i];

		p->names->stale = false;
		if (p->refs && fill(c, p) < 0)
			return -ENOMEM;
	}
	c->stale_peersets.n = 0;
	return 0;
}

void weir_domains_sweep(struct weir_compiler *c)
{
	for (uint32_t i = 0; i < c->q_domains.n; i++) {
		struct domain *d = c->q_domains.at[i];

		d->queued = false;
		if (d->object || d->peersets.n)
			continue;
		weir_table_remove(&c->domains, hash_text(d->name), d);
		weir_domain_record_free(d);
	}
	c->q_domains.n = 0;
}
