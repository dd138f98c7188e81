/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The facade of the stores, and the contract of each (weir_store_ops). Rows go in
 * in blocks, once; questions come with a scope, and the store applies it: no
 * flow leaves it that its asker may not see, nor is it counted.
 *
 * append, marks and expire are called by one thread; questions by many at once.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/access/scope.h"
#include "hub/flow.h"
#include "hub/query/filter.h"
#include "hub/rows/row.h"
#include "weir/error.h"

/* --- what comes in -------------------------------------------------------------- */

struct weir_store_config {
	const char *type;      /* "sqlite", "clickhouse" */
	const char *path;      /* sqlite: folder */
	const char *url;       /* clickhouse: http://127.0.0.1:8123/?database=weir */
	uint64_t raw_ms;       /* how long flows are kept */
	uint64_t rollup_ms;    /* how long sums are kept */
	uint64_t max_bytes;    /* of all files; the oldest go first; 0: no bound */
	uint64_t partition_ms; /* what one file holds: retention deletes whole files */
};

/* How far the records of one boot of a node are stored: all below next, and those of
 * the ranges, which lie above. Strings outlive the call only. */
struct weir_range {
	uint64_t from, to; /* inclusive */
};
struct weir_mark {
	const char *cluster, *node, *boot;
	uint64_t next;
	size_t n_ranges;
	const struct weir_range *ranges;
};

/* --- questions ------------------------------------------------------------------ */

enum weir_order { WEIR_NEWEST_FIRST, WEIR_OLDEST_FIRST };

struct weir_budget { /* of one question */
	uint64_t max_ms;
	uint64_t max_rows;  /* looked at */
	uint64_t max_bytes; /* of memory, roughly */
};

struct weir_flow_query {
	uint64_t from, to; /* ns since the epoch: from <= time < to */
	const struct weir_scope *scope;
	const struct weir_filter *filter;
	enum weir_order order;
	uint32_t limit;
	bool seconds;	    /* with what the second node said separately */
	const char *cursor; /* of the page before; NULL: the first */
	struct weir_budget budget;
};

#define WEIR_CURSOR_MAX 96

struct weir_answer_end {
	bool complete;		      /* all that was asked for is there */
	const char *why_not;	      /* static: "time", "rows", "memory": what the budget ended */
	char cursor[WEIR_CURSOR_MAX]; /* of the next page; "" : there is none */
	uint64_t rows;		      /* looked at */
};

typedef int weir_flow_fn(void *data, const struct weir_hub_flow *flow);

enum weir_dimension {
	WEIR_DIM_TIME, /* in steps */
	WEIR_DIM_CLUSTER,
	WEIR_DIM_NODE, /* the source's, when it reported and may be seen, else the destination's */
	WEIR_DIM_FROM_NAMESPACE,
	WEIR_DIM_TO_NAMESPACE,
	WEIR_DIM_FROM_WORKLOAD, /* "namespace/Kind/name"; a pod without: "namespace" */
	WEIR_DIM_TO_WORKLOAD,
	WEIR_DIM_FROM_POD, /* "namespace/name" */
	WEIR_DIM_TO_POD,
	WEIR_DIM_FROM_ADDRESS,
	WEIR_DIM_TO_ADDRESS,
	WEIR_DIM_PORT,
	WEIR_DIM_PROTOCOL,
	WEIR_DIM_VERDICT,
	WEIR_DIM_REASON, /* of the side that denied; else of the one with a rule, the source's first
			  */
	WEIR_DIM_POLICY, /* of that side, "Kind/[namespace/]name", the first of those that isolate
			  */
	WEIR_DIM_MAX
};
const char *weir_dimension_name(enum weir_dimension d); /* "from.namespace", "port", "time" */
enum weir_dimension weir_dimension_of(const char *name);

enum weir_measure {
	WEIR_SUM_CONNECTIONS, /* allowed ones that began */
	WEIR_SUM_DENIED,      /* attempts */
	WEIR_SUM_PACKETS,     /* both directions */
	WEIR_SUM_BYTES,
	WEIR_SUM_BYTES_TO,   /* source to destination */
	WEIR_SUM_BYTES_BACK, /* destination to source */
	WEIR_SUM_MAX
};
const char *weir_measure_name(enum weir_measure m);
enum weir_measure weir_measure_of(const char *name);

#define WEIR_DIMS_MAX 4

struct weir_sum_query {
	uint64_t from, to;
	const struct weir_scope *scope;
	const struct weir_filter *filter;
	unsigned n_dims;
	enum weir_dimension dims[WEIR_DIMS_MAX];
	uint64_t step;	      /* ns, of WEIR_DIM_TIME; aligned to the epoch */
	enum weir_measure by; /* the largest of these come first; with time: sorted by time */
	uint32_t limit;	      /* groups; the rest is summed up in "other" */
	struct weir_budget budget;
};

struct weir_sum {
	const char *values[WEIR_DIMS_MAX]; /* NULL: unknown or hidden; time: ns as text */
	bool other;			   /* all groups beyond the limit */
	uint64_t sums[WEIR_SUM_MAX];
};
typedef int weir_sum_fn(void *data, const struct weir_sum *sum);

/* Distinct values of a field, for completion: those that begin with prefix. */
struct weir_value_query {
	uint64_t from, to;
	const struct weir_scope *scope;
	enum weir_field field;
	const char *prefix;
	uint32_t limit;
	struct weir_budget budget;
};
typedef int weir_value_fn(void *data, const char *value);

/* Fields that have the same values in every store ("TCP", "denied"), and those. */
bool weir_values_are_known(enum weir_field field);
int weir_known_values(enum weir_field field, const char *prefix, uint32_t limit, weir_value_fn *fn,
		      void *data);

/* --- a store --------------------------------------------------------------------- */

struct weir_store_stats {
	uint64_t rows, bytes;	 /* kept now */
	uint64_t oldest, newest; /* ns; 0: none */
	uint64_t partitions, expired,
		broken; /* files: now, deleted by retention, set aside as torn */
	bool failing;	/* the last write failed (disk full, server away) */
	char why[256];	/* in words */
};

struct weir_store;

struct weir_store_ops {
	const char *name;
	int (*open)(const struct weir_store_config *config, struct weir_store **ret,
		    struct weir_error *err);
	/* Rows, and how far their nodes' records are stored with them: durable, and all of it
	 * or nothing. The caller tries again after an error. The same rows again are
	 * harmless where an error left it open whether they came in. */
	int (*append)(struct weir_store *s, const struct weir_dictionary *words,
		      const struct weir_row *rows, size_t n, const struct weir_mark *marks,
		      size_t n_marks, struct weir_error *err);
	/* The newest mark of each boot that was ever appended. */
	int (*marks)(struct weir_store *s, int (*fn)(void *data, const struct weir_mark *mark),
		     void *data, struct weir_error *err);
	/* What was appended. fn's non-zero return ends and is returned. */
	int (*flows)(struct weir_store *s, const struct weir_flow_query *q, weir_flow_fn *fn,
		     void *data, struct weir_answer_end *ret, struct weir_error *err);
	int (*sums)(struct weir_store *s, const struct weir_sum_query *q, weir_sum_fn *fn,
		    void *data, struct weir_answer_end *ret, struct weir_error *err);
	int (*values)(struct weir_store *s, const struct weir_value_query *q, weir_value_fn *fn,
		      void *data, struct weir_answer_end *ret, struct weir_error *err);
	/* Retention; now: ns since the epoch. Called about once a minute. */
	int (*expire)(struct weir_store *s, uint64_t now, struct weir_error *err);
	void (*stats)(struct weir_store *s, struct weir_store_stats *ret);
	void (*close)(struct weir_store *s);
};

/* --- the facade ------------------------------------------------------------------ */

/* All of them, ended by NULL. */
extern const struct weir_store_ops *const weir_stores[];
/* An unknown type is an error that lists the valid ones. */
int weir_store_open(const struct weir_store_config *config, struct weir_store **ret,
		    struct weir_error *err);
void weir_store_close(struct weir_store **store);

/* The first member of each store. */
struct weir_store {
	const struct weir_store_ops *ops;
};
