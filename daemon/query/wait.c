/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Method "wait": answers when every change made to the source before the call
 * is in force in the kernel, or when the time is up. Looks at the reconciler's
 * state; its retries are not hurried.
 */
#include "daemon/query/query.h"

#include <stdlib.h>

#include "daemon/reconcile/reconcile.h"
#include "daemon/source/source.h"
#include "weir/cleanup.h"

enum { POLL_MS = 10, TIMEOUT_DEFAULT_MS = 30000, TIMEOUT_MAX_MS = 3600 * 1000 };

struct waiter {
	uv_timer_t timer;
	struct weird *d;
	struct weir_rpc_reply *reply; /* NULL: answered */
	bool syncing;		      /* the source has yet to say that it has told all */
	uint64_t deadline;	      /* ms of uv_now() */
};

static void answer(struct weir_rpc_reply *reply, const struct weir_reconcile_state *state)
{
	cJSON *result = cJSON_CreateObject();

	cJSON_AddNumberToObject(result, "generation", (double)state->realised);
	weir_rpc_reply_result(reply, result);
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

static void end(struct waiter *w)
{
	uv_close((uv_handle_t *)&w->timer, on_closed);
}

static void look(struct waiter *w)
{
	struct weir_reconcile_state state;

	weir_reconcile_state(w->d->reconcile, &state);
	if (state.in_sync && !w->syncing)
		answer(weir_take(w->reply), &state);
	else if (uv_now(w->timer.loop) >= w->deadline)
		weir_rpc_reply_error(weir_take(w->reply), WEIR_RPC_TIMEOUT,
				     "not in sync within the timeout",
				     w->syncing	      ? "the source has not told all yet"
				     : state.error[0] ? state.error
						      : NULL);
	else
		return;
	/* the source still has a pointer to w: on_synced ends it */
	uv_timer_stop(&w->timer);
	if (!w->syncing)
		end(w);
}

static void on_timer(uv_timer_t *timer)
{
	look(timer->data);
}

/* In force at once, or as soon as the reconciler's retries succeed. */
static void on_synced(void *data, const struct weir_error *err)
{
	struct waiter *w = data;

	w->syncing = false;
	if (w->reply && err) {
		weir_rpc_reply_error(weir_take(w->reply), WEIR_RPC_FAILED,
				     "the source cannot be read", err->text);
	}
	if (!w->reply) {
		end(w);
		return;
	}
	weir_reconcile_now(w->d->reconcile, NULL);
	look(w);
}

void weir_query_wait(struct weird *d, const cJSON *params, struct weir_rpc_reply *reply)
{
	struct waiter *w;
	double timeout_ms;

	if (weir_query_number(params, "timeoutMs", TIMEOUT_MAX_MS, TIMEOUT_DEFAULT_MS, reply,
			      &timeout_ms) < 0)
		return;
	w = calloc(1, sizeof(*w));
	if (!w) {
		weir_rpc_reply_error(reply, WEIR_RPC_FAILED, "out of memory", NULL);
		return;
	}
	w->d = d;
	w->reply = reply;
	w->syncing = true;
	w->deadline = uv_now(d->loop) + (uint64_t)timeout_ms;
	uv_timer_init(d->loop, &w->timer);
	uv_unref((uv_handle_t *)&w->timer);
	w->timer.data = w;
	uv_timer_start(&w->timer, on_timer, POLL_MS, POLL_MS);
	d->source->ops->sync(d->source, on_synced, w);
}
