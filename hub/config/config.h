/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The configuration of weir-hub: hub.yaml(5) and the flags of weir-hub(8). keys.c
 * is the table, weir/config.h reads by it.
 */
#include "weir/config.h"

enum weir_hub_store { WEIR_HUB_SQLITE, WEIR_HUB_CLICKHOUSE };

/* Checked and complete: every member has a value. */
struct weir_hub_config {
	struct weir_config_strings listen; /* where nodes connect */
	char *address; /* where nodes find the hub, for enrolment tokens; "": it connects to them */
	struct weir_config_strings connect; /* nodes that wait for the hub */
	char *state_dir;
	struct {
		char *address, *certificate, *key;
	} http;
	struct {
		char *address; /* "": none */
		struct weir_config_strings flow_labels;
		unsigned max_series;
	} metrics;
	struct {
		unsigned type; /* weir_hub_store */
		char *path, *url;
		uint64_t raw_ms, rollup_ms, max_bytes;
		unsigned partition_ms;
	} store;
	struct {
		unsigned window_ms, commit_ms, max_waiting;
	} join;
	struct {
		unsigned connections, per_address, idle_ms;
		unsigned nodes;
		uint64_t uri, body, answers;
	} limits;
	struct {
		unsigned max_time_ms, max_rows, workers, queue, max_limit;
		uint64_t max_memory;
	} query;
	struct {
		unsigned max_clients, queue, max_age_ms;
		uint64_t memory;
	} live;
	struct {
		char *file, *audit;
	} access;
	struct {
		char *issuer, *audience, *user_claim, *groups_claim, *ca_file;
	} oidc;
	struct {
		char *server, *token_file, *ca_file, *audience;
	} kubernetes;
	unsigned log_level, log_format; /* weir_log_level, weir_log_format */
};

extern const struct weir_config_table weir_hub_config_table;

void weir_hub_config_free(struct weir_hub_config **config);
/* What depends on one another. */
int weir_hub_config_check(const struct weir_hub_config *config, struct weir_error *err);
/* ADDRESS:PORT or [ADDRESS]:PORT. */
struct sockaddr_storage;
int weir_hub_sockaddr(const char *text, struct sockaddr_storage *ret);

enum weir_hub_asked {
	WEIR_HUB_RUN,
	WEIR_HUB_CHECK,
	WEIR_HUB_CHECK_AUDIT,
	WEIR_HUB_HELP,
	WEIR_HUB_MAKE_TOKEN,
	WEIR_HUB_VERSION
};

struct weir_hub_options {
	struct weir_hub_config *config; /* complete; NULL but for RUN and CHECK */
	enum weir_hub_asked asked;
	const char *audit; /* of CHECK_AUDIT: the file; of argv */
};

/* Defaults, then the file, then the flags. */
int weir_hub_options_parse(int argc, char **argv, struct weir_hub_options *ret,
			   struct weir_error *err);
void weir_hub_options_usage(FILE *out);
