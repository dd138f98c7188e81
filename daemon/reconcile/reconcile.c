/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One run: commit the compiler, apply what has changed, note what is realised.
 * A run that fails is repeated as a full one, with backoff, until the kernel
 * has what it should. Until the source has been read once nothing is applied:
 * the kernel keeps what an earlier process enforced.
 */
#include "daemon/reconcile/reconcile.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "daemon/cluster/cluster.h"
#include "daemon/dns/dns.h"
#include "daemon/flow/rejudge.h"
#include "daemon/reconcile/bridge.h"
#include "daemon/reconcile/guards.h"
#include "daemon/reconcile/interfaces.h"
#include "daemon/source/source.h"
#include "daemon/weird.h"
#include "weir/cleanup.h"
#include "weir/log.h"

#define RETRY_MIN_MS 100u
#define RETRY_MAX_MS 30000u

struct weir_reconcile {
	struct weird *d;
	struct weir_interfaces *interfaces;
	uv_timer_t soon, retry, settle;
	int open;	    /* handles that are not closed yet */
	bool full;	    /* the next run compares and repairs */
	unsigned failed;    /* runs in a row */
	unsigned unsettled; /* failures to settle in a row */
	struct weir_reconcile_state state;
};

static uint64_t now_us(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000 + (uint64_t)t.tv_nsec / 1000;
}

/* --- one run --------------------------------------------------------------------- */

/* What is to be applied; empty when nothing is. */
static int collect(struct weir_reconcile *r, struct weir_changes **ret, struct weir_error *err)
{
	struct weir_compiler *compiler = r->d->world.compiler;
	int code = weir_compiler_commit(compiler, ret, err);

	if (code < 0 || !r->full)
		return code;
	weir_changes_free(ret);
	return weir_compiler_snapshot(compiler, ret, err);
}

/* Guards, resolvers and interfaces are the daemon's own; their lists go with every
 * transaction. */
static int apply(struct weir_reconcile *r, struct weir_changes *changes, bool lists_changed,
		 struct weir_error *err)
{
	const struct weir_world *w = &r->d->world;
	bool interfaces_changed = weir_interfaces_update(r->interfaces, changes);

	changes->guards = w->guards;
	changes->n_guards = w->n_guards;
	changes->interfaces = w->interfaces;
	changes->n_interfaces = w->n_interfaces;
	changes->tunnels = w->tunnels;
	changes->n_tunnels = w->n_tunnels;
	changes->node_addrs = w->node_addrs;
	changes->n_node_addrs = w->n_node_addrs;
	if (r->d->dns)
		weir_dns_fill(r->d->dns, changes);
	if (weir_changes_empty(changes) && !changes->full && !lists_changed && !interfaces_changed)
		return 0;
	return weir_backend_apply(r->d->backend, changes, err);
}

static void note_realised(struct weir_reconcile *r)
{
	r->state.realised = r->state.desired;
	for (struct weir_endpoint *ep = weir_endpoints_first(r->d->endpoints); ep; ep = ep->next)
		ep->realised = r->state.realised;
}

/* Longer each time, up to half a minute, and not the same on all nodes. */
static unsigned backoff_ms(unsigned failed)
{
	unsigned shift = failed < 16 ? failed : 16, ms = RETRY_MIN_MS << shift;
	uint16_t noise = 0;

	if (ms > RETRY_MAX_MS)
		ms = RETRY_MAX_MS;
	if (getrandom(&noise, sizeof(noise), GRND_NONBLOCK) < 0)
		noise = 0;
	return ms * 3 / 4 + ms / 2 * noise / UINT16_MAX; /* +- a quarter */
}

static void on_repair(uv_timer_t *timer)
{
	weir_reconcile_repair(timer->data);
	weir_reconcile_now(timer->data, NULL);
}

static void on_settle(uv_timer_t *timer);

/* What is left behind hurts nobody: the repair has time. */
static void settle(struct weir_reconcile *r)
{
	struct weir_error err;
	int ms = -1;

	if (weir_backend_settle(r->d->backend, &ms, &err) < 0) {
		ms = (int)backoff_ms(r->unsettled++);
		if (r->unsettled == 1)
			weir_log(WEIR_LOG_WARNING, "old objects are left in the kernel; repairing",
				 "error", err.text, NULL);
		uv_timer_start(&r->settle, on_repair, (uint64_t)ms, 0);
		return;
	}
	r->unsettled = 0;
	if (ms >= 0)
		uv_timer_start(&r->settle, on_settle, (uint64_t)ms, 0);
	else
		uv_timer_stop(&r->settle);
}

static void on_settle(uv_timer_t *timer)
{
	settle(timer->data);
}

/* What staged policies would do is for flow records only: enforcement goes first,
 * and goes on without. */
static void stage(struct weir_world *world)
{
	struct weir_error err;

	if (weir_cluster_stage(world->cluster, &err) < 0)
		weir_log(WEIR_LOG_WARNING,
			 "flow records have no staged verdicts until the next change", "error",
			 err.text, NULL);
}

static int run(struct weir_reconcile *r, struct weir_error *err)
{
	struct weir_world *world = &r->d->world;
	struct weir_changes *changes = NULL;
	bool lists_changed;
	int code;

	r->full |= weir_backend_needs_full(r->d->backend);
	weir_world_lock_to_change(world);
	lists_changed = weir_guards_update(world, &r->d->config->pod_cidrs);
	if (r->d->dns)
		lists_changed |= weir_dns_update(r->d->dns);
	code = collect(r, &changes, err);
	pthread_mutex_unlock(&world->lock);
	if (code < 0) {
		weir_rejudge_applied(r->d->rejudge, false);
		r->full = true;
		return weir_error_prefix(err, code, "compile");
	}
	r->state.desired = changes->generation;
	/* Without the lock: the flow thread reads the tables, only we change them. */
	code = apply(r, changes, lists_changed, err);
	pthread_mutex_lock(&world->lock);
	weir_changes_free(&changes);
	stage(world);
	weir_cluster_reap(world->cluster);
	pthread_mutex_unlock(&world->lock);
	weir_rejudge_applied(r->d->rejudge, code == 0);
	r->full = code < 0; /* what the compiler gave out is gone: all of it next time */
	if (code < 0)
		return weir_error_prefix(err, code, "apply");
	settle(r);
	code = weir_bridge_ensure(r->d, err);
	if (code == 0)
		note_realised(r);
	return code;
}

/* --- when ------------------------------------------------------------------------- */

static void on_timer(uv_timer_t *timer)
{
	weir_reconcile_now(timer->data, NULL);
}

/* A source that has not told all yet is no failure, but a start. */
static void log_failure(const struct weir_reconcile *r, int code, const struct weir_error *err)
{
	bool waits = code == -EAGAIN;

	if (strcmp(r->state.error, err->text))
		weir_log(waits ? WEIR_LOG_INFO : WEIR_LOG_ERROR,
			 waits ? "nothing is changed until the source has told all"
			       : "the kernel does not have the desired state; retrying",
			 "error", err->text, NULL);
}

static void note_failure(struct weir_reconcile *r, const struct weir_error *err)
{
	memcpy(r->state.error, err->text, sizeof(r->state.error));
	r->state.failures++;
	uv_timer_start(&r->retry, on_timer, backoff_ms(r->failed++), 0);
}

static void note_success(struct weir_reconcile *r)
{
	if (r->failed)
		weir_log(WEIR_LOG_INFO, "the kernel has the desired state again", NULL);
	r->failed = 0;
	r->state.error[0] = 0;
	uv_timer_stop(&r->retry);
}

int weir_reconcile_now(struct weir_reconcile *r, struct weir_error *err)
{
	uint64_t start = now_us();
	struct weir_error mine = { "" };
	int code;

	/* without the policies there is nothing to enforce */
	code = r->d->source->ops->ready(r->d->source, &mine);
	uv_timer_stop(&r->soon);
	if (code < 0)
		weir_error_prefix(&mine, code, "source");
	else
		code = run(r, &mine);
	r->state.runs++;
	r->state.last_us = now_us() - start;
	if (r->state.last_us > r->state.max_us)
		r->state.max_us = r->state.last_us;
	r->state.in_sync = code == 0;
	if (code < 0) {
		log_failure(r, code, &mine);
		note_failure(r, &mine);
		return weir_error_set(err, -code, "%s", mine.text);
	}
	note_success(r);
	return 0;
}

void weir_reconcile_kick(struct weir_reconcile *r)
{
	if (!r)
		return;
	r->state.in_sync = false;
	if (!uv_is_active((uv_handle_t *)&r->soon))
		uv_timer_start(&r->soon, on_timer, 0, 0);
}

void weir_reconcile_heard(struct weir_reconcile *r, const struct weir_link *link, bool gone)
{
	if (r && weir_interfaces_heard(r->interfaces, link, gone))
		weir_reconcile_kick(r);
}

void weir_reconcile_repair(struct weir_reconcile *r)
{
	r->full = true;
}

void weir_reconcile_state(const struct weir_reconcile *r, struct weir_reconcile_state *ret)
{
	*ret = r->state;
}

/* --- life ------------------------------------------------------------------------- */

static void init_timer(struct weir_reconcile *r, uv_timer_t *timer)
{
	uv_timer_init(r->d->loop, timer);
	timer->data = r;
	r->open++;
}

int weir_reconcile_new(struct weird *d, struct weir_reconcile **ret)
{
	struct weir_reconcile *r = calloc(1, sizeof(*r));

	if (!r)
		return -ENOMEM;
	r->d = d;
	r->full = true;
	if (weir_interfaces_new(d, &r->interfaces) < 0) {
		free(r);
		return -ENOMEM;
	}
	init_timer(r, &r->soon);
	init_timer(r, &r->retry);
	init_timer(r, &r->settle);
	*ret = r;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	struct weir_reconcile *r = handle->data;

	if (--r->open == 0)
		free(r);
}

void weir_reconcile_free(struct weir_reconcile **reconcile)
{
	struct weir_reconcile *r = weir_take(*reconcile);

	if (!r)
		return;
	weir_interfaces_free(&r->interfaces);
	uv_close((uv_handle_t *)&r->soon, on_closed);
	uv_close((uv_handle_t *)&r->retry, on_closed);
	uv_close((uv_handle_t *)&r->settle, on_closed);
}
