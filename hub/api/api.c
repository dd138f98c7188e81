/* SPDX-License-Identifier: Apache-2.0 */
/* The parts of the API: how they start, and in which order they end. */
#include "hub/api/api.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

#include "hub/api/counters.h"
#include "hub/api/internal.h"
#include "hub/api/live.h"
#include "hub/api/work.h"
#include "hub/config/config.h"
#include "weir/cleanup.h"

#define SIGN_INS 8 /* at once, of those that ask others */

struct weir_budget weir_api_budget(const struct weir_api *api)
{
	const struct weir_hub_config *c = api->c.hub;

	return (struct weir_budget){ .max_ms = c->query.max_time_ms,
				     .max_rows = c->query.max_rows,
				     .max_bytes = c->query.max_memory };
}

void weir_api_asked(struct weir_api *api, uint64_t started, const struct weir_answer_end *end)
{
	api->questions++;
	api->question_ns += weir_api_clock() - started;
	api->cut += !end->complete;
}

void weir_api_put_end(struct weir_json *j, const struct weir_answer_end *end)
{
	weir_json_member_bool(j, "complete", end->complete);
	if (!end->complete)
		weir_json_member(j, "why", end->why_not);
}

void weir_api_not_ready(struct weir_api *api, char *why, size_t size)
{
	struct weir_store_stats s = { 0 };

	api->c.store->ops->stats(api->c.store, &s);
	snprintf(why, size, "%s%s", s.failing ? "store: " : "", s.failing ? s.why : "");
}

void weir_api_receives(struct weir_api *api, struct weir_receive *receive)
{
	pthread_mutex_lock(&api->lock);
	api->receive = receive;
	pthread_mutex_unlock(&api->lock);
}

void weir_api_flow(struct weir_api *api, const struct weir_hub_flow *flow, bool joined)
{
	if (api->counters && !joined)
		weir_counters_add(api->counters, flow);
	weir_live_publish(api->live, flow, joined);
}

void weir_api_rights_changed(struct weir_api *api)
{
	weir_live_drop(api->live);
}

static int start(struct weir_api *api, struct weir_error *err)
{
	const struct weir_hub_config *c = api->c.hub;
	int r = 0;

	api->requests = calloc((weir_n_routes + 1) * WEIR_STATUS_CLASSES, sizeof(*api->requests));
	if (!api->requests)
		return weir_error_errno(err, ENOMEM, "http");
	if (c->metrics.flow_labels.n)
		r = weir_counters_new(&c->metrics.flow_labels, c->metrics.max_series,
				      &api->counters, err);
	if (r == 0)
		r = weir_live_start(c, &api->live, err);
	if (r == 0)
		r = weir_work_start(c->query.workers, c->query.queue, weir_server_work, &api->work,
				    err);
	if (r == 0)
		r = weir_work_start(SIGN_INS, c->query.queue, weir_server_sign_in, &api->sign_ins,
				    err);
	if (r == 0)
		r = weir_server_start(api, err);
	if (r == 0 && *c->metrics.address)
		r = weir_metrics_start(api, err);
	return r;
}

int weir_api_start(const struct weir_api_config *config, struct weir_api **ret,
		   struct weir_error *err)
{
	struct weir_api *api = calloc(1, sizeof(*api));
	int r;

	if (!api)
		return weir_error_errno(err, ENOMEM, "http");
	api->c = *config;
	pthread_mutex_init(&api->lock, NULL);
	r = start(api, err);
	if (r < 0)
		weir_api_stop(&api);
	else
		*ret = api;
	return r;
}

/* Workers first, then streams: after that no connection is suspended. */
void weir_api_stop(struct weir_api **api)
{
	struct weir_api *a = weir_take(*api);

	if (!a)
		return;
	weir_metrics_stop(a);
	if (a->sign_ins)
		weir_work_end(a->sign_ins);
	if (a->work)
		weir_work_end(a->work);
	if (a->live)
		weir_live_end(a->live);
	weir_server_stop(a);
	weir_work_free(&a->sign_ins);
	weir_work_free(&a->work);
	weir_live_free(&a->live);
	weir_counters_free(&a->counters);
	pthread_mutex_destroy(&a->lock);
	free(a->requests);
	free(a);
}
