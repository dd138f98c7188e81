/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The metrics listener: /metrics in the text format of Prometheus 0.0.4, /healthz and
 * /readyz, on an address of its own and without signing in. One table of all
 * metrics, one snapshot of all numbers. docs/HUB.md has the same list.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/api/counters.h"
#include "hub/api/internal.h"
#include "hub/api/live.h"
#include "hub/config/config.h"
#include "hub/ingest/ingest.h"
#include "hub/receive/receive.h"
#include "hub/receive/registry.h"
#include "weir/cleanup.h"

#define CONNECTIONS_MAX 16u
#define MEMORY_MAX	((size_t)(16 * 1024)) /* of one connection */
#define TIMEOUT_S	10u
#define BEHIND_MS	10000 /* a node's newest batch is older */

/* --- numbers ----------------------------------------------------------------------------- */

struct snapshot {
	struct weir_ingest_stats ingest;
	struct weir_store_stats store;
	struct weir_receive_stats receive;
	struct weir_live_stats live;
	uint64_t connected, away, revoked, behind, node_lost;
	uint64_t failing, questions, question_ns, cut, answers;
};

static void count_nodes(struct weir_registry *registry, struct snapshot *s)
{
	WEIR_AUTO_FREE struct weir_node_state *nodes = NULL;
	size_t n = 0;

	if (weir_registry_list(registry, &nodes, &n) < 0)
		return;
	for (size_t i = 0; i < n; i++) {
		s->revoked += nodes[i].revoked_ms != 0;
		s->connected += nodes[i].connected;
		s->away += !nodes[i].revoked_ms && !nodes[i].connected;
		s->behind += nodes[i].connected && nodes[i].behind_ms > BEHIND_MS;
		s->node_lost += nodes[i].lost;
	}
}

static void take(struct weir_api *api, struct snapshot *s)
{
	weir_ingest_stats(api->c.ingest, &s->ingest);
	pthread_mutex_lock(&api->lock);
	if (api->receive)
		weir_receive_stats(api->receive, &s->receive);
	pthread_mutex_unlock(&api->lock);
	api->c.store->ops->stats(api->c.store, &s->store);
	weir_live_stats(api->live, &s->live);
	count_nodes(api->c.registry, s);
	s->failing = s->store.failing;
	s->questions = api->questions;
	s->question_ns = api->question_ns;
	s->cut = api->cut;
	s->answers = api->answers;
}

static const struct metric {
	const char *name, *type, *help, *labels;
	size_t offset;
	double scale;
} table[] = {
#define METRIC(name_, type_, member, help_, ...)                                                   \
	{                                                                                          \
		.name = name_, .type = type_, .help = help_,                                       \
		.offset = offsetof(struct snapshot, member), __VA_ARGS__                           \
	}
	/* clang-format off */
	METRIC("weir_hub_nodes", "gauge", connected, "Enrolled nodes, by state.", .labels = "state=\"connected\""),
	METRIC("weir_hub_nodes", "gauge", away, "", .labels = "state=\"away\""),
	METRIC("weir_hub_nodes", "gauge", revoked, "", .labels = "state=\"revoked\""),
	METRIC("weir_hub_nodes_behind", "gauge", behind, "Connected nodes whose newest batch is older than 10 s."),
	METRIC("weir_hub_node_records_lost_total", "counter", node_lost, "Records that nodes said will never come."),
	METRIC("weir_hub_handshakes_refused_total", "counter", receive.refused_handshakes, "Connections with a key that is not enrolled."),
	METRIC("weir_hub_enrolments_total", "counter", receive.enrolled, "Nodes enrolled."),
	METRIC("weir_hub_enrolments_refused_total", "counter", receive.refused_enrolments, "Enrolments refused."),
	METRIC("weir_hub_nodes_cut_off_total", "counter", receive.cut_off, "Nodes cut off because they broke the rules."),
	METRIC("weir_hub_received_bytes_total", "counter", receive.bytes, "Bytes received from nodes."),
	METRIC("weir_hub_batches_total", "counter", ingest.batches, "Batches taken."),
	METRIC("weir_hub_records_total", "counter", ingest.records, "Records taken."),
	METRIC("weir_hub_duplicates_total", "counter", ingest.duplicates, "Batches that had come before."),
	METRIC("weir_hub_joined_total", "counter", ingest.joined, "Records of two nodes that became one flow."),
	METRIC("weir_hub_gaps_total", "counter", ingest.gaps, "Gaps recorded."),
	METRIC("weir_hub_lost_total", "counter", ingest.lost, "Records in gaps, as far as it is known how many."),
	METRIC("weir_hub_join_waiting_records", "gauge", ingest.waiting, "Records that wait for that of the other end's node."),
	METRIC("weir_hub_commits_total", "counter", ingest.commits, "Times that something was made durable."),
	METRIC("weir_hub_commit_seconds_total", "counter", ingest.commit_ns, "Time that took.", .scale = 1e-9),
	METRIC("weir_hub_store_rows", "gauge", store.rows, "Flows stored."),
	METRIC("weir_hub_store_bytes", "gauge", store.bytes, "Bytes that they take."),
	METRIC("weir_hub_store_oldest_seconds", "gauge", store.oldest, "Time of the oldest flow.", .scale = 1e-9),
	METRIC("weir_hub_store_newest_seconds", "gauge", store.newest, "Time of the newest flow.", .scale = 1e-9),
	METRIC("weir_hub_store_partitions", "gauge", store.partitions, "Files of flows."),
	METRIC("weir_hub_store_expired_total", "counter", store.expired, "Files deleted by retention."),
	METRIC("weir_hub_store_broken_total", "counter", store.broken, "Files set aside because they were torn."),
	METRIC("weir_hub_store_failing", "gauge", failing, "1 when the last write has failed."),
	METRIC("weir_hub_questions_total", "counter", questions, "Questions that the store has answered."),
	METRIC("weir_hub_question_seconds_total", "counter", question_ns, "Time that took.", .scale = 1e-9),
	METRIC("weir_hub_questions_cut_total", "counter", cut, "Answers that are not complete: the budget ended them."),
	METRIC("weir_hub_answers_bytes", "gauge", answers, "Answers that wait to be read by their clients."),
	METRIC("weir_hub_live_clients", "gauge", live.clients, "Live streams."),
	METRIC("weir_hub_live_groups", "gauge", live.groups, "Different questions among them."),
	METRIC("weir_hub_live_bytes", "gauge", live.bytes, "Memory of what they have not read."),
	METRIC("weir_hub_live_flows_total", "counter", live.flows, "Flows held against their filters."),
	METRIC("weir_hub_live_lost_total", "counter", live.lost, "Flows that slow readers have lost."),
	METRIC("weir_hub_live_unread_total", "counter", live.unread, "Flows that were too many to be held against filters."),
	/* clang-format on */
};

static void print_number(FILE *out, const struct metric *m, const struct snapshot *s)
{
	uint64_t value = *(const uint64_t *)((const char *)s + m->offset);

	if (*m->help)
		fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name, m->type);
	fprintf(out, "%s", m->name);
	if (m->labels)
		fprintf(out, "{%s}", m->labels);
	if (m->scale != 0)
		fprintf(out, " %.6f\n", (double)value * m->scale);
	else
		fprintf(out, " %" PRIu64 "\n", value);
}

static void print_requests(FILE *out, struct weir_api *api)
{
	const char *name = "weir_hub_requests_total";

	fprintf(out, "# HELP %s Requests, by route and class of status.\n# TYPE %s counter\n", name,
		name);
	for (size_t i = 0; i <= weir_n_routes; i++) {
		for (unsigned k = 1; k < WEIR_STATUS_CLASSES; k++) {
			uint64_t n = api->requests[i * WEIR_STATUS_CLASSES + k];

			if (n)
				fprintf(out,
					"%s{method=\"%s\",route=\"%s\",status=\"%uxx\"} %" PRIu64
					"\n",
					name, weir_routes[i].method ?: "",
					weir_routes[i].path ?: "", k, n);
		}
	}
}

/* --- pages --------------------------------------------------------------------------------- */

static void page_metrics(struct weir_api *api, FILE *out, unsigned *status)
{
	struct snapshot s = { 0 };

	take(api, &s);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(table); i++)
		print_number(out, &table[i], &s);
	print_requests(out, api);
	if (api->counters)
		weir_counters_print(api->counters, out);
}

static void page_health(struct weir_api *api, FILE *out, unsigned *status)
{
	fputs("ok\n", out);
}

static void page_ready(struct weir_api *api, FILE *out, unsigned *status)
{
	char why[256];

	weir_api_not_ready(api, why, sizeof(why));
	*status = *why ? 503 : 200;
	fprintf(out, "%s\n", *why ? why : "ready");
}

static const struct {
	const char *path;
	void (*print)(struct weir_api *api, FILE *out, unsigned *status);
} pages[] = { { "/metrics", page_metrics },
	      { "/healthz", page_health },
	      { "/readyz", page_ready } };

static enum MHD_Result answer(struct MHD_Connection *connection, unsigned status, char *body)
{
	struct MHD_Response *response =
		body ? MHD_create_response_from_buffer(strlen(body), body, MHD_RESPMEM_MUST_FREE)
		     : NULL;
	enum MHD_Result ok;

	if (!response) {
		free(body);
		return MHD_NO;
	}
	MHD_add_response_header(response, "Content-Type",
				"text/plain; version=0.0.4; charset=utf-8");
	ok = MHD_queue_response(connection, status, response);
	MHD_destroy_response(response);
	return ok;
}

static enum MHD_Result on_request(void *data, struct MHD_Connection *connection, const char *url,
				  const char *method, const char *version, const char *upload,
				  size_t *upload_size, void **state)
{
	unsigned status = 200;
	char *body = NULL;
	size_t len;
	FILE *out;

	if (strcmp(method, "GET") && strcmp(method, "HEAD"))
		return answer(connection, 405, strdup("only GET\n"));
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(pages); i++) {
		if (strcmp(url, pages[i].path) || !(out = open_memstream(&body, &len)))
			continue;
		pages[i].print(data, out, &status);
		if (fclose(out) == 0)
			return answer(connection, status, body);
		free(body);
		return MHD_NO;
	}
	return answer(connection, 404, strdup("here are /metrics, /healthz, /readyz\n"));
}

/* --- life ------------------------------------------------------------------------------------ */

int weir_metrics_start(struct weir_api *api, struct weir_error *err)
{
	const char *text = api->c.hub->metrics.address;
	struct sockaddr_storage sa;

	if (weir_hub_sockaddr(text, &sa) < 0)
		return weir_error_set(err, EINVAL, "metrics.address: %s", text);
	errno = 0;
	api->metrics = MHD_start_daemon(
		MHD_USE_EPOLL_INTERNAL_THREAD | (sa.ss_family == AF_INET6 ? MHD_USE_IPv6 : 0u), 0,
		NULL, NULL, on_request, api, MHD_OPTION_SOCK_ADDR, &sa, MHD_OPTION_CONNECTION_LIMIT,
		CONNECTIONS_MAX, MHD_OPTION_CONNECTION_TIMEOUT, TIMEOUT_S,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, MEMORY_MAX, MHD_OPTION_END);
	if (api->metrics)
		return 0;
	return weir_error_errno(err, errno ?: EIO, "metrics.address: listen on %s", text);
}

void weir_metrics_stop(struct weir_api *api)
{
	if (api->metrics)
		MHD_stop_daemon(weir_take(api->metrics));
}
