/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Manifests: texts with Kubernetes objects, and which objects each one holds.
 * files.c finds the texts; catalog.c compares them with what they held before
 * and puts the difference into the cluster; kinds.c knows the kinds.
 *
 * The unit of failure is the object where it can be named: a broken one keeps
 * its last good state, the others of the text take effect. A text that cannot
 * be read at all keeps the last good state of all its objects.
 */
#include "daemon/cluster/cluster.h"
#include "daemon/cluster/registry.h"
#include "daemon/world.h"
#include "weir/doc.h"

/* --- kinds.c ------------------------------------------------------------------ */

struct weir_kind {
	const char *kind;
	const char *api_version; /* the one that is supported */
	enum weir_object_kind object;
	bool namespaced;
	bool policy;
	/* Where an API server has them (NULL: not asked for), with this query; it
	 * may not have them at all when they are optional (a CRD). */
	const char *collection, *query;
	bool optional;
	/* Decode and put into the cluster / take out. World lock held. */
	int (*set)(struct weir_world *world, const cJSON *json, struct weir_error *err);
	void (*remove)(struct weir_world *world, const char *ns, const char *name);
	/* Take out the object that json was, unless another has come in its place
	 * under the same name. NULL: names of this kind are not used again so soon. */
	void (*forget)(struct weir_world *world, const cJSON *json);
};

/* Ended by one without a name. */
extern const struct weir_kind weir_kinds[];
/* The kind of that name, or the one that it is so close to that it must be
 * meant. NULL: a kind that is of no concern to weir. */
const struct weir_kind *weir_kind_find(const char *kind, bool *ret_misspelt);

/* --- object.c ------------------------------------------------------------------- */

/* What a tree says it is. All text is inside of json. */
struct weir_manifest_object {
	const cJSON *json;
	const struct weir_kind *kind; /* NULL: of no concern */
	bool misspelt;		      /* kind is what was meant, not what stands there */
	const char *kind_text, *api;  /* as they stand there; NULL: missing */
	const char *namespace_;	      /* NULL: cluster-wide */
	const char *name;	      /* NULL: missing */
};
void weir_manifest_object_read(const cJSON *json, struct weir_manifest_object *ret);
/* "kind: List" (and PodList, ...) stands for its items. */
void weir_manifest_each_object(const cJSON *root, void (*fn)(void *data, const cJSON *json),
			       void *data);

/* --- fingerprint.c -------------------------------------------------------------- */

struct weir_fingerprint_key {
	uint64_t k[2]; /* random, so that no two objects can be made to look alike */
};
uint64_t weir_fingerprint(const struct weir_fingerprint_key *key, const cJSON *json);

/* --- catalog.c ------------------------------------------------------------------ */

/* One object that a manifest holds. */
struct weir_manifest_entry {
	const struct weir_kind *kind;
	const char *namespace_, *name; /* interned; namespace_ NULL: cluster-wide */
	uint64_t fingerprint;	       /* of what is in the cluster; 0: nothing is */
	unsigned round;		       /* load in which it was seen last */
	unsigned kept;		       /* load after which its good form was kept last */
	struct weir_manifest *owner;
	struct weir_manifest_entry *next, **at; /* among those of the owner */
};

struct weir_manifest {
	const char *name; /* file name; the first by name owns an object that two hold */
	struct weir_manifest_entry *entries;
	size_t n_entries;
	unsigned round;
	bool shadowed; /* holds objects that an earlier manifest owns */
	bool unnamed;  /* holds broken objects that could be any */
	bool stale;    /* must be loaded again although its text has not changed */
	char **errors; /* what is broken now */
	size_t n_errors;
	char **ignored; /* kinds of no concern, each once */
	size_t n_ignored;
};

struct weir_catalog {
	struct weir_world *world;
	struct weir_registry entries;
	struct weir_fingerprint_key key;
	uint64_t errors;  /* since the start */
	uint64_t changes; /* to the cluster, since the start */
	bool freed;	  /* an object has lost its owner: shadowed manifests may have it */
	bool stale;	  /* some manifest is */
};

int weir_catalog_init(struct weir_catalog *c, struct weir_world *world, struct weir_error *err);
void weir_catalog_clear(struct weir_catalog *c);
void weir_catalog_load(struct weir_catalog *c, struct weir_manifest *m, const char *text,
		       size_t len);
/* The text cannot be had: what it held stays, error is listed. */
void weir_catalog_fail(struct weir_catalog *c, struct weir_manifest *m, const char *error);
/* The text is gone, and its objects with it. */
void weir_catalog_unload(struct weir_catalog *c, struct weir_manifest *m);
/* NULL: no manifest has it. */
struct weir_manifest_entry *weir_catalog_find(const struct weir_catalog *c,
					      const struct weir_manifest_object *o);

/* --- good.c ------------------------------------------------------------------------ */

/* After a load that found errors: the objects of the manifest in their good
 * form, looked for in the text loaded and in the one kept before. malloc'd. */
int weir_catalog_good(struct weir_catalog *c, struct weir_manifest *m, const char *now,
		      size_t now_len, const char *before, size_t before_len, char **ret,
		      size_t *ret_len);
