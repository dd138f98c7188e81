/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Where the objects come from: a folder of manifests (files.c) or a Kubernetes
 * API server (kubernetes.c). A source puts objects into the cluster (world lock
 * held) and kicks the reconciler. Main thread.
 */
#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "weir/error.h"

struct weird;
struct weir_source;

/* err NULL: all is well. */
typedef void weir_source_done(void *data, const struct weir_error *err);

struct weir_source_ops {
	const char *name;
	/* 0 when all that exists has been read at least once: only then may what
	 * is not in the cluster be taken for not existing. Reads what can be read
	 * at once; the error says what is missing. */
	int (*ready)(struct weir_source *s, struct weir_error *err);
	/* done is called once, from inside or later, at latest by close: every
	 * change made before this call is in the cluster, or why that can't be had. */
	void (*sync)(struct weir_source *s, weir_source_done *done, void *data);
	/* Fetch one pod that may not have been heard of yet: done when it is in the
	 * cluster, or why it is not (-ENOENT: there is none). NULL: a source that
	 * has nothing which is not in the cluster. */
	void (*fetch_pod)(struct weir_source *s, const char *namespace_, const char *pod,
			  weir_source_done *done, void *data);
	/* What is all right and what is not, for weirctl; docs/RPC.md has the members. */
	cJSON *(*status)(const struct weir_source *s);
	/* objects or files that are broken now; errors since the start */
	void (*counts)(const struct weir_source *s, uint64_t *broken, uint64_t *errors);
	/* Metrics of this kind of source; NULL: none. */
	void (*metrics)(const struct weir_source *s, FILE *out);
	void (*close)(struct weir_source *s);
};

struct weir_source {
	const struct weir_source_ops *ops;
};

int weir_source_files_open(struct weird *d, const char *path, struct weir_source **ret,
			   struct weir_error *err);
/* From the API server d->kube. */
int weir_source_kubernetes_open(struct weird *d, struct weir_source **ret, struct weir_error *err);
