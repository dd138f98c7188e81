/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The parts of the hub, in the order in which they are opened: who may do what,
 * which nodes are known, what is stored; then the API, and at last the nodes are let in.
 */
#include "hub/hub.h"

#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "hub/access/access.h"
#include "hub/api/api.h"
#include "hub/config/config.h"
#include "hub/ingest/ingest.h"
#include "hub/receive/receive.h"
#include "hub/receive/registry.h"
#include "hub/store/store.h"
#include "weir/log.h"

#define CLICKHOUSE_COMMIT_MS 1000 /* more often it makes more parts than it likes */

/* --- who may ----------------------------------------------------------------------------- */

static int open_access(struct weir_hub *hub, struct weir_error *err)
{
	const struct weir_hub_config *c = hub->config;
	const struct weir_access_config config = {
		.file = c->access.file,
		.audit = c->access.audit,
		.oidc = { .issuer = c->oidc.issuer,
			  .audience = c->oidc.audience,
			  .user_claim = c->oidc.user_claim,
			  .groups_claim = c->oidc.groups_claim,
			  .ca_file = c->oidc.ca_file },
		.kubernetes = { .server = c->kubernetes.server,
				.token_file = c->kubernetes.token_file,
				.ca_file = c->kubernetes.ca_file,
				.audience = c->kubernetes.audience },
	};

	return weir_access_new(&config, &hub->access, err);
}

static int open_registry(struct weir_hub *hub, struct weir_error *err)
{
	const struct weir_registry_config config = { .state_dir = hub->config->state_dir,
						     .address = hub->config->address,
						     .max_nodes = hub->config->limits.nodes };

	if (mkdir(config.state_dir, 0700) < 0 && errno != EEXIST)
		return weir_error_errno(err, errno, "stateDir: %s", config.state_dir);
	return weir_registry_open(&config, &hub->registry, err);
}

/* --- what is kept ------------------------------------------------------------------------ */

static const char *const store_types[] = {
	[WEIR_HUB_SQLITE] = "sqlite", [WEIR_HUB_CLICKHOUSE] = "clickhouse"
};

static int open_store(struct weir_hub *hub, struct weir_error *err)
{
	const struct weir_hub_config *c = hub->config;
	const struct weir_store_config config = { .type = store_types[c->store.type],
						  .path = c->store.path,
						  .url = c->store.url,
						  .raw_ms = c->store.raw_ms,
						  .rollup_ms = c->store.rollup_ms,
						  .max_bytes = c->store.max_bytes,
						  .partition_ms = c->store.partition_ms };

	if (strcmp(config.type, "clickhouse") == 0 && c->join.commit_ms < CLICKHOUSE_COMMIT_MS)
		weir_log(WEIR_LOG_WARNING,
			 "ClickHouse wants few large parts: set join.commit to 2s or more", NULL);
	return weir_store_open(&config, &hub->store, err);
}

static void on_stored(void *data, const char *cluster, const char *node, const char *boot,
		      uint64_t seq)
{
	struct weir_hub *hub = data;

	pthread_rwlock_rdlock(&hub->lock);
	weir_receive_stored(hub->receive, cluster, node, boot, seq);
	pthread_rwlock_unlock(&hub->lock);
}

/* From the thread that receives, which is there only while the API is. */
static void on_live(void *data, const struct weir_hub_flow *flow, bool joined)
{
	struct weir_hub *hub = data;

	weir_api_flow(hub->api, flow, joined);
}

static int open_ingest(struct weir_hub *hub, struct weir_error *err)
{
	const struct weir_ingest_config config = { .store = hub->store,
						   .commit_ms = hub->config->join.commit_ms,
						   .join_ms = hub->config->join.window_ms,
						   .max_waiting = hub->config->join.max_waiting,
						   .stored = on_stored,
						   .live = on_live,
						   .data = hub };

	return weir_ingest_new(&config, &hub->ingest, err);
}

/* --- who talks to it ---------------------------------------------------------------------- */

static int open_api(struct weir_hub *hub, struct weir_error *err)
{
	const struct weir_api_config config = { .hub = hub->config,
						.store = hub->store,
						.access = hub->access,
						.registry = hub->registry,
						.ingest = hub->ingest };

	return weir_api_start(&config, &hub->api, err);
}

static int open_receive(struct weir_hub *hub, struct weir_error *err)
{
	const struct weir_hub_config *c = hub->config;
	const struct weir_receive_config config = {
		.registry = hub->registry,
		.ingest = hub->ingest,
		.n_listen = c->listen.n,
		.listen = (const char *const *)c->listen.items,
		.n_connect = c->connect.n,
		.connect = (const char *const *)c->connect.items,
	};
	struct weir_receive *receive;
	int r = weir_receive_start(&config, &receive, err);

	if (r < 0)
		return r;
	pthread_rwlock_wrlock(&hub->lock);
	hub->receive = receive;
	pthread_rwlock_unlock(&hub->lock);
	weir_api_receives(hub->api, receive);
	return 0;
}

/* Ingest goes on acknowledging until it is told that nobody is there. */
static void close_receive(struct weir_hub *hub)
{
	struct weir_receive *receive;

	pthread_rwlock_wrlock(&hub->lock);
	receive = hub->receive;
	hub->receive = NULL;
	pthread_rwlock_unlock(&hub->lock);
	if (hub->api)
		weir_api_receives(hub->api, NULL);
	if (receive)
		weir_receive_stop(&receive);
}

/* --- all of it ------------------------------------------------------------------------------- */

int weir_hub_open(struct weir_hub *hub, struct weir_error *err)
{
	static int (*const parts[])(struct weir_hub * hub, struct weir_error * err) = {
		open_access, open_registry, open_store, open_ingest, open_api, open_receive,
	};
	int r = 0;

	pthread_rwlock_init(&hub->lock, NULL);
	for (size_t i = 0; r == 0 && i < sizeof(parts) / sizeof(*parts); i++)
		r = parts[i](hub, err);
	if (r < 0)
		weir_hub_close(hub);
	return r;
}

void weir_hub_close(struct weir_hub *hub)
{
	close_receive(hub);
	weir_api_stop(&hub->api);
	weir_ingest_free(&hub->ingest);
	weir_store_close(&hub->store);
	weir_registry_close(&hub->registry);
	weir_access_free(&hub->access);
	pthread_rwlock_destroy(&hub->lock);
}

void weir_hub_reload(struct weir_hub *hub)
{
	struct weir_error err = { "" };

	if (weir_access_reload(hub->access, &err) < 0) {
		weir_log(WEIR_LOG_ERROR, "access.file has errors; what was in force stays", "error",
			 err.text, NULL);
		return;
	}
	weir_api_rights_changed(hub->api);
	weir_log(WEIR_LOG_INFO, "access.file was read again", NULL);
}
