/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ADD before the pod is known: the runtime may be faster than the watch. The
 * API server is asked once for this pod, and the watch may tell of it as well;
 * whichever comes first. When the time is up, cni.unknownPod says what happens.
 */
#include "daemon/cni/pending.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/cluster/cluster.h"
#include "daemon/source/source.h"
#include "weir/cleanup.h"
#include "weir/log.h"

enum { POLL_MS = 5 };

struct weir_cni_pending {
	uv_timer_t timer;
	struct weird *d;
	const cJSON *params; /* live as long as reply waits */
	struct weir_endpoint *ep;
	struct weir_rpc_reply *reply; /* NULL: answered, or handed on */
	bool fetching;		      /* the source will call back */
	struct weir_error why;	      /* why the pod is not known; "" */
	uint64_t deadline;	      /* ms of uv_now() */
	void (*go_on)(struct weird *d, const cJSON *params, struct weir_endpoint **ep,
		      struct weir_rpc_reply *reply);
	struct weir_cni_pending *next;
};

/* With the lock: the flow thread adds words to the pool that is searched. */
static bool is_known(struct weird *d, const struct weir_endpoint *ep)
{
	struct weir_uid uid = weir_uid_parse(ep->uid);
	bool known;

	pthread_mutex_lock(&d->world.lock);
	known = weir_cluster_knows(d->world.cluster, ep->namespace_, ep->pod, &uid);
	pthread_mutex_unlock(&d->world.lock);
	return known;
}

bool weir_cni_must_wait(struct weird *d, const struct weir_endpoint *ep)
{
	const struct weir_source *source = d->source;

	return source->ops->fetch_pod && ep->pod &&
	       (d->source->ops->ready(d->source, NULL) < 0 || !is_known(d, ep));
}

/* --- the end of it ------------------------------------------------------------------- */

static void on_closed(uv_handle_t *handle)
{
	struct weir_cni_pending *p = handle->data;

	weir_endpoint_free(&p->ep);
	free(p);
}

/* Leaves the list; goes away when nobody calls back any more. */
static void leave(struct weir_cni_pending *p)
{
	struct weir_cni_pending **at = &p->d->pending;

	while (*at && *at != p)
		at = &(*at)->next;
	if (*at)
		*at = p->next;
	uv_timer_stop(&p->timer);
	if (!p->fetching)
		uv_close((uv_handle_t *)&p->timer, on_closed);
}

static void go_on(struct weir_cni_pending *p)
{
	struct weir_endpoint *ep = weir_take(p->ep);

	p->go_on(p->d, p->params, &ep, weir_take(p->reply));
	weir_endpoint_free(&ep);
	leave(p);
}

static void refuse(struct weir_cni_pending *p, const char *msg)
{
	weir_log(WEIR_LOG_WARNING, "ADD refused", "why", msg, "container", p->ep->container_id,
		 "namespace", p->ep->namespace_, "pod", p->ep->pod, "error",
		 p->why.text[0] ? p->why.text : NULL, NULL);
	weir_rpc_reply_error(weir_take(p->reply), WEIR_RPC_TRY_AGAIN, msg,
			     p->why.text[0] ? p->why.text : NULL);
	leave(p);
}

/* An isolated start needs the policies of the others: only when they are known. */
static void time_is_up(struct weir_cni_pending *p)
{
	if (p->d->source->ops->ready(p->d->source, &p->why) < 0) {
		refuse(p, "ADD: policies are not known yet");
	} else if (p->d->config->cni.unknown_pod == WEIR_UNKNOWN_POD_FAIL) {
		refuse(p, "ADD: the API server does not know the pod");
	} else {
		weir_log(WEIR_LOG_WARNING, "pod starts isolated: the API server does not know it",
			 "container", p->ep->container_id, "namespace", p->ep->namespace_, "pod",
			 p->ep->pod, "error", p->why.text[0] ? p->why.text : NULL, NULL);
		go_on(p);
	}
}

static void look(struct weir_cni_pending *p)
{
	if (!weir_cni_must_wait(p->d, p->ep))
		go_on(p);
	else if (uv_now(p->timer.loop) >= p->deadline)
		time_is_up(p);
}

/* --- what may bring it about ------------------------------------------------------------ */

static void on_timer(uv_timer_t *timer)
{
	look(timer->data);
}

static void on_fetched(void *data, const struct weir_error *err)
{
	struct weir_cni_pending *p = data;

	p->fetching = false;
	if (!p->reply) {
		uv_close((uv_handle_t *)&p->timer, on_closed);
		return;
	}
	if (err)
		p->why = *err;
	look(p);
}

void weir_cni_wait(struct weird *d, const cJSON *params, struct weir_endpoint **ep,
		   struct weir_rpc_reply *reply,
		   void (*next)(struct weird *d, const cJSON *params, struct weir_endpoint **ep,
				struct weir_rpc_reply *reply))
{
	struct weir_cni_pending *p = calloc(1, sizeof(*p));

	if (!p) {
		weir_rpc_reply_error(reply, WEIR_RPC_FAILED, "out of memory", NULL);
		return;
	}
	p->d = d;
	p->params = params;
	p->ep = weir_take(*ep);
	p->reply = reply;
	p->go_on = next;
	p->deadline = uv_now(d->loop) + d->config->cni.pod_timeout_ms;
	p->next = d->pending;
	d->pending = p;
	uv_timer_init(d->loop, &p->timer);
	p->timer.data = p;
	uv_timer_start(&p->timer, on_timer, POLL_MS, POLL_MS);
	if (!is_known(d, p->ep)) {
		p->fetching = true;
		d->source->ops->fetch_pod(d->source, p->ep->namespace_, p->ep->pod, on_fetched, p);
	}
}

void weir_cni_abandon(struct weird *d, const char *container, const char *ifname)
{
	struct weir_cni_pending *p = d->pending, *next;

	for (; p; p = next) {
		next = p->next;
		if (strcmp(p->ep->container_id, container) == 0 &&
		    (!ifname || strcmp(p->ep->ifname, ifname) == 0))
			refuse(p, "ADD: the container was deleted before its pod was known");
	}
}
