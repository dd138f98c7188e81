/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the lease every few seconds and does what weir_lease_judge() says. Each
 * write names the version that was read, so that of two who try one fails.
 */
#include "daemon/report/lease.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "daemon/kube/backoff.h"
#include "weir/cleanup.h"
#include "weir/log.h"

#define NAME "weir"

enum {
	DURATION_S = 15,
	EVERY_MS = 5000,
	HELD_MS = 10000, /* less than DURATION_S: we stop before another begins */
	REQUEST_MS = 4000,
};

struct weir_lease {
	struct weir_kube *kube;
	uv_timer_t timer;
	struct weir_kube_call *call;
	char *path, *collection, *identity, *namespace_;
	struct weir_lease_view view;
	cJSON *seen; /* the lease as it was read last; NULL: there is none */
	uint64_t asked_ms;
	uint64_t held_until_ms; /* 0: not held */
	bool was_held;
	struct weir_error error;
};

static uint64_t now_ms(void)
{
	return uv_hrtime() / 1000000;
}

bool weir_lease_held(const struct weir_lease *l)
{
	return l->held_until_ms > now_ms();
}

const char *weir_lease_holder(const struct weir_lease *l)
{
	return l->view.holder;
}

const char *weir_lease_error(const struct weir_lease *l)
{
	return l->error.text;
}

/* --- one round: read, then write if it is our turn ------------------------------------- */

static void on_timer(uv_timer_t *timer);

static void end_round(struct weir_lease *l)
{
	bool held = weir_lease_held(l);

	if (held != l->was_held)
		weir_log(WEIR_LOG_INFO,
			 held ? "this node writes the status of policies for the cluster"
			      : "this node writes the status of policies no longer",
			 "lease", l->identity, NULL);
	l->was_held = held;
	uv_timer_start(&l->timer, on_timer, weir_backoff_jitter(EVERY_MS), 0);
}

static void note_error(struct weir_lease *l, const struct weir_error *err)
{
	if (strcmp(l->error.text, err->text))
		weir_log(WEIR_LOG_WARNING, "lease", "error", err->text, NULL);
	l->error = *err;
}

static void ask(struct weir_lease *l, const char *method, const char *path, const cJSON *body,
		void (*done)(void *data, const struct weir_kube_answer *answer))
{
	struct weir_kube_request request = {
		.method = method,
		.path = path,
		.body = body,
		.timeout_ms = REQUEST_MS,
		.done = done,
		.data = l,
	};
	struct weir_error err;

	/* what we hold counts from before the request: the server may have taken
	 * it as early as that */
	l->asked_ms = now_ms();
	if (weir_kube_request(l->kube, &request, &l->call, &err) < 0) {
		note_error(l, &err);
		end_round(l);
	}
}

static void on_written(void *data, const struct weir_kube_answer *answer)
{
	struct weir_lease *l = data;

	l->call = NULL;
	if (!answer->error) {
		l->held_until_ms = l->asked_ms + HELD_MS;
		l->error.text[0] = 0;
		weir_lease_see(&l->view, answer->body, now_ms());
	} else if (answer->status == 409) {
		l->held_until_ms = 0; /* another was faster */
	} else {
		note_error(l, answer->error);
	}
	end_round(l);
}

/* metav1.MicroTime */
static void add_now(cJSON *spec, const char *key)
{
	char text[64];
	struct timespec now;
	struct tm tm;
	size_t n;

	clock_gettime(CLOCK_REALTIME, &now);
	gmtime_r(&now.tv_sec, &tm);
	n = strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%S", &tm);
	snprintf(text + n, sizeof(text) - n, ".%06ldZ", now.tv_nsec / 1000);
	cJSON_DeleteItemFromObjectCaseSensitive(spec, key);
	cJSON_AddStringToObject(spec, key, text);
}

static cJSON *new_lease(const struct weir_lease *l)
{
	cJSON *lease = cJSON_CreateObject(), *meta;

	cJSON_AddStringToObject(lease, "apiVersion", "coordination.k8s.io/v1");
	cJSON_AddStringToObject(lease, "kind", "Lease");
	meta = cJSON_AddObjectToObject(lease, "metadata");
	cJSON_AddStringToObject(meta, "name", NAME);
	cJSON_AddStringToObject(meta, "namespace", l->namespace_);
	cJSON_AddObjectToObject(lease, "spec");
	return lease;
}

/* As it was, but ours and of now. */
static cJSON *our_lease(const struct weir_lease *l, enum weir_lease_step step)
{
	cJSON *lease = l->seen ? cJSON_Duplicate(l->seen, true) : new_lease(l);
	cJSON *spec = cJSON_GetObjectItemCaseSensitive(lease, "spec"), *count;
	double changes = 0;

	if (!spec)
		spec = cJSON_AddObjectToObject(lease, "spec");
	cJSON_DeleteItemFromObjectCaseSensitive(spec, "holderIdentity");
	cJSON_DeleteItemFromObjectCaseSensitive(spec, "leaseDurationSeconds");
	cJSON_AddStringToObject(spec, "holderIdentity", l->identity);
	cJSON_AddNumberToObject(spec, "leaseDurationSeconds", DURATION_S);
	add_now(spec, "renewTime");
	if (step == WEIR_LEASE_RENEW)
		return lease;
	add_now(spec, "acquireTime");
	count = cJSON_GetObjectItemCaseSensitive(spec, "leaseTransitions");
	changes = cJSON_IsNumber(count) ? count->valuedouble + 1 : 0;
	cJSON_DeleteItemFromObjectCaseSensitive(spec, "leaseTransitions");
	cJSON_AddNumberToObject(spec, "leaseTransitions", changes);
	return lease;
}

static void on_read(void *data, const struct weir_kube_answer *answer)
{
	struct weir_lease *l = data;
	enum weir_lease_step step;
	cJSON *lease;

	l->call = NULL;
	if (answer->error && answer->status != 404) {
		note_error(l, answer->error);
		end_round(l);
		return;
	}
	cJSON_Delete(l->seen);
	l->seen = answer->error ? NULL : cJSON_Duplicate(answer->body, true);
	weir_lease_see(&l->view, l->seen, now_ms());
	step = weir_lease_judge(&l->view, l->identity, now_ms());
	if (step == WEIR_LEASE_LEAVE) {
		l->held_until_ms = 0;
		l->error.text[0] = 0;
		end_round(l);
		return;
	}
	lease = our_lease(l, step);
	ask(l, step == WEIR_LEASE_CREATE ? "POST" : "PUT",
	    step == WEIR_LEASE_CREATE ? l->collection : l->path, lease, on_written);
	cJSON_Delete(lease);
}

static void on_timer(uv_timer_t *timer)
{
	struct weir_lease *l = timer->data;

	ask(l, "GET", l->path, NULL, on_read);
}

/* --- life ------------------------------------------------------------------------------------ */

static int set_names(struct weir_lease *l, const char *namespace_, const char *identity)
{
	l->identity = strdup(identity);
	l->namespace_ = strdup(namespace_);
	if (asprintf(&l->collection, "/apis/coordination.k8s.io/v1/namespaces/%s/leases",
		     namespace_) < 0)
		l->collection = NULL;
	if (asprintf(&l->path, "%s/" NAME, l->collection ? l->collection : "") < 0)
		l->path = NULL;
	return l->identity && l->namespace_ && l->collection && l->path ? 0 : -ENOMEM;
}

int weir_lease_start(uv_loop_t *loop, struct weir_kube *kube, const char *namespace_,
		     const char *identity, struct weir_lease **ret, struct weir_error *err)
{
	struct weir_lease *l = calloc(1, sizeof(*l));

	if (!l)
		return weir_error_errno(err, ENOMEM, "lease");
	l->kube = kube;
	uv_timer_init(loop, &l->timer);
	l->timer.data = l;
	if (set_names(l, namespace_, identity) < 0) {
		weir_lease_stop(&l);
		return weir_error_errno(err, ENOMEM, "lease");
	}
	/* not all nodes at once, when a cluster starts */
	uv_timer_start(&l->timer, on_timer, weir_backoff_jitter(EVERY_MS / 2), 0);
	*ret = l;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	struct weir_lease *l = handle->data;

	cJSON_Delete(l->seen);
	free(l->path);
	free(l->collection);
	free(l->identity);
	free(l->namespace_);
	free(l);
}

void weir_lease_stop(struct weir_lease **lease)
{
	struct weir_lease *l = weir_take(*lease);

	if (!l)
		return;
	weir_kube_cancel(&l->call);
	uv_close((uv_handle_t *)&l->timer, on_closed);
}
