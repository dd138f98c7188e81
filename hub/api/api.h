/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The HTTP API of the hub and its metrics: who asks, may they, and what is the
 * answer. One thread moves bytes, a few ask the store, one feeds live streams.
 */
#include <stdbool.h>

#include "hub/flow.h"
#include "weir/error.h"

struct weir_access;
struct weir_api;
struct weir_hub_config;
struct weir_ingest;
struct weir_receive;
struct weir_registry;
struct weir_store;

struct weir_api_config {
	const struct weir_hub_config *hub;
	struct weir_store *store;
	struct weir_access *access;
	struct weir_registry *registry;
	struct weir_ingest *ingest;
};

/* All of config outlives it. */
int weir_api_start(const struct weir_api_config *config, struct weir_api **ret,
		   struct weir_error *err);
void weir_api_stop(struct weir_api **api);

/* Who receives from the nodes, for metrics; NULL: nobody does. */
void weir_api_receives(struct weir_api *api, struct weir_receive *receive);
/* For weir_ingest_config.live: never waits for a reader. */
void weir_api_flow(struct weir_api *api, const struct weir_hub_flow *flow, bool joined);
/* Rights may have changed: live streams end, their readers sign in again. */
void weir_api_rights_changed(struct weir_api *api);
