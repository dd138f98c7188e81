/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the Kubernetes source is made of, beside the reflectors: the names that
 * a list has named (listed.c), the objects that are broken (broken.c) and the
 * metrics of the collections (kube-metrics.c).
 */
#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdio.h>

#include "daemon/cluster/registry.h"
#include "daemon/kube/kube.h"
#include "weir/pool.h"

/* --- listed.c --------------------------------------------------------------------- */

/* All zero: no list is under way, and nothing is noted. */
struct weir_listed {
	struct weir_pool *pool;
	struct weir_registry names;
	bool failed; /* memory was short: the set is not complete */
};

void weir_listed_begin(struct weir_listed *l, struct weir_pool *pool);
/* A name in which no object is known to the pool is not worth a note. */
void weir_listed_add(struct weir_listed *l, const char *ns, const char *name);
bool weir_listed_has(const struct weir_listed *l, const char *ns, const char *name);
bool weir_listed_failed(const struct weir_listed *l);
void weir_listed_end(struct weir_listed *l);

/* --- broken.c ------------------------------------------------------------------------ */

struct weir_broken_object;

/* Objects that could not be decoded in the form they have now. All zero: none. */
struct weir_broken {
	struct weir_broken_object *objects; /* a uthash table */
	uint64_t errors;		    /* since the start */
};

/* Logged when it is news. */
void weir_broken_set(struct weir_broken *b, const char *kind, const char *ns, const char *name,
		     const char *uid, const char *error);
void weir_broken_clear(struct weir_broken *b, const char *kind, const char *ns, const char *name);
/* Those of the kind for which stays is false are broken no longer: they are gone. */
void weir_broken_sweep(struct weir_broken *b, const char *kind,
		       bool (*stays)(void *data, const char *ns, const char *name), void *data);
/* [{"kind","namespace","name","uid","error"}], at most some hundred of them */
cJSON *weir_broken_status(const struct weir_broken *b);
void weir_broken_counts(const struct weir_broken *b, uint64_t *broken, uint64_t *errors);
void weir_broken_free(struct weir_broken *b);

/* --- kube-metrics.c -------------------------------------------------------------------- */

struct weir_kind_state {
	const char *kind;
	struct weir_reflector_state state;
};

void weir_source_kubernetes_metrics(FILE *out, const struct weir_kind_state *kinds, unsigned n);
