/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every key of hub.yaml: the one place where it is named, typed, bounded and
 * explained. To add one: a member in config.h, a line here, an entry in
 * docs/man/hub.yaml.5 and conf/hub.yaml (a test compares them).
 */
#include "hub/config/config.h"

#define KEY(...) WEIR_CONFIG_KEY(struct weir_hub_config, __VA_ARGS__)

#define SECONDS 1000ull
#define MINUTES (60 * SECONDS)
#define HOURS	(60 * MINUTES)
#define YEARS	(8766 * HOURS)
#define KIB	1024ull
#define MIB	(1024 * KIB)
#define GIB	(1024 * MIB)
#define TIB	(1024 * GIB)

static const char *const stores[] = { "sqlite", "clickhouse", NULL }; /* weir_hub_store */
static const char *const levels[] = { "error", "warning", "info", "debug", NULL }; /* log.h */
static const char *const formats[] = { "kv", "json", NULL }; /* weir_log_format */

/* clang-format off */
static const struct weir_config_key keys[] = {
	KEY("listen", STRINGS, listen, "tcp://0.0.0.0:9572",
	    "ZeroMQ addresses where nodes connect"),
	KEY("address", TEXT, address, "",
	    "tcp://HOST:PORT at which nodes find this hub: goes into enrolment tokens"),
	KEY("connect", STRINGS, connect, "",
	    "ZeroMQ addresses of nodes that wait for the hub"),
	KEY("stateDir", PATH, state_dir, "/var/lib/weir-hub",
	    "folder for the hub's key and the enrolled nodes"),
	KEY("http.address", TEXT, http.address, "127.0.0.1:9573",
	    "where the API listens; without TLS only a loopback address"),
	KEY("http.certificate", PATH, http.certificate, "",
	    "PEM file: the API's certificate and its chain; empty: no TLS"),
	KEY("http.key", PATH, http.key, "",
	    "PEM file: the certificate's private key"),
	KEY("metrics.address", TEXT, metrics.address, "127.0.0.1:9574",
	    "address of /metrics, /healthz and /readyz; empty: none"),
	KEY("metrics.flowLabels", STRINGS, metrics.flow_labels, "",
	    "dimensions that flow metrics have as labels; empty: no flow metrics"),
	KEY("metrics.maxSeries", NUMBER, metrics.max_series, "1000",
	    "combinations of these labels, at most; the rest is \"other\"", .min = 1, .max = 1000000),
	KEY("store.type", CHOICE, store.type, "sqlite",
	    "where flows are kept", .choices = stores),
	KEY("store.path", PATH, store.path, "/var/lib/weir-hub/flows",
	    "sqlite: folder of its files"),
	KEY("store.url", TEXT, store.url, "",
	    "clickhouse: http://HOST:8123/?database=NAME"),
	KEY("store.raw", AGE, store.raw_ms, "168h",
	    "how long flows are kept", .min = 1 * MINUTES, .max = 20 * YEARS),
	KEY("store.rollup", AGE, store.rollup_ms, "2160h",
	    "how long sums are kept", .min = 1 * MINUTES, .max = 20 * YEARS),
	KEY("store.maxBytes", SIZE, store.max_bytes, "0",
	    "of all files; the oldest go first; 0: no bound", .min = 0, .max = 1024 * TIB),
	KEY("store.partition", DURATION, store.partition_ms, "1h",
	    "what one file holds: retention deletes whole files", .min = 1 * MINUTES, .max = 24 * HOURS),
	KEY("join.window", DURATION, join.window_ms, "5s",
	    "how long a record waits for that of the other end's node", .min = 0, .max = 5 * MINUTES),
	KEY("join.commit", DURATION, join.commit_ms, "500ms",
	    "what came within so long is made durable together", .min = 1, .max = 10 * SECONDS),
	KEY("join.maxWaiting", NUMBER, join.max_waiting, "1000000",
	    "records that wait, at most", .min = 1000, .max = 100000000),
	KEY("limits.nodes", NUMBER, limits.nodes, "10000",
	    "nodes connected at once", .min = 1, .max = 1000000),
	KEY("limits.connections", NUMBER, limits.connections, "4096",
	    "connections to the API at once", .min = 4, .max = 1000000),
	KEY("limits.perAddress", NUMBER, limits.per_address, "2048",
	    "connections from one address at once", .min = 1, .max = 1000000),
	KEY("limits.idle", DURATION, limits.idle_ms, "30s",
	    "a connection on which nothing moves ends", .min = 1 * SECONDS, .max = 1 * HOURS),
	KEY("limits.uri", SIZE, limits.uri, "32KiB",
	    "a request's line and headers", .min = 2 * KIB, .max = 1 * MIB),
	KEY("limits.body", SIZE, limits.body, "64KiB",
	    "a request's body", .min = 1 * KIB, .max = 16 * MIB),
	KEY("limits.answers", SIZE, limits.answers, "256MiB",
	    "answers that wait to be read by their clients", .min = 1 * MIB, .max = 1 * TIB),
	KEY("query.maxTime", DURATION, query.max_time_ms, "5s",
	    "a question ends after so long, with what it has", .min = 10, .max = 1 * HOURS),
	KEY("query.maxRows", NUMBER, query.max_rows, "50000000",
	    "stored rows that a question looks at", .min = 1000, .max = 4000000000),
	KEY("query.maxMemory", SIZE, query.max_memory, "64MiB",
	    "memory of a question, and of its answer", .min = 1 * MIB, .max = 64 * GIB),
	KEY("query.maxLimit", NUMBER, query.max_limit, "10000",
	    "flows or groups of one answer", .min = 10, .max = 1000000),
	KEY("query.workers", NUMBER, query.workers, "4",
	    "questions answered at once", .min = 1, .max = 256),
	KEY("query.queue", NUMBER, query.queue, "256",
	    "questions that wait; more are refused", .min = 1, .max = 100000),
	KEY("live.maxClients", NUMBER, live.max_clients, "2000",
	    "live streams at once", .min = 1, .max = 1000000),
	KEY("live.queue", NUMBER, live.queue, "10000",
	    "flows kept for a slow reader; then it loses some, and is told how many", .min = 1, .max = 1000000),
	KEY("live.maxAge", DURATION, live.max_age_ms, "1h",
	    "a stream ends after so long: whoever reads on signs in again", .min = 1 * SECONDS, .max = 24 * HOURS),
	KEY("live.memory", SIZE, live.memory, "128MiB",
	    "memory of all live streams", .min = 1 * MIB, .max = 64 * GIB),
	KEY("access.file", PATH, access.file, "/etc/weir/access.yaml",
	    "who may see what: tokens, projects, roles, bindings"),
	KEY("access.audit", PATH, access.audit, "/var/lib/weir-hub/audit.log",
	    "the audit log"),
	KEY("oidc.issuer", TEXT, oidc.issuer, "",
	    "OpenID Connect issuer whose tokens are taken; empty: none"),
	KEY("oidc.audience", TEXT, oidc.audience, "weir",
	    "audience that its tokens must have"),
	KEY("oidc.userClaim", TEXT, oidc.user_claim, "sub",
	    "claim that names the user"),
	KEY("oidc.groupsClaim", TEXT, oidc.groups_claim, "groups",
	    "claim that lists the user's groups"),
	KEY("oidc.ca", PATH, oidc.ca_file, "",
	    "PEM file: who may certify the issuer; empty: whom the system trusts"),
	KEY("kubernetes.server", TEXT, kubernetes.server, "",
	    "API server that reviews tokens of service accounts; empty: none"),
	KEY("kubernetes.tokenFile", PATH, kubernetes.token_file,
	    "/var/run/secrets/kubernetes.io/serviceaccount/token",
	    "the hub's own token there"),
	KEY("kubernetes.ca", PATH, kubernetes.ca_file,
	    "/var/run/secrets/kubernetes.io/serviceaccount/ca.crt",
	    "PEM file: who may certify the API server"),
	KEY("kubernetes.audience", TEXT, kubernetes.audience, "weir-hub",
	    "audience that reviewed tokens must have"),
	KEY("log.level", CHOICE, log_level, "info",
	    "how much is logged", .choices = levels),
	KEY("log.format", CHOICE, log_format, "kv",
	    "form of the log lines", .choices = formats),
	{.name = NULL},
};
/* clang-format on */

const struct weir_config_table weir_hub_config_table = { keys, sizeof(struct weir_hub_config) };
