/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the hub consists of. Used by main.c only. */
#include <pthread.h>

#include "weir/error.h"

struct weir_hub_config;

struct weir_hub {
	const struct weir_hub_config *config;
	struct weir_access *access;
	struct weir_registry *registry;
	struct weir_store *store;
	struct weir_ingest *ingest;
	pthread_rwlock_t lock; /* of what comes and goes while ingest runs: */
	struct weir_receive *receive;
	struct weir_api *api;
};

int weir_hub_open(struct weir_hub *hub, struct weir_error *err);
/* Stores what has come. */
void weir_hub_close(struct weir_hub *hub);
/* Who may see what has changed, or may have. */
void weir_hub_reload(struct weir_hub *hub);
