/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Puts together what weird tells people through the API server. Every second it
 * looks at what is the matter; events.c and status.c know what was said already.
 */
#include "daemon/report/report.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "daemon/cluster/cluster.h"
#include "daemon/reconcile/coverage.h"
#include "daemon/source/source.h"
#include "weir/cleanup.h"

enum {
	TICK_MS = 1000,
	LOOK_TICKS = 10, /* pods and policies are looked at every so many */
};

struct weir_report {
	struct weird *d;
	uv_timer_t timer;
	unsigned ticks;
	struct weir_events *events; /* NULL: report.events is "no" */
	struct weir_denials *denials;
	struct weir_lease *lease;
	struct weir_status *status; /* NULL: report.status is "no" */
	bool was_leader;
};

/* --- pods ------------------------------------------------------------------------------ */

static void post_on_pod(struct weir_report *r, const char *ns, const char *name,
			const struct weir_uid *uid, const char *reason, const char *key,
			const char *message)
{
	char uid_text[WEIR_UID_STRLEN];
	struct weir_event_object object = {
		.api_version = "v1",
		.kind = "Pod",
		.namespace_ = ns,
		.name = name,
		.uid = weir_uid_format(uid, uid_text),
	};

	weir_events_post(r->events, &object, reason, key, message);
}

static void on_denial(void *data, const struct weir_denial *denial)
{
	struct weir_report *r = data;
	const struct weir_pod *pod;
	struct weir_uid uid = { 0 };

	pthread_mutex_lock(&r->d->world.lock);
	pod = weir_cluster_pod(r->d->world.cluster, denial->namespace_, denial->pod);
	if (pod)
		uid = pod->uid;
	pthread_mutex_unlock(&r->d->world.lock);
	if (pod)
		post_on_pod(r, denial->namespace_, denial->pod, &uid, "TrafficDenied", denial->key,
			    denial->message);
}

void weir_report_denied(struct weir_report *r, const struct weir_record *record)
{
	if (r->denials)
		weir_denials_add(r->denials, record);
}

/* A host-network pod is not to be enforced: no news to anybody. */
static void on_unmanaged(void *data, const struct weir_pod *pod, enum weir_uncovered why)
{
	struct weir_report *r = data;
	char message[WEIR_ERROR_MAX];

	if (why == WEIR_UNCOVERED_HOST_NETWORK || why == WEIR_UNCOVERED_PENDING)
		return;
	snprintf(message, sizeof(message), "policy is not enforced on this pod: %s",
		 weir_uncovered_words(why));
	post_on_pod(r, pod->namespace_, pod->name, &pod->uid, "NotManaged",
		    weir_uncovered_name(why), message);
}

static void look_at_pods(struct weir_report *r)
{
	struct weir_coverage coverage;

	pthread_mutex_lock(&r->d->world.lock);
	weir_coverage_begin(&coverage, r->d);
	weir_coverage_each_unmanaged(&coverage, on_unmanaged, r);
	weir_coverage_end(&coverage);
	pthread_mutex_unlock(&r->d->world.lock);
}

/* --- policies: one node for all ----------------------------------------------------------- */

static const char *text_at(const cJSON *object, const char *key)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
}

static void post_broken(struct weir_report *r, const cJSON *item)
{
	struct weir_event_object object = {
		.kind = text_at(item, "kind"),
		.namespace_ = text_at(item, "namespace"),
		.name = text_at(item, "name"),
		.uid = text_at(item, "uid"),
	};
	const char *error = text_at(item, "error");

	if (!object.kind || !object.name || !error || !strstr(object.kind, "Policy"))
		return;
	weir_events_post(r->events, &object, "InvalidPolicy", error, error);
}

static void look_at_policies(struct weir_report *r)
{
	cJSON *status = r->d->source->ops->status(r->d->source), *item;

	cJSON_ArrayForEach (item, cJSON_GetObjectItemCaseSensitive(status, "broken"))
		post_broken(r, item);
	cJSON_Delete(status);
}

static void on_timer(uv_timer_t *timer)
{
	struct weir_report *r = timer->data;
	bool leader = weir_lease_held(r->lease), look = r->ticks++ % LOOK_TICKS == 0;

	if (r->d->source->ops->ready(r->d->source, NULL) < 0)
		return;
	if (r->status && r->was_leader && !leader)
		weir_status_forget(r->status);
	r->was_leader = leader;
	if (r->status && leader)
		weir_status_update(r->status);
	if (r->events && look)
		look_at_pods(r);
	if (r->events && look && leader)
		look_at_policies(r);
}

/* --- life ------------------------------------------------------------------------------------- */

static int open_events(struct weir_report *r, struct weir_error *err)
{
	const struct weir_config *config = r->d->config;
	struct weir_events_config events = {
		.node = config->node,
		.per_minute = config->report.per_minute,
		.repeat_ms = config->report.repeat_ms,
	};
	int e;

	if (!config->report.events)
		return 0;
	e = weir_events_new(r->d->loop, r->d->kube, &events, &r->events, err);
	return e < 0 ? e : weir_denials_new(r->d->loop, on_denial, r, &r->denials, err);
}

static int open_lease(struct weir_report *r, struct weir_error *err)
{
	WEIR_AUTO_FREE char *identity = NULL;
	uint64_t noise = uv_hrtime();

	if (getrandom(&noise, sizeof(noise), GRND_NONBLOCK) < 0)
		noise ^= (uint64_t)getpid();
	if (asprintf(&identity, "%s_%016llx", r->d->config->node, (unsigned long long)noise) < 0) {
		identity = NULL;
		return weir_error_errno(err, ENOMEM, "lease");
	}
	return weir_lease_start(r->d->loop, r->d->kube, r->d->config->report.namespace_, identity,
				&r->lease, err);
}

int weir_report_start(struct weird *d, struct weir_report **ret, struct weir_error *err)
{
	struct weir_report *r;
	int e;

	*ret = NULL;
	if (!d->kube || (!d->config->report.events && !d->config->report.status))
		return 0;
	r = calloc(1, sizeof(*r));
	if (!r)
		return weir_error_errno(err, ENOMEM, "report");
	r->d = d;
	uv_timer_init(d->loop, &r->timer);
	r->timer.data = r;
	e = open_events(r, err);
	if (e == 0)
		e = open_lease(r, err);
	if (e == 0 && d->config->report.status)
		e = weir_status_new(d, &r->status, err);
	if (e < 0) {
		weir_report_stop(&r);
		return e;
	}
	uv_timer_start(&r->timer, on_timer, TICK_MS, TICK_MS);
	*ret = r;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	free(handle->data);
}

void weir_report_stop(struct weir_report **report)
{
	struct weir_report *r = weir_take(*report);

	if (!r)
		return;
	weir_status_free(&r->status);
	weir_lease_stop(&r->lease);
	weir_denials_free(&r->denials);
	weir_events_free(&r->events);
	uv_close((uv_handle_t *)&r->timer, on_closed);
}

void weir_report_stats(const struct weir_report *r, struct weir_report_stats *ret)
{
	*ret = (struct weir_report_stats){ .leader = weir_lease_held(r->lease) };
	if (r->events)
		weir_events_stats(r->events, &ret->events);
	if (r->denials)
		ret->denials_lost = weir_denials_lost(r->denials);
	if (r->status)
		ret->written = weir_status_written(r->status);
}
