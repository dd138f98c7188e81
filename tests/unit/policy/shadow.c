/* SPDX-License-Identifier: Apache-2.0 */
/* A consumer of changes that keeps copies, and judges from them. */
#include "tests/unit/policy/shadow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

void shadow_open(struct shadow *s)
{
	*s = (struct shadow){ 0 };
}

static void close_ruleset(struct shadow_ruleset *r)
{
	for (size_t i = 0; i < r->n_peers; i++)
		free(r->peers[i].class_);
	free(r->peers);
	free(r->fallback);
}

void shadow_close(struct shadow *s)
{
	for (size_t i = 0; i < s->n_rulesets; i++)
		close_ruleset(&s->rulesets[i]);
	*s = (struct shadow){ 0 };
}

static struct weir_class *copy_class(const struct weir_class *k)
{
	size_t size = sizeof(*k) + k->n_ports * sizeof(*k->ports);
	struct weir_class *copy = malloc(size);

	assert_non_null(copy);
	memcpy(copy, k, size);
	return copy;
}

static bool same_rule(const struct weir_rule *a, const struct weir_rule *b)
{
	if (!a || !b)
		return a == b;
	return a->policy->name == b->policy->name &&
	       a->policy->namespace_ == b->policy->namespace_ && a->index == b->index &&
	       a->direction == b->direction;
}

static bool same_class(const struct weir_class *a, const struct weir_class *b)
{
	if (a->verdict != b->verdict || a->n_ports != b->n_ports || !same_rule(a->rule, b->rule))
		return false;
	for (uint32_t i = 0; i < a->n_ports; i++) {
		if (a->ports[i].first != b->ports[i].first ||
		    a->ports[i].last != b->ports[i].last ||
		    a->ports[i].protocol != b->ports[i].protocol ||
		    a->ports[i].verdict != b->ports[i].verdict ||
		    !same_rule(a->ports[i].rule, b->ports[i].rule))
			return false;
	}
	return true;
}

/* --- applying ------------------------------------------------------------------ */

static void apply_address(struct shadow *s, const struct weir_address_change *c)
{
	size_t i = 0;

	while (i < s->n_addresses && weir_prefix_compare(&s->addresses[i].prefix, &c->prefix) != 0)
		i++;
	if (!c->identity) {
		assert_true(i < s->n_addresses);
		s->addresses[i] = s->addresses[--s->n_addresses];
		return;
	}
	if (i == s->n_addresses)
		s->n_addresses++;
	assert_true(s->n_addresses < 256);
	s->addresses[i] = *c;
}

static void apply_peer(struct shadow_ruleset *r, const struct weir_class_change *c)
{
	size_t i = 0;

	while (i < r->n_peers && r->peers[i].identity != c->identity)
		i++;
	if (!c->class_) {
		assert_true(i < r->n_peers);
		free(r->peers[i].class_);
		r->peers[i] = r->peers[--r->n_peers];
		return;
	}
	if (i == r->n_peers) {
		r->peers = realloc(r->peers, (i + 1) * sizeof(*r->peers));
		r->peers[r->n_peers++].class_ = NULL;
	} else {
		assert_false(same_class(r->peers[i].class_, c->class_)); /* a spurious change */
	}
	free(r->peers[i].class_);
	r->peers[i] = (struct shadow_peer){ c->identity, copy_class(c->class_) };
}

static void apply_ruleset(struct shadow *s, const struct weir_ruleset_change *c)
{
	struct shadow_ruleset *r;
	size_t i = 0;

	while (i < s->n_rulesets && s->rulesets[i].id != c->id)
		i++;
	r = &s->rulesets[i];
	if (!c->ruleset) {
		assert_true(i < s->n_rulesets);
		close_ruleset(r);
		*r = s->rulesets[--s->n_rulesets];
		return;
	}
	assert_int_equal(c->is_new, i == s->n_rulesets);
	assert_int_equal(c->ruleset->id, c->id);
	if (c->is_new) {
		*r = (struct shadow_ruleset){ .id = c->id };
		s->n_rulesets++;
	}
	free(r->fallback);
	r->fallback = copy_class(c->ruleset->fallback);
	r->direction = c->ruleset->direction;
	r->n_policies = c->ruleset->n_policies;
	r->tag = weir_ruleset_tag(c->ruleset);
	for (size_t n = 0; n < c->n_peers; n++) {
		assert_true(n == 0 || c->peers[n - 1].identity < c->peers[n].identity);
		apply_peer(r, &c->peers[n]);
	}
}

static void apply_endpoint(struct shadow *s, const struct weir_endpoint_change *c)
{
	size_t i = 0;

	while (i < s->n_endpoints && weir_addr_compare(&s->endpoints[i].addr, &c->addr) != 0)
		i++;
	if (!c->pod) {
		assert_true(i < s->n_endpoints);
		s->endpoints[i] = s->endpoints[--s->n_endpoints];
		return;
	}
	if (i == s->n_endpoints)
		s->n_endpoints++;
	s->endpoints[i] = *c;
}

void shadow_apply(struct shadow *s, const struct weir_changes *changes)
{
	for (size_t i = 0; i < changes->n_addresses; i++) {
		assert_true(i == 0 || weir_prefix_compare(&changes->addresses[i - 1].prefix,
							  &changes->addresses[i].prefix) < 0);
		apply_address(s, &changes->addresses[i]);
	}
	for (size_t i = 0; i < changes->n_rulesets; i++)
		apply_ruleset(s, &changes->rulesets[i]);
	for (size_t i = 0; i < changes->n_endpoints; i++)
		apply_endpoint(s, &changes->endpoints[i]);
	assert_int_equal(changes->generation, s->generation + !weir_changes_empty(changes));
	s->generation = changes->generation;
}

/* --- looking up ------------------------------------------------------------------ */

static uint32_t identity_at(const struct shadow *s, const struct weir_addr *a)
{
	const struct weir_address_change *best = NULL;

	for (size_t i = 0; i < s->n_addresses; i++) {
		const struct weir_address_change *c = &s->addresses[i];

		if (weir_prefix_contains(&c->prefix, a) &&
		    (!best || best->prefix.len < c->prefix.len))
			best = c;
	}
	return best ? best->identity : 0;
}

static const struct shadow_ruleset *ruleset_at(const struct shadow *s, const struct weir_addr *a,
					       int d)
{
	for (size_t i = 0; i < s->n_endpoints; i++) {
		if (weir_addr_compare(&s->endpoints[i].addr, a) != 0)
			continue;
		for (size_t j = 0; j < s->n_rulesets; j++) {
			if (s->rulesets[j].id == s->endpoints[i].rulesets[d])
				return &s->rulesets[j];
		}
		assert_int_equal(s->endpoints[i].rulesets[d], 0);
	}
	return NULL;
}

static const struct weir_class *class_at(const struct shadow *s, const struct shadow_ruleset *r,
					 const struct weir_addr *peer)
{
	uint32_t id = identity_at(s, peer);

	for (size_t i = 0; i < r->n_peers; i++) {
		if (r->peers[i].identity == id)
			return r->peers[i].class_;
	}
	return r->fallback;
}

void shadow_judge(const struct shadow *s, const struct weir_connection *conn,
		  struct weir_judgement *ret)
{
	*ret = (struct weir_judgement){ 0 };
	if (weir_addr_compare(&conn->src, &conn->dst) == 0)
		return;
	for (int d = 0; d < WEIR_DIRECTION_MAX; d++) {
		const struct weir_addr *own = d == WEIR_INGRESS ? &conn->dst : &conn->src;
		const struct weir_addr *peer = d == WEIR_INGRESS ? &conn->src : &conn->dst;
		const struct shadow_ruleset *r = ruleset_at(s, own, d);
		const struct weir_class *k;

		if (!r)
			continue;
		assert_int_equal(r->direction, d);
		k = class_at(s, r, peer);
		ret->sides[d].verdict = k->verdict;
		ret->sides[d].rule = k->rule;
		for (uint32_t i = 0; i < k->n_ports; i++) {
			const struct weir_port_verdict *v = &k->ports[i];

			if (v->protocol != conn->protocol || conn->dport < v->first ||
			    conn->dport > v->last)
				continue;
			ret->sides[d].verdict = v->verdict;
			ret->sides[d].rule = v->rule;
		}
	}
}

/* --- comparing ---------------------------------------------------------------------- */

void shadow_assert_alike(const struct shadow *s, const struct weir_changes *full)
{
	struct shadow *other = calloc(1, sizeof(*other));

	assert_non_null(other);
	other->generation = full->generation - 1;
	shadow_apply(other, full);
	assert_int_equal(s->n_addresses, other->n_addresses);
	assert_int_equal(s->n_endpoints, other->n_endpoints);
	assert_int_equal(s->n_rulesets, other->n_rulesets);
	for (size_t i = 0; i < s->n_endpoints; i++) {
		for (int d = 0; d < WEIR_DIRECTION_MAX; d++) {
			const struct weir_addr *own = &s->endpoints[i].addr;
			const struct shadow_ruleset *a = ruleset_at(s, own, d);
			const struct shadow_ruleset *b = ruleset_at(other, own, d);

			assert_int_equal(!a, !b);
			if (!a)
				continue;
			assert_int_equal(a->n_peers, b->n_peers);
			assert_int_equal(a->n_policies, b->n_policies);
			assert_true(same_class(a->fallback, b->fallback));
			for (size_t j = 0; j < s->n_addresses; j++) {
				const struct weir_addr *peer = &s->addresses[j].prefix.addr;

				assert_true(
					same_class(class_at(s, a, peer), class_at(other, b, peer)));
			}
		}
	}
	shadow_close(other);
	free(other);
}

void shadow_assert_equal(const struct shadow *s, const struct weir_changes *snapshot)
{
	assert_true(snapshot->full);
	assert_int_equal(snapshot->n_addresses, s->n_addresses);
	assert_int_equal(snapshot->n_endpoints, s->n_endpoints);
	assert_int_equal(snapshot->n_rulesets, s->n_rulesets);
	for (size_t i = 0; i < s->n_addresses; i++) {
		const struct weir_address_change *a = &snapshot->addresses[i];
		size_t j = 0;

		while (weir_prefix_compare(&s->addresses[j].prefix, &a->prefix) != 0)
			assert_true(++j < s->n_addresses);
		assert_int_equal(s->addresses[j].identity, a->identity);
		assert_int_equal(!s->addresses[j].pod, !a->pod);
		if (a->pod)
			assert_ptr_equal(s->addresses[j].pod->name, a->pod->name);
	}
	for (size_t i = 0; i < s->n_rulesets; i++) {
		const struct weir_ruleset_change *c = &snapshot->rulesets[i];
		size_t j = 0;

		while (s->rulesets[j].id != c->id)
			assert_true(++j < s->n_rulesets);
		assert_int_equal(s->rulesets[j].tag, weir_ruleset_tag(c->ruleset));
	}
	for (size_t i = 0; i < s->n_endpoints; i++) {
		const struct weir_endpoint_change *e = &snapshot->endpoints[i];
		size_t j = 0;

		while (weir_addr_compare(&s->endpoints[j].addr, &e->addr) != 0)
			assert_true(++j < s->n_endpoints);
		assert_memory_equal(s->endpoints[j].rulesets, e->rulesets, sizeof(e->rulesets));
		assert_ptr_equal(s->endpoints[j].pod->name, e->pod->name);
	}
	shadow_assert_alike(s, snapshot);
}
