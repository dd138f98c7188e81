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

enum { POLL_MS = 10, TIMEOUT_DEFAULT_MS = 30000, TIMEOUT_MAX_MS = 3600 * 1000 };

struct waiter {
	uv_timer_t timer;
	struct weird *d;
	struct weir_rpc_reply *reply;
	uint64_t deadline; /* ms of uv_now() */
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

static void on_timer(uv_timer_t *timer)
{
	struct waiter *w = timer->data;
	struct weir_reconcile_state state;

	weir_reconcile_state(w->d->reconcile, &state);
	if (state.in_sync)
		answer(w->reply, &state);
	else if (uv_now(timer->loop) >= w->deadline)
		weir_rpc_reply_error(w->reply, WEIR_RPC_TIMEOUT, "not in sync within the timeout",
				     state.error[0] ? state.error : NULL);
	else
		return;
	uv_close((uv_handle_t *)timer, on_closed);
}

static void wait_for(struct weird *d, uint64_t timeout_ms, struct weir_rpc_reply *reply)
{
	struct waiter *w = calloc(1, sizeof(*w));

	if (!w) {
		weir_rpc_reply_error(reply, WEIR_RPC_FAILED, "out of memory", NULL);
		return;
	}
	w->d = d;
	w->reply = reply;
	w->deadline = uv_now(d->loop) + timeout_ms;
	uv_timer_init(d->loop, &w->timer);
	uv_unref((uv_handle_t *)&w->timer);
	w->timer.data = w;
	uv_timer_start(&w->timer, on_timer, POLL_MS, POLL_MS);
}

void weir_query_wait(struct weird *d, const cJSON *params, struct weir_rpc_reply *reply)
{
	struct weir_reconcile_state state;
	struct weir_error err = { "" };
	double timeout_ms;

	if (weir_query_number(params, "timeoutMs", TIMEOUT_MAX_MS, TIMEOUT_DEFAULT_MS, reply,
			      &timeout_ms) < 0)
		return;
	if (d->source && d->source->ops->sync(d->source, &err) < 0) {
		weir_rpc_reply_error(reply, WEIR_RPC_FAILED, "the source cannot be read", err.text);
		return;
	}
	if (weir_reconcile_now(d->reconcile, NULL) == 0) {
		weir_reconcile_state(d->reconcile, &state);
		answer(reply, &state);
		return;
	}
	wait_for(d, (uint64_t)timeout_ms, reply);
}
