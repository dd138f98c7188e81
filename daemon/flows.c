/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens the way of the flow records: numbering, publisher, pipeline, kernel
 * events. Called by parts.c.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <time.h>

#include "backends/flow/kernel.h"
#include "daemon/flow/rejudge.h"
#include "daemon/numbers.h"
#include "daemon/parts.h"
#include "daemon/report/report.h"
#include "daemon/weird.h"
#include "weir/cleanup.h"
#include "weir/log.h"

/* Numbers reserved ahead, and how often it is looked whether they suffice: a
 * node would have to make four million records a second to get past. */
#define AHEAD	 (8ull * 1000 * 1000)
#define EVERY_MS 1000

struct weird_numbering {
	uv_timer_t timer;
	struct weird *d;
	char path[4096];
	uint64_t seq, batch; /* reserved: all in use are below */
};

static int reserve(struct weird_numbering *n, uint64_t seq, uint64_t batch, struct weir_error *err)
{
	int r = weir_numbers_save(n->path, n->d->boot, seq + AHEAD, batch + AHEAD, false, err);

	if (r == 0) {
		n->seq = seq + AHEAD;
		n->batch = batch + AHEAD;
	}
	return r;
}

static void on_timer(uv_timer_t *timer)
{
	struct weird_numbering *n = timer->data;
	struct weir_publish_stats stats;
	struct weir_error err;

	weir_publisher_stats(n->d->publisher, &stats);
	if (stats.next_seq + AHEAD / 2 < n->seq && stats.next_batch + AHEAD / 2 < n->batch)
		return;
	if (reserve(n, stats.next_seq, stats.next_batch, &err) < 0)
		weir_log(WEIR_LOG_ERROR, "numbers of flow records cannot be reserved", "error",
			 err.text, NULL);
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static int open_numbering(struct weird *d, struct weir_numbers *ret, struct weir_error *err)
{
	struct weird_numbering *n = calloc(1, sizeof(*n));
	int r;

	if (!n)
		return weir_error_errno(err, ENOMEM, "numbering");
	n->d = d;
	snprintf(n->path, sizeof(n->path), "%s/flows.state", d->config->run_dir);
	weir_numbers_load(n->path, d->boot, ret);
	r = reserve(n, ret->seq, ret->batch, err);
	if (r < 0) {
		free(n);
		return r;
	}
	uv_timer_init(d->loop, &n->timer);
	n->timer.data = n;
	d->numbering = n;
	return 0;
}

static void close_numbering(struct weird *d, const struct weir_publish_stats *last)
{
	struct weird_numbering *n = weir_take(d->numbering);

	if (!n)
		return;
	if (last)
		weir_numbers_save(n->path, d->boot, last->next_seq, last->next_batch, true, NULL);
	uv_close((uv_handle_t *)&n->timer, on_closed);
}

/* Said to subscribers: what lies between the numbers they saw and the next
 * ones may have been records of a weird that was killed, or nothing. */
static void explain_hole(struct weird *d)
{
	struct weir_record gap = {
		.type = WEIR_RECORD_GAP,
		.lost_at = WEIR_LOSS_QUEUE,
		.staged = WEIR_VERDICT_MAX,
	};
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	gap.time = (uint64_t)now.tv_sec * 1000000000ull + (uint64_t)now.tv_nsec;
	weir_publisher_add(d->publisher, &gap);
}

static int open_publisher(struct weird *d, const struct weir_numbers *first, struct weir_error *err)
{
	const struct weir_config *c = d->config;
	size_t n = c->flows.publish.n + c->flows.connect.n;
	WEIR_AUTO_FREE struct weir_publish_endpoint *endpoints = calloc(n + 1, sizeof(*endpoints));
	struct weir_publish_config config = {
		.node = c->node,
		.boot = d->boot,
		.n_endpoints = n,
		.endpoints = endpoints,
		.curve_secret_file = *c->flows.curve_secret ? c->flows.curve_secret : NULL,
		.curve_clients_dir = *c->flows.curve_clients ? c->flows.curve_clients : NULL,
		.batch_records = c->flows.batch_records,
		.batch_ms = c->flows.batch_ms,
		.queue = c->flows.queue,
		.history = c->flows.history,
		.first_seq = first->seq,
		.first_batch = first->batch,
	};

	if (!endpoints)
		return weir_error_errno(err, ENOMEM, "publisher");
	for (size_t i = 0; i < c->flows.publish.n; i++)
		endpoints[i].address = c->flows.publish.items[i];
	for (size_t i = 0; i < c->flows.connect.n; i++)
		endpoints[c->flows.publish.n + i] =
			(struct weir_publish_endpoint){ c->flows.connect.items[i], true };
	return weir_publisher_new(&config, &d->publisher, err);
}

static void on_denied(void *data, const struct weir_record *record)
{
	weir_report_denied(data, record);
}

static void on_suspect(void *data, const struct weir_flow *flow)
{
	weir_rejudge_suspect(data, flow);
}

static int open_pipeline(struct weird *d, struct weir_error *err)
{
	struct weir_pipeline_config config = {
		.interval_ms = d->config->flows.interval_ms,
		.denied_ms = d->config->flows.denied_ms,
		.max_connections = d->config->flows.max_connections,
		.max_denied = d->config->flows.max_denied,
		.denied = d->report ? on_denied : NULL,
		.data = d->report,
		.suspect = d->rejudge ? on_suspect : NULL,
		.suspect_data = d->rejudge,
	};
	struct weir_flow_config kernel = {
		.nflog_group = (uint16_t)d->config->nflog_group,
		.buffer = (uint32_t)d->config->flows.buffer,
	};
	struct weir_flow_source *source = NULL;
	int r = weir_pipeline_new(&config, &d->world, d->publisher, &d->pipeline, err);

	if (r < 0)
		return r;
	kernel.sink = weir_pipeline_sink(d->pipeline);
	r = weir_backend_flows(d->backend, &kernel, &source, err);
	return r < 0 ? r : weir_pipeline_start(d->pipeline, source, err);
}

/* Without these settings records lack counters and times; they are still true. */
static void set_up_conntrack(struct weird *d)
{
	struct weir_error err = { "" };
	char report[512] = "";

	if (d->config->flows.conntrack == WEIR_SETTING_SET) {
		if (weir_conntrack_setup(d->config->sysctl_dir, report, sizeof(report), &err) < 0)
			weir_log(WEIR_LOG_WARNING, "conntrack settings", "error", err.text, NULL);
		weir_log(WEIR_LOG_DEBUG, "conntrack settings", "settings", report, NULL);
	} else if (weir_conntrack_check(&err) < 0) {
		weir_log(WEIR_LOG_WARNING, "conntrack settings", "error", err.text, NULL);
	}
}

int weird_flows_open(struct weird *d, struct weir_error *err)
{
	struct weir_numbers first;
	int r;

	set_up_conntrack(d);
	r = open_numbering(d, &first, err);
	if (r == 0)
		r = open_publisher(d, &first, err);
	if (r < 0)
		return r;
	if (first.hole)
		explain_hole(d);
	uv_timer_start(&d->numbering->timer, on_timer, EVERY_MS, EVERY_MS);
	return open_pipeline(d, err);
}

void weird_flows_close(struct weird *d)
{
	struct weir_publish_stats last;
	bool known = d->publisher != NULL;

	weir_pipeline_stop(&d->pipeline);
	if (known) {
		weir_publisher_flush(d->publisher);
		weir_publisher_stats(d->publisher, &last);
	}
	weir_publisher_free(&d->publisher, 200);
	close_numbering(d, known ? &last : NULL);
}
