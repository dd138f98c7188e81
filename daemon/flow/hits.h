/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * How often each rule decided, and what staged policies would have changed:
 * counted from the records of connections that began or were denied. Bounded;
 * what there was no room for is counted. World's lock held for every call.
 */
#include "weir/pool.h"
#include "weir/record.h"

#define WEIR_HITS_MAX	      65536 /* rules */
#define WEIR_HITS_CHANGES_MAX 8192  /* kinds of connections that staged policies would change */

struct weir_hit_key { /* strings interned */
	struct weir_record_policy policy;
	uint64_t form;	   /* of the policy (weir_policy.form); 0 with rule -1 */
	int32_t rule;	   /* index; -1: it isolated the pod, and no rule matched */
	uint8_t direction; /* weir_direction */
	uint8_t staged;	   /* would have decided, if it were enforced */
	uint8_t pad[2];	   /* 0 */
};

struct weir_hit {
	struct weir_hit_key key;
	uint64_t connections;
	uint64_t last; /* ns since the epoch */
};

/* One end, as the sum knows it: by workload where there is one. */
struct weir_hit_end {
	const char *namespace_, *workload_kind, *workload, *pod; /* interned or NULL */
	struct weir_addr addr;					 /* of what is no pod */
};

struct weir_staged_change {
	struct weir_record_policy policy; /* that would decide, interned */
	struct weir_hit_end src, dst;
	uint16_t port;
	uint8_t protocol, direction;
	uint8_t verdict; /* that there would be */
	bool by_rule;	 /* of the policy; else it isolates, perhaps with others */
	uint64_t connections, first, last;
};

struct weir_hits_stats {
	uint64_t rules, changes;	       /* there are now */
	uint64_t uncounted, uncounted_changes; /* connections for which there was no room */
};

struct weir_hits;

int weir_hits_new(struct weir_pool *pool, struct weir_hits **ret);
void weir_hits_free(struct weir_hits **hits);
/* Records of other types than OPEN and DENIED count nothing. */
void weir_hits_count(struct weir_hits *h, const struct weir_record *record);
/* NULL: it never decided. */
const struct weir_hit *weir_hits_find(const struct weir_hits *h, const struct weir_hit_key *key);
void weir_hits_each(const struct weir_hits *h, void (*fn)(void *data, const struct weir_hit *hit),
		    void *data);
void weir_hits_each_change(const struct weir_hits *h,
			   void (*fn)(void *data, const struct weir_staged_change *change),
			   void *data);
/* Forgets what is said of policies, or forms of them, for which stays is false
 * (form 0: of any). staged: of changes. */
void weir_hits_sweep(struct weir_hits *h,
		     bool (*stays)(void *data, const struct weir_hit_key *key, bool staged),
		     void *data);
void weir_hits_stats(const struct weir_hits *h, struct weir_hits_stats *ret);
