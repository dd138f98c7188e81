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
#include "daemon/hub/hub.h"
#include "daemon/numbers.h"
#include "daemon/parts.h"
#include "daemon/report/report.h"
#include "daemon/weird.h"
#include "weir/cleanup.h"
#include "weir/log.h"

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

static uint64_t on_batch(void *data, struct weir_kept *batch)
{
	return weir_hub_offer(data, batch);
}

static int open_publisher(struct weird *d, struct weir_error *err)
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
		.numbers = d->numbers,
		.on_batch = d->hub ? on_batch : NULL,
		.data = d->hub,
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

/* Flow records are made and published, whether the hub can be talked to or not. */
static void open_hub(struct weird *d)
{
	struct weir_error err;

	if (weir_hub_start(d->config, d->boot, d->numbers->seq, &d->hub, &err) < 0)
		weir_log(WEIR_LOG_ERROR, "nothing is sent to the hub", "error", err.text, NULL);
}

int weird_flows_open(struct weird *d, struct weir_error *err)
{
	char path[4096];
	bool hole = false;
	int r;

	set_up_conntrack(d);
	snprintf(path, sizeof(path), "%s/flows.state", d->config->run_dir);
	r = weir_numbers_open(path, d->boot, &d->numbers, &hole, err);
	if (r < 0)
		return r;
	open_hub(d);
	r = open_publisher(d, err);
	if (r < 0)
		return r;
	if (hole)
		explain_hole(d);
	return open_pipeline(d, err);
}

void weird_flows_close(struct weird *d)
{
	weir_pipeline_stop(&d->pipeline);
	weir_publisher_free(&d->publisher, 200);
	weir_hub_stop(&d->hub, d->numbers ? d->numbers->seq : 0);
	weir_numbers_close(&d->numbers);
}
