/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The source that is a Kubernetes API server: one reflector for each kind that
 * weir reads. What it says goes into the cluster object by object; a complete
 * list sweeps away what it did not name. While the server is away the cluster
 * stays as it was, and so does what the kernel enforces.
 */
#include "daemon/source/kubernetes.h"

#include <errno.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/cluster/cluster.h"
#include "daemon/kube/kube.h"
#include "daemon/reconcile/reconcile.h"
#include "daemon/source/manifest.h"
#include "daemon/source/source.h"
#include "daemon/weird.h"
#include "weir/cleanup.h"
#include "weir/log.h"

#define FETCH_MS	2000
#define COLLECTIONS_MAX 16

struct kubernetes;

/* All objects of one kind. */
struct collection {
	struct kubernetes *source;
	const struct weir_kind *kind;
	struct weir_reflector *reflector;
	struct weir_listed listed; /* since the list under way began */
};

/* Somebody who waits until all collections have been listed again. */
struct sync {
	struct kubernetes *source;
	unsigned missing; /* lists */
	weir_source_done *done;
	void *data;
	struct sync *next;
};

struct fetch {
	struct kubernetes *source;
	struct weir_kube_call *call;
	weir_source_done *done;
	void *data;
	struct fetch *next, **at;
};

struct kubernetes {
	struct weir_source source; /* first: what others hold */
	struct weird *d;
	struct weir_kube *kube; /* the daemon's */
	struct collection collections[COLLECTIONS_MAX];
	unsigned n;
	struct weir_broken broken;
	struct sync *syncs;
	struct fetch *fetches;
	uint64_t seen_changes; /* of the cluster, when the reconciler was kicked last */
	bool ready;	       /* all collections were listed */
};

/* --- one object ------------------------------------------------------------------- */

static const char *name_of(const cJSON *object, const char *key)
{
	const cJSON *meta = cJSON_GetObjectItemCaseSensitive(object, "metadata");

	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(meta, key));
}

/* World lock held. */
static int take(struct kubernetes *k, const struct weir_kind *kind, const cJSON *object,
		struct weir_error *ret_err)
{
	const char *ns = name_of(object, "namespace"), *name = name_of(object, "name");
	int r;

	if (!name)
		return weir_error_set(ret_err, EINVAL, "%s without a name", kind->kind);
	r = kind->set(&k->d->world, object, ret_err);
	if (r < 0)
		weir_broken_set(&k->broken, kind->kind, ns, name, name_of(object, "uid"),
				ret_err->text);
	else
		weir_broken_clear(&k->broken, kind->kind, ns, name);
	return r;
}

static void on_object(void *data, const cJSON *object)
{
	struct collection *c = data;
	struct weir_world *w = &c->source->d->world;
	struct weir_error err;

	weir_world_lock_to_change(w);
	take(c->source, c->kind, object, &err);
	weir_listed_add(&c->listed, name_of(object, "namespace"), name_of(object, "name"));
	pthread_mutex_unlock(&w->lock);
}

static void on_removed(void *data, const cJSON *object)
{
	struct collection *c = data;
	struct weir_world *w = &c->source->d->world;
	const char *ns = name_of(object, "namespace"), *name = name_of(object, "name");

	if (!name)
		return;
	weir_world_lock_to_change(w);
	if (c->kind->forget)
		c->kind->forget(w, object);
	else
		c->kind->remove(w, ns, name);
	pthread_mutex_unlock(&w->lock);
	weir_broken_clear(&c->source->broken, c->kind->kind, ns, name);
}

/* --- a list ------------------------------------------------------------------------ */

static void on_begin(void *data)
{
	struct collection *c = data;
	struct weir_world *w = &c->source->d->world;

	pthread_mutex_lock(&w->lock);
	weir_listed_begin(&c->listed, w->pool);
	if (c->kind->object == WEIR_OBJECT_POD)
		weir_cluster_begin_list(w->cluster);
	pthread_mutex_unlock(&w->lock);
}

static bool was_listed(void *data, const char *ns, const char *name)
{
	return weir_listed_has(data, ns, name);
}

static void on_end(void *data)
{
	struct collection *c = data;
	struct weir_world *w = &c->source->d->world;
	int r;

	weir_world_lock_to_change(w);
	r = weir_listed_failed(&c->listed)
		    ? -ENOMEM
		    : weir_cluster_sweep(w->cluster, c->kind->object, c->kind->kind, was_listed,
					 &c->listed);
	if (r == 0)
		weir_broken_sweep(&c->source->broken, c->kind->kind, was_listed, &c->listed);
	weir_listed_end(&c->listed);
	if (c->kind->object == WEIR_OBJECT_POD)
		weir_cluster_end_list(w->cluster);
	pthread_mutex_unlock(&w->lock);
	malloc_trim(0); /* decoding 30,000 objects takes more than keeping them */
	if (r < 0)
		weir_log(WEIR_LOG_ERROR, "what has gone is kept until the next list", "kind",
			 c->kind->kind, "error", strerror(-r), NULL);
}

/* --- when there is news --------------------------------------------------------------- */

static int k8s_ready(struct weir_source *source, struct weir_error *err)
{
	struct kubernetes *k = (struct kubernetes *)source;
	struct weir_reflector_state state;

	for (unsigned i = 0; !k->ready && i < k->n; i++) {
		weir_reflector_state(k->collections[i].reflector, &state);
		if (!state.listed)
			return weir_error_set(err, EAGAIN, "%s: no list of %s yet%s%s",
					      weir_kube_url(k->kube), k->collections[i].kind->kind,
					      state.error.text[0] ? ": " : "", state.error.text);
	}
	k->ready = true;
	return 0;
}

static void on_batch(void *data)
{
	struct collection *c = data;
	struct kubernetes *k = c->source;
	uint64_t changes = weir_cluster_changes(k->d->world.cluster);
	bool was_ready = k->ready;

	if (k8s_ready(&k->source, NULL) < 0)
		return;
	if (!was_ready)
		weir_log(WEIR_LOG_INFO, "the API server has told all", "server",
			 weir_kube_url(k->kube), NULL);
	if (!was_ready || changes != k->seen_changes)
		weir_reconcile_kick(k->d->reconcile);
	k->seen_changes = changes;
}

static const struct weir_reflector_ops reflector_ops = {
	.begin = on_begin,
	.object = on_object,
	.removed = on_removed,
	.end = on_end,
	.batch = on_batch,
};

/* --- somebody waits -------------------------------------------------------------------- */

static void finish_sync(struct sync *sync, const struct weir_error *err)
{
	struct sync **at = &sync->source->syncs;

	while (*at != sync)
		at = &(*at)->next;
	*at = sync->next;
	sync->done(sync->data, err);
	free(sync);
}

static void on_listed_again(void *data)
{
	struct sync *sync = data;

	if (--sync->missing == 0)
		finish_sync(sync, NULL);
}

static void k8s_sync(struct weir_source *source, weir_source_done *done, void *data)
{
	struct kubernetes *k = (struct kubernetes *)source;
	struct sync *sync = calloc(1, sizeof(*sync));
	struct weir_error err;

	if (!sync) {
		weir_error_errno(&err, ENOMEM, "sync");
		done(data, &err);
		return;
	}
	*sync = (struct sync){
		.source = k, .missing = k->n, .done = done, .data = data, .next = k->syncs
	};
	k->syncs = sync;
	for (unsigned i = 0; i < k->n; i++) {
		if (weir_reflector_relist(k->collections[i].reflector, on_listed_again, sync) < 0)
			on_listed_again(sync);
	}
}

/* --- one pod ------------------------------------------------------------------------------ */

static void finish_fetch(struct fetch *f, const struct weir_error *err)
{
	*f->at = f->next;
	if (f->next)
		f->next->at = f->at;
	f->done(f->data, err);
	free(f);
}

static const struct weir_kind *kind_of(const char *name)
{
	bool misspelt;

	return weir_kind_find(name, &misspelt);
}

static void on_pod(void *data, const struct weir_kube_answer *answer)
{
	struct fetch *f = data;
	struct weir_world *w = &f->source->d->world;
	const struct weir_error *error = answer->error;
	struct weir_error err;
	int r = 0;

	f->call = NULL;
	if (!error) {
		weir_world_lock_to_change(w);
		r = take(f->source, kind_of("Pod"), answer->body, &err);
		pthread_mutex_unlock(&w->lock);
	}
	finish_fetch(f, r < 0 ? &err : error);
}

static void k8s_fetch_pod(struct weir_source *source, const char *namespace_, const char *pod,
			  weir_source_done *done, void *data)
{
	struct kubernetes *k = (struct kubernetes *)source;
	WEIR_AUTO_FREE char *path = NULL;
	struct fetch *f = calloc(1, sizeof(*f));
	struct weir_kube_request request = { .method = "GET", .timeout_ms = FETCH_MS };
	struct weir_error err;

	if (!f || asprintf(&path, "/api/v1/namespaces/%s/pods/%s", namespace_, pod) < 0) {
		free(f);
		weir_error_errno(&err, ENOMEM, "%s/%s", namespace_, pod);
		done(data, &err);
		return;
	}
	*f = (struct fetch){
		.source = k, .done = done, .data = data, .next = k->fetches, .at = &k->fetches
	};
	if (f->next)
		f->next->at = &f->next;
	k->fetches = f;
	request.path = path;
	request.done = on_pod;
	request.data = f;
	if (weir_kube_request(k->kube, &request, &f->call, &err) < 0)
		finish_fetch(f, &err);
}

/* --- what is said about it ------------------------------------------------------------------ */

static cJSON *collection_status(const struct collection *c)
{
	cJSON *item = cJSON_CreateObject();
	struct weir_reflector_state state;

	weir_reflector_state(c->reflector, &state);
	cJSON_AddStringToObject(item, "kind", c->kind->kind);
	cJSON_AddBoolToObject(item, "listed", state.listed);
	cJSON_AddBoolToObject(item, "current", state.current);
	cJSON_AddBoolToObject(item, "absent", state.absent);
	cJSON_AddNumberToObject(item, "silentMs", (double)state.silent_ms);
	cJSON_AddNumberToObject(item, "lists", (double)state.lists);
	cJSON_AddNumberToObject(item, "watches", (double)state.watches);
	cJSON_AddNumberToObject(item, "events", (double)state.events);
	cJSON_AddNumberToObject(item, "unknownEvents", (double)state.unknown);
	cJSON_AddNumberToObject(item, "errors", (double)state.errors);
	if (state.error.text[0])
		cJSON_AddStringToObject(item, "error", state.error.text);
	else
		cJSON_AddNullToObject(item, "error");
	return item;
}

static cJSON *k8s_status(const struct weir_source *source)
{
	const struct kubernetes *k = (const struct kubernetes *)source;
	cJSON *status = cJSON_CreateObject(), *list;

	cJSON_AddStringToObject(status, "kind", "kubernetes");
	cJSON_AddStringToObject(status, "server", weir_kube_url(k->kube));
	cJSON_AddBoolToObject(status, "ready", k->ready);
	list = cJSON_AddArrayToObject(status, "collections");
	for (unsigned i = 0; i < k->n; i++)
		cJSON_AddItemToArray(list, collection_status(&k->collections[i]));
	cJSON_AddItemToObject(status, "broken", weir_broken_status(&k->broken));
	return status;
}

static void k8s_counts(const struct weir_source *source, uint64_t *broken, uint64_t *errors)
{
	const struct kubernetes *k = (const struct kubernetes *)source;

	weir_broken_counts(&k->broken, broken, errors);
}

static void k8s_metrics(const struct weir_source *source, FILE *out)
{
	const struct kubernetes *k = (const struct kubernetes *)source;
	struct weir_kind_state states[COLLECTIONS_MAX];

	for (unsigned i = 0; i < k->n; i++) {
		states[i].kind = k->collections[i].kind->kind;
		weir_reflector_state(k->collections[i].reflector, &states[i].state);
	}
	weir_source_kubernetes_metrics(out, states, k->n);
}

/* --- life --------------------------------------------------------------------------------------
 */

static void end_waiting(struct kubernetes *k)
{
	struct weir_error err;

	weir_error_set(&err, ECANCELED, "weird is ending");
	while (k->syncs)
		finish_sync(k->syncs, &err);
	while (k->fetches) {
		weir_kube_cancel(&k->fetches->call);
		finish_fetch(k->fetches, &err);
	}
}

static void k8s_close(struct weir_source *source)
{
	struct kubernetes *k = (struct kubernetes *)source;

	for (unsigned i = 0; i < k->n; i++) {
		weir_reflector_stop(&k->collections[i].reflector);
		weir_listed_end(&k->collections[i].listed);
	}
	end_waiting(k);
	weir_broken_free(&k->broken);
	free(k);
}

static const struct weir_source_ops k8s_ops = {
	.name = "kubernetes",
	.ready = k8s_ready,
	.sync = k8s_sync,
	.fetch_pod = k8s_fetch_pod,
	.status = k8s_status,
	.counts = k8s_counts,
	.metrics = k8s_metrics,
	.close = k8s_close,
};

static int follow(struct kubernetes *k, const struct weir_kind *kind, struct weir_error *err)
{
	struct collection *c = &k->collections[k->n];
	struct weir_reflector_config config = {
		.path = kind->collection,
		.query = kind->query,
		.optional = kind->optional,
		.kind = kind->kind,
		.api_version = kind->api_version,
	};
	int r;

	if (k->n == COLLECTIONS_MAX)
		return weir_error_set(err, E2BIG, "more than %d kinds", COLLECTIONS_MAX);
	c->source = k;
	c->kind = kind;
	r = weir_reflector_start(k->kube, &config, &reflector_ops, c, &c->reflector, err);
	k->n += r == 0;
	return r;
}

int weir_source_kubernetes_open(struct weird *d, struct weir_source **ret, struct weir_error *err)
{
	struct kubernetes *k = calloc(1, sizeof(*k));
	int r = 0;

	if (!k)
		return weir_error_errno(err, ENOMEM, "source");
	k->source.ops = &k8s_ops;
	k->d = d;
	k->kube = d->kube;
	for (const struct weir_kind *kind = weir_kinds; r == 0 && kind->kind; kind++) {
		if (kind->collection)
			r = follow(k, kind, err);
	}
	if (r < 0) {
		k8s_close(&k->source);
		return r;
	}
	*ret = &k->source;
	return 0;
}
