/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sums over records. Strings of records are interned in the world's pool, so
 * that a key is compared as memory; an entry holds references to its own.
 * Called by follow.c for each record, asked by the queries and the metrics.
 */
#include "daemon/flow/hits.h"

#include <errno.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/flow/hash.h"
#include "weir/cleanup.h"
#include "weir/ruleset.h"

struct rule_hits {
	UT_hash_handle hh;
	struct weir_hit hit;
};

struct change_key {
	struct weir_record_policy policy;
	struct weir_hit_end src, dst;
	uint16_t port;
	uint8_t protocol, direction, verdict, by_rule;
};

struct change {
	UT_hash_handle hh;
	struct change_key key;
	uint64_t connections, first, last;
};

struct weir_hits {
	struct weir_pool *pool;
	struct rule_hits *rules;
	struct change *changes;
	uint64_t uncounted, uncounted_changes;
};

int weir_hits_new(struct weir_pool *pool, struct weir_hits **ret)
{
	struct weir_hits *h = calloc(1, sizeof(*h));

	if (!h)
		return -ENOMEM;
	h->pool = pool;
	*ret = h;
	return 0;
}

/* --- references ------------------------------------------------------------------------ */

static void ref_policy(const struct weir_record_policy *policy)
{
	weir_string_ref(policy->kind);
	weir_string_ref(policy->namespace_);
	weir_string_ref(policy->name);
}

static void put_policy(struct weir_pool *pool, const struct weir_record_policy *policy)
{
	weir_pool_put_string(pool, policy->kind);
	weir_pool_put_string(pool, policy->namespace_);
	weir_pool_put_string(pool, policy->name);
}

static void ref_end(const struct weir_hit_end *end)
{
	weir_string_ref(end->namespace_);
	weir_string_ref(end->workload_kind);
	weir_string_ref(end->workload);
	weir_string_ref(end->pod);
}

static void put_end(struct weir_pool *pool, const struct weir_hit_end *end)
{
	weir_pool_put_string(pool, end->namespace_);
	weir_pool_put_string(pool, end->workload_kind);
	weir_pool_put_string(pool, end->workload);
	weir_pool_put_string(pool, end->pod);
}

static void remove_rule(struct weir_hits *h, struct rule_hits *r)
{
	HASH_DEL(h->rules, r);
	put_policy(h->pool, &r->hit.key.policy);
	free(r);
}

static void remove_change(struct weir_hits *h, struct change *c)
{
	HASH_DEL(h->changes, c);
	put_policy(h->pool, &c->key.policy);
	put_end(h->pool, &c->key.src);
	put_end(h->pool, &c->key.dst);
	free(c);
}

void weir_hits_free(struct weir_hits **hits)
{
	struct weir_hits *h = weir_take(*hits);
	struct rule_hits *r, *next;
	struct change *c, *after;

	if (!h)
		return;
	HASH_ITER (hh, h->rules, r, next)
		remove_rule(h, r);
	HASH_ITER (hh, h->changes, c, after)
		remove_change(h, c);
	free(h);
}

/* --- rules ------------------------------------------------------------------------------- */

static struct rule_hits *rule_of(struct weir_hits *h, const struct weir_hit_key *key)
{
	struct rule_hits *r;

	HASH_FIND(hh, h->rules, key, sizeof(*key), r);
	if (r || HASH_COUNT(h->rules) >= WEIR_HITS_MAX)
		return r;
	r = calloc(1, sizeof(*r));
	if (!r)
		return NULL;
	memcpy(&r->hit.key, key, sizeof(*key));
	ref_policy(&key->policy);
	HASH_ADD(hh, h->rules, hit.key, sizeof(*key), r);
	return r;
}

static void count_policy(struct weir_hits *h, const struct weir_record *record,
			 const struct weir_record_side *side, unsigned i, uint8_t direction,
			 bool staged)
{
	bool by_rule = side->reason == WEIR_REASON_RULE;
	struct weir_hit_key key = {
		.policy = side->policies[i],
		.form = by_rule ? side->form : 0,
		.rule = by_rule ? side->rule : -1,
		.direction = direction,
		.staged = staged,
	};
	struct rule_hits *r = rule_of(h, &key);

	if (!r) {
		h->uncounted += record->connections;
		return;
	}
	r->hit.connections += record->connections;
	r->hit.last = record->time;
}

static void count_side(struct weir_hits *h, const struct weir_record *record,
		       const struct weir_record_side *side, uint8_t direction, bool staged)
{
	if (side->reason != WEIR_REASON_RULE && side->reason != WEIR_REASON_ISOLATED)
		return;
	for (unsigned i = 0; i < side->n_policies; i++)
		count_policy(h, record, side, i, direction, staged);
}

/* --- changes ------------------------------------------------------------------------------ */

static struct weir_hit_end end_of(const struct weir_record_peer *peer)
{
	struct weir_hit_end end;

	memset(&end, 0, sizeof(end));
	end.namespace_ = peer->namespace_;
	end.workload_kind = peer->workload_kind;
	end.workload = peer->workload;
	if (!peer->workload)
		end.pod = peer->pod;
	if (!peer->pod)
		end.addr = peer->addr;
	return end;
}

static void count_change(struct weir_hits *h, const struct weir_record *record,
			 const struct weir_record_policy *policy, uint8_t direction, bool by_rule)
{
	struct change_key key;
	struct change *c;

	memset(&key, 0, sizeof(key)); /* the hash covers the padding */
	key.policy = *policy;
	key.src = end_of(&record->src);
	key.dst = end_of(&record->dst);
	key.port = record->dst.port;
	key.protocol = record->protocol;
	key.direction = direction;
	key.verdict = record->staged;
	key.by_rule = by_rule;
	HASH_FIND(hh, h->changes, &key, sizeof(key), c);
	if (!c && HASH_COUNT(h->changes) < WEIR_HITS_CHANGES_MAX)
		c = calloc(1, sizeof(*c));
	if (!c) {
		h->uncounted_changes += record->connections;
		return;
	}
	if (!c->connections) {
		memcpy(&c->key, &key, sizeof(key));
		ref_policy(&key.policy);
		ref_end(&key.src);
		ref_end(&key.dst);
		HASH_ADD(hh, h->changes, key, sizeof(key), c);
		c->first = record->time;
	}
	c->connections += record->connections;
	c->last = record->time;
}

/* The side that makes the difference; its policies, of which some are staged. */
static void count_changed_side(struct weir_hits *h, const struct weir_record *record,
			       const struct weir_record_side *was,
			       const struct weir_record_side *would, uint8_t direction)
{
	if (was->verdict == would->verdict)
		return;
	for (unsigned i = 0; i < would->n_policies; i++)
		count_change(h, record, &would->policies[i], direction,
			     would->reason == WEIR_REASON_RULE);
}

void weir_hits_count(struct weir_hits *h, const struct weir_record *record)
{
	if ((record->type != WEIR_RECORD_OPEN && record->type != WEIR_RECORD_DENIED) ||
	    !record->connections)
		return;
	count_side(h, record, &record->egress, WEIR_EGRESS, false);
	count_side(h, record, &record->ingress, WEIR_INGRESS, false);
	if (record->staged == WEIR_VERDICT_MAX)
		return;
	count_side(h, record, &record->staged_egress, WEIR_EGRESS, true);
	count_side(h, record, &record->staged_ingress, WEIR_INGRESS, true);
	if (record->staged == record->verdict)
		return;
	count_changed_side(h, record, &record->egress, &record->staged_egress, WEIR_EGRESS);
	count_changed_side(h, record, &record->ingress, &record->staged_ingress, WEIR_INGRESS);
}

/* --- asking --------------------------------------------------------------------------------- */

const struct weir_hit *weir_hits_find(const struct weir_hits *h, const struct weir_hit_key *key)
{
	struct rule_hits *r;

	HASH_FIND(hh, h->rules, key, sizeof(*key), r);
	return r ? &r->hit : NULL;
}

void weir_hits_each(const struct weir_hits *h, void (*fn)(void *data, const struct weir_hit *hit),
		    void *data)
{
	for (const struct rule_hits *r = h->rules; r; r = r->hh.next)
		fn(data, &r->hit);
}

void weir_hits_each_change(const struct weir_hits *h,
			   void (*fn)(void *data, const struct weir_staged_change *change),
			   void *data)
{
	for (const struct change *c = h->changes; c; c = c->hh.next) {
		const struct weir_staged_change change = {
			.policy = c->key.policy,
			.src = c->key.src,
			.dst = c->key.dst,
			.port = c->key.port,
			.protocol = c->key.protocol,
			.direction = c->key.direction,
			.verdict = c->key.verdict,
			.by_rule = c->key.by_rule,
			.connections = c->connections,
			.first = c->first,
			.last = c->last,
		};

		fn(data, &change);
	}
}

void weir_hits_sweep(struct weir_hits *h,
		     bool (*stays)(void *data, const struct weir_hit_key *key, bool staged),
		     void *data)
{
	struct rule_hits *r, *next;
	struct change *c, *after;

	HASH_ITER (hh, h->rules, r, next) {
		if (!stays(data, &r->hit.key, false))
			remove_rule(h, r);
	}
	HASH_ITER (hh, h->changes, c, after) {
		const struct weir_hit_key key = { .policy = c->key.policy };

		if (!stays(data, &key, true))
			remove_change(h, c);
	}
}

void weir_hits_stats(const struct weir_hits *h, struct weir_hits_stats *ret)
{
	*ret = (struct weir_hits_stats){
		.rules = HASH_COUNT(h->rules),
		.changes = HASH_COUNT(h->changes),
		.uncounted = h->uncounted,
		.uncounted_changes = h->uncounted_changes,
	};
}
