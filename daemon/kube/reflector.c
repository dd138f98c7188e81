/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A collection, followed for ever: list it, watch it from there, and after a
 * break go on where the watch had come to. Listed again only when the server
 * no longer knows what happened since (410), says what nobody can read, or when
 * somebody asks.
 */
#include "daemon/kube/reflector.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "weir/cleanup.h"

#define READY_MS 5000

static const struct weir_reflector_times usual_times = {
	.list_ms = 60000,
	.answer_s = 30,
	.quiet_s = 150,
	.watch_s = 420,
	.absent_ms = 10000,
	.retry_min_ms = 250,
	.retry_max_ms = 30000,
	.lived_ms = 5000,
};

/* --- what others hear ----------------------------------------------------------------- */

void weir_reflector_heard(struct weir_reflector *r)
{
	r->heard_ms = weir_kube_now_ms();
	r->state.error.text[0] = 0;
}

void weir_reflector_object(struct weir_reflector *r, cJSON *object)
{
	if (!cJSON_GetObjectItemCaseSensitive(object, "kind"))
		cJSON_AddStringToObject(object, "kind", r->config.kind);
	if (!cJSON_GetObjectItemCaseSensitive(object, "apiVersion"))
		cJSON_AddStringToObject(object, "apiVersion", r->config.api_version);
	r->ops->object(r->data, object);
}

void weir_reflector_call_due(struct weir_reflector *r)
{
	struct weir_relist *due = weir_take(r->due), *next;

	for (; due; due = next) {
		next = due->next;
		due->done(due->data);
		free(due);
	}
}

int weir_reflector_set_text(char **ret, const cJSON *object, const char *key)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));

	free(weir_take(*ret));
	if (!text || !*text)
		return 0;
	*ret = strdup(text);
	return *ret ? 0 : -ENOMEM;
}

/* --- the next step ---------------------------------------------------------------------- */

void weir_reflector_go_on(struct weir_reflector *r)
{
	const struct weir_transfer_end no_answer = { .body = "" };
	struct weir_error err;
	int e;

	uv_timer_stop(&r->timer);
	if (r->next_page || !r->version || r->wanted)
		e = weir_reflector_list(r, &err);
	else
		e = weir_reflector_watch(r, &err);
	if (e < 0) {
		r->broken = err;
		weir_reflector_failed(r, &no_answer);
	}
}

static void on_timer(uv_timer_t *timer)
{
	struct weir_reflector *r = timer->data;

	/* a watch, when somebody wants a list */
	weir_transfer_stop(&r->transfer);
	weir_lines_clear(&r->lines);
	weir_reflector_go_on(r);
}

void weir_reflector_later(struct weir_reflector *r, uint32_t ms)
{
	uv_timer_start(&r->timer, on_timer, ms, 0);
}

void weir_reflector_failed(struct weir_reflector *r, const struct weir_transfer_end *end)
{
	r->state.errors++;
	r->state.current = r->was_ready = false;
	if (r->broken.text[0])
		r->state.error = r->broken;
	else
		weir_transfer_explain(end, &r->state.error);
	r->broken.text[0] = 0;
	weir_reflector_later(r, weir_backoff_next(&r->backoff, end->retry_after_ms));
}

/* --- a collection that the server does not know ------------------------------------------ */

bool weir_reflector_is_not_found(const struct weir_reflector *r,
				 const struct weir_transfer_end *end)
{
	return r->config.optional && !end->error && end->status == 404;
}

/* A CRD that is not installed: nothing is there, which is as good as an empty list. */
static void absent(struct weir_reflector *r)
{
	if (!r->state.absent) {
		r->ops->begin(r->data);
		r->ops->end(r->data);
	}
	r->state.absent = r->state.listed = r->state.current = true;
	r->was_ready = false;
	weir_backoff_reset(&r->backoff);
	weir_reflector_heard(r);
	weir_reflector_later(r, weir_backoff_jitter(r->times.absent_ms));
	r->ops->batch(r->data);
	weir_reflector_call_due(r);
}

static void on_ready(void *data, const struct weir_kube_answer *answer)
{
	struct weir_reflector *r = data;
	const struct weir_transfer_end end = { .retry_after_ms = answer->retry_after_ms,
					       .body = "" };

	r->is_ready = NULL;
	/* who may not ask is told so by a server that works */
	r->was_ready = answer->status == 200 || answer->status == 403 || answer->status == 404;
	if (r->was_ready) {
		weir_reflector_go_on(r);
		return;
	}
	weir_error_set(&r->broken, EAGAIN, "HTTP 404, and the server is not ready");
	weir_reflector_failed(r, &end);
}

/* A server that has just started may not know its CRDs yet and say 404 (1.20 says
 * 503, not all do). To believe it then would be to forget all policies. So the collection is asked
 * for again once the server has said that it is ready. */
void weir_reflector_not_found(struct weir_reflector *r)
{
	const struct weir_transfer_end no_answer = { .body = "" };
	const struct weir_kube_request request = {
		.method = "GET",
		.path = "/readyz",
		.timeout_ms = READY_MS,
		.done = on_ready,
		.data = r,
	};

	if (r->state.absent || r->was_ready) {
		absent(r);
		return;
	}
	if (weir_kube_request(r->kube, &request, &r->is_ready, &r->broken) < 0)
		weir_reflector_failed(r, &no_answer);
}

/* --- life ------------------------------------------------------------------------------------ */

int weir_reflector_relist(struct weir_reflector *r, void (*done)(void *data), void *data)
{
	struct weir_relist *relist = malloc(sizeof(*relist));

	if (!relist)
		return -ENOMEM;
	*relist = (struct weir_relist){ done, data, r->wanted };
	r->wanted = relist;
	/* A list under way began too early: another one follows it. A server that
	 * failed is not hurried. */
	if (r->transfer ? !r->listing : r->state.absent && r->state.current)
		weir_reflector_later(r, 0);
	return 0;
}

int weir_reflector_start(struct weir_kube *kube, const struct weir_reflector_config *config,
			 const struct weir_reflector_ops *ops, void *data,
			 struct weir_reflector **ret, struct weir_error *err)
{
	struct weir_reflector *r = calloc(1, sizeof(*r));

	if (!r)
		return weir_error_errno(err, ENOMEM, "%s", config->path);
	r->kube = kube;
	r->config = *config;
	r->times = config->times ? *config->times : usual_times;
	r->ops = ops;
	r->data = data;
	r->items.max = r->lines.max = WEIR_OBJECT_MAX;
	r->backoff = (struct weir_backoff){ .min_ms = r->times.retry_min_ms,
					    .max_ms = r->times.retry_max_ms };
	r->heard_ms = weir_kube_now_ms();
	uv_timer_init(kube->loop, &r->timer);
	r->timer.data = r;
	weir_reflector_later(r, 0);
	*ret = r;
	return 0;
}

static void forget(struct weir_relist **list)
{
	while (*list) {
		struct weir_relist *first = *list;

		*list = first->next;
		free(first);
	}
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void weir_reflector_stop(struct weir_reflector **reflector)
{
	struct weir_reflector *r = weir_take(*reflector);

	if (!r)
		return;
	weir_transfer_stop(&r->transfer);
	weir_kube_cancel(&r->is_ready);
	weir_items_clear(&r->items);
	weir_lines_clear(&r->lines);
	forget(&r->wanted);
	forget(&r->due);
	free(r->version);
	free(r->next_page);
	uv_close((uv_handle_t *)&r->timer, on_closed);
}

void weir_reflector_state(const struct weir_reflector *r, struct weir_reflector_state *ret)
{
	*ret = r->state;
	ret->silent_ms = weir_kube_now_ms() - r->heard_ms;
}
