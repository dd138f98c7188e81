/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Where the objects come from: a folder of manifests (files.c), later a
 * Kubernetes API server. A source puts objects into the cluster (world lock
 * held) and kicks the reconciler. Main thread.
 */
#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "weir/error.h"

struct weird;
struct weir_source;

struct weir_source_ops {
	const char *name;
	/* Every change made before this call is in the cluster when it returns. */
	int (*sync)(struct weir_source *s, struct weir_error *err);
	/* {"kind":"files","path":...,"files":n,"objects":n,"broken":[{"file","error"}]} */
	cJSON *(*status)(const struct weir_source *s);
	/* objects or files that are broken now; errors since the start */
	void (*counts)(const struct weir_source *s, uint64_t *broken, uint64_t *errors);
	void (*close)(struct weir_source *s);
};

struct weir_source {
	const struct weir_source_ops *ops;
};

int weir_source_files_open(struct weird *d, const char *path, struct weir_source **ret,
			   struct weir_error *err);
