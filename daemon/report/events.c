/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Events, remembered for as long as they are repeated: the first is made at
 * once, later ones count it up, at most once in repeat_ms. A bucket of tokens
 * bounds the requests, a table size what is remembered.
 */
#include "daemon/report/events.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include <uthash.h>

#include "weir/cleanup.h"
#include "weir/log.h"

enum {
	TICK_MS = 1000,
	KNOWN_MAX = 1024,
	FORGET_MS = 600 * 1000, /* one that was not repeated for so long */
	REQUEST_MS = 5000,
	BURST_MIN = 10,
};

struct event {
	char *key;
	char *path; /* of the Event; NULL: the server has none yet */
	char *collection;
	cJSON *object; /* as it was sent first */
	char *message;
	uint64_t count;	  /* all */
	uint64_t written; /* of these, in the Event */
	uint64_t last_ms, written_ms;
	struct weir_kube_call *call; /* one at a time */
	struct weir_events *events;
	UT_hash_handle hh;
};

struct weir_events {
	struct weir_kube *kube;
	uv_timer_t timer;
	char *node;
	unsigned per_minute, repeat_ms;
	double tokens;
	struct event *known;
	struct weir_events_stats stats;
	char error[WEIR_ERROR_MAX]; /* the last one that was logged */
};

static uint64_t now_ms(void)
{
	return uv_hrtime() / 1000000;
}

static void format_now(char *buf, size_t size)
{
	time_t now = time(NULL);
	struct tm tm;

	gmtime_r(&now, &tm);
	strftime(buf, size, "%Y-%m-%dT%H:%M:%SZ", &tm);
}

static void free_event(struct event *e)
{
	weir_kube_cancel(&e->call);
	cJSON_Delete(e->object);
	free(e->key);
	free(e->path);
	free(e->collection);
	free(e->message);
	free(e);
}

static void drop_event(struct weir_events *es, struct event *e)
{
	HASH_DEL(es->known, e);
	free_event(e);
}

/* --- what is sent ------------------------------------------------------------------ */

static cJSON *new_body(const struct event *e)
{
	cJSON *body = cJSON_Duplicate(e->object, true);
	char now[32];

	format_now(now, sizeof(now));
	cJSON_AddStringToObject(body, "firstTimestamp", now);
	cJSON_AddStringToObject(body, "lastTimestamp", now);
	cJSON_AddStringToObject(body, "message", e->message);
	cJSON_AddNumberToObject(body, "count", (double)e->count);
	return body;
}

static cJSON *patch_body(const struct event *e)
{
	cJSON *body = cJSON_CreateObject();
	char now[32];

	format_now(now, sizeof(now));
	cJSON_AddStringToObject(body, "lastTimestamp", now);
	cJSON_AddStringToObject(body, "message", e->message);
	cJSON_AddNumberToObject(body, "count", (double)e->count);
	return body;
}

static void remember_path(struct event *e, const cJSON *answer)
{
	const cJSON *meta = cJSON_GetObjectItemCaseSensitive(answer, "metadata");
	const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(meta, "name"));

	if (!e->path && name && asprintf(&e->path, "%s/%s", e->collection, name) < 0)
		e->path = NULL;
}

static void on_answer(void *data, const struct weir_kube_answer *answer)
{
	struct event *e = data;
	struct weir_events *es = e->events;

	e->call = NULL;
	if (!answer->error) {
		es->stats.sent++;
		es->error[0] = 0;
		remember_path(e, answer->body);
		return;
	}
	es->stats.failed++;
	if (answer->status == 404) /* it ran out at the server: the next one is new */
		free(weir_take(e->path));
	if (strcmp(es->error, answer->error->text))
		weir_log(WEIR_LOG_WARNING, "Event not taken", "error", answer->error->text, NULL);
	memcpy(es->error, answer->error->text, sizeof(es->error));
}

static void send_event(struct weir_events *es, struct event *e)
{
	cJSON *body = e->path ? patch_body(e) : new_body(e);
	struct weir_kube_request request = {
		.method = e->path ? "PATCH" : "POST",
		.path = e->path ? e->path : e->collection,
		.body = body,
		.content_type = e->path ? "application/merge-patch+json" : NULL,
		.timeout_ms = REQUEST_MS,
		.done = on_answer,
		.data = e,
	};
	struct weir_error err;

	es->tokens -= 1;
	e->written = e->count;
	e->written_ms = now_ms();
	if (weir_kube_request(es->kube, &request, &e->call, &err) < 0)
		es->stats.failed++;
	cJSON_Delete(body);
}

static bool is_due(const struct weir_events *es, const struct event *e, uint64_t now)
{
	return !e->call && e->written != e->count &&
	       (!e->written_ms || now - e->written_ms >= es->repeat_ms);
}

static void on_timer(uv_timer_t *timer)
{
	struct weir_events *es = timer->data;
	uint64_t now = now_ms();
	double burst = es->per_minute > BURST_MIN ? es->per_minute : BURST_MIN;
	struct event *e, *next;

	es->tokens += (double)es->per_minute * TICK_MS / 60000;
	if (es->tokens > burst)
		es->tokens = burst;
	HASH_ITER (hh, es->known, e, next) {
		if (is_due(es, e, now) && es->tokens >= 1)
			send_event(es, e);
		else if (!e->call && now - e->last_ms > FORGET_MS)
			drop_event(es, e);
	}
}

/* --- what is said ---------------------------------------------------------------------- */

static void add_text(cJSON *object, const char *key, const char *text)
{
	if (text && *text)
		cJSON_AddStringToObject(object, key, text);
}

/* Unique without being a secret: two weirds may write about one object. */
static void add_name(cJSON *meta, const char *object)
{
	char name[300];
	uint64_t noise = now_ms();

	if (getrandom(&noise, sizeof(noise), GRND_NONBLOCK) < 0)
		noise ^= (uint64_t)time(NULL) << 20;
	snprintf(name, sizeof(name), "%.200s.%016llx", object, (unsigned long long)noise);
	cJSON_AddStringToObject(meta, "name", name);
}

static cJSON *describe(const struct weir_events *es, const struct weir_event_object *o,
		       const char *reason)
{
	cJSON *event = cJSON_CreateObject(), *meta, *about, *source;

	cJSON_AddStringToObject(event, "apiVersion", "v1");
	cJSON_AddStringToObject(event, "kind", "Event");
	meta = cJSON_AddObjectToObject(event, "metadata");
	add_name(meta, o->name);
	cJSON_AddStringToObject(meta, "namespace", o->namespace_ ? o->namespace_ : "default");
	about = cJSON_AddObjectToObject(event, "involvedObject");
	add_text(about, "apiVersion", o->api_version);
	add_text(about, "kind", o->kind);
	add_text(about, "namespace", o->namespace_);
	add_text(about, "name", o->name);
	add_text(about, "uid", o->uid);
	cJSON_AddStringToObject(event, "type", "Warning");
	cJSON_AddStringToObject(event, "reason", reason);
	source = cJSON_AddObjectToObject(event, "source");
	cJSON_AddStringToObject(source, "component", "weird");
	cJSON_AddStringToObject(source, "host", es->node);
	return event;
}

static struct event *new_event(struct weir_events *es, char *key, const struct weir_event_object *o,
			       const char *reason)
{
	struct event *e = calloc(1, sizeof(*e));

	if (!e)
		return NULL;
	e->events = es;
	e->object = describe(es, o, reason);
	if (asprintf(&e->collection, "/api/v1/namespaces/%s/events",
		     o->namespace_ ? o->namespace_ : "default") < 0)
		e->collection = NULL;
	if (!e->object || !e->collection) {
		free_event(e);
		return NULL;
	}
	e->key = key;
	HASH_ADD_KEYPTR(hh, es->known, e->key, strlen(e->key), e);
	return e;
}

static struct event *event_of(struct weir_events *es, const struct weir_event_object *o,
			      const char *reason, const char *key)
{
	WEIR_AUTO_FREE char *whole = NULL;
	struct event *e = NULL;

	if (asprintf(&whole, "%s\n%s\n%s\n%s\n%s\n%s", o->kind, o->namespace_ ? o->namespace_ : "",
		     o->name, o->uid ? o->uid : "", reason, key) < 0) {
		whole = NULL;
		return NULL;
	}
	HASH_FIND_STR(es->known, whole, e);
	if (e || HASH_COUNT(es->known) >= KNOWN_MAX)
		return e;
	e = new_event(es, whole, o, reason);
	if (e)
		whole = NULL;
	return e;
}

void weir_events_post(struct weir_events *es, const struct weir_event_object *o, const char *reason,
		      const char *key, const char *message)
{
	struct event *e = event_of(es, o, reason, key);
	char *text = strdup(message);

	if (!e || !text) {
		es->stats.dropped++;
		free(text);
		return;
	}
	free(e->message);
	e->message = text;
	e->count++;
	e->last_ms = now_ms();
	/* what is not sent now is, by the timer */
	if (is_due(es, e, e->last_ms) && es->tokens >= 1)
		send_event(es, e);
}

/* --- life -------------------------------------------------------------------------------- */

int weir_events_new(uv_loop_t *loop, struct weir_kube *kube,
		    const struct weir_events_config *config, struct weir_events **ret,
		    struct weir_error *err)
{
	struct weir_events *es = calloc(1, sizeof(*es));

	if (!es || !(es->node = strdup(config->node))) {
		free(es);
		return weir_error_errno(err, ENOMEM, "events");
	}
	es->kube = kube;
	es->per_minute = config->per_minute;
	es->repeat_ms = config->repeat_ms;
	es->tokens = config->per_minute > BURST_MIN ? config->per_minute : BURST_MIN;
	uv_timer_init(loop, &es->timer);
	es->timer.data = es;
	uv_timer_start(&es->timer, on_timer, TICK_MS, TICK_MS);
	*ret = es;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	struct weir_events *es = handle->data;

	free(es->node);
	free(es);
}

void weir_events_free(struct weir_events **events)
{
	struct weir_events *es = weir_take(*events);
	struct event *e, *next;

	if (!es)
		return;
	HASH_ITER (hh, es->known, e, next)
		drop_event(es, e);
	uv_close((uv_handle_t *)&es->timer, on_closed);
}

void weir_events_stats(const struct weir_events *es, struct weir_events_stats *ret)
{
	*ret = es->stats;
}
