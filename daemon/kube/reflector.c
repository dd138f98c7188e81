/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A collection, followed for ever: list it, watch it from there, and after a
 * break go on where the watch had come to. Listed again only when the server
 * no longer knows what happened since (410), or when somebody asks.
 *
 * A list is asked for without a resourceVersion: it is then as new as the
 * store itself, never an old state of an API server's cache, so that nobody
 * who waits for a list can be shown the past, and pages belong together.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/kube/reflector.h"
#include "weir/cleanup.h"

enum {
	PAGE = 500,
	LIST_MS = 60000,
	LIST_SILENCE_S = 15,
	/* Bookmarks come about once a minute: a watch that says nothing for much
	 * longer is dead. */
	WATCH_SILENCE_S = 150,
	WATCH_S = 420,
	ABSENT_MS = 10000, /* until an optional collection is asked for again */
	BACKOFF_MIN_MS = 250,
	BACKOFF_MAX_MS = 30000,
	LIVED_MS = 5000, /* a watch that lasted so long was no failure */
	OBJECT_MAX = 16 << 20,
};

static void start(struct weir_reflector *r);

/* --- what others hear ----------------------------------------------------------------- */

void weir_reflector_heard(struct weir_reflector *r)
{
	r->heard_ms = uv_hrtime() / 1000000;
	r->state.error.text[0] = 0;
}

int weir_reflector_object(struct weir_reflector *r, cJSON *object)
{
	if (!cJSON_HasObjectItem(object, "kind"))
		cJSON_AddStringToObject(object, "kind", r->config.kind);
	if (!cJSON_HasObjectItem(object, "apiVersion"))
		cJSON_AddStringToObject(object, "apiVersion", r->config.api_version);
	r->ops->object(r->data, object);
	return 0;
}

static void call_all(struct weir_relist **list)
{
	struct weir_relist *due = weir_take(*list), *next;

	for (; due; due = next) {
		next = due->next;
		due->done(due->data);
		free(due);
	}
}

/* --- when to try again ------------------------------------------------------------------ */

static void on_timer(uv_timer_t *timer)
{
	start(timer->data);
}

static void later(struct weir_reflector *r, uint32_t ms)
{
	uv_timer_start(&r->timer, on_timer, ms, 0);
}

static void failed(struct weir_reflector *r, const struct weir_transfer_end *end)
{
	r->state.errors++;
	r->state.current = false;
	if (r->broken.text[0])
		r->state.error = r->broken;
	else
		weir_transfer_explain(end, &r->state.error);
	r->broken.text[0] = 0;
	later(r, weir_backoff_next(&r->backoff, end->retry_after_ms));
}

/* The server has no such collection (a CRD that is not installed): nothing is
 * there, which is as good as an empty list. */
static void absent(struct weir_reflector *r)
{
	if (!r->state.absent) {
		r->ops->begin(r->data);
		r->ops->end(r->data);
	}
	r->state.absent = r->state.listed = r->state.current = true;
	free(weir_take(r->version));
	weir_backoff_reset(&r->backoff);
	weir_reflector_heard(r);
	r->ops->batch(r->data);
	call_all(&r->due);
	later(r, weir_backoff_jitter(ABSENT_MS));
}

static bool is_absent(const struct weir_reflector *r, const struct weir_transfer_end *end)
{
	return r->config.optional && !end->error && end->status == 404;
}

/* --- list ---------------------------------------------------------------------------------- */

static int list_item(void *data, const char *text, size_t len)
{
	struct weir_reflector *r = data;
	cJSON *object = cJSON_ParseWithLength(text, len);

	if (!object)
		return weir_error_set(&r->broken, EBADMSG, "an item of the list is not JSON");
	weir_reflector_object(r, object);
	cJSON_Delete(object);
	return 0;
}

static int list_meta(void *data, const char *text, size_t len)
{
	struct weir_reflector *r = data;
	cJSON *meta = cJSON_ParseWithLength(text, len);
	int e = weir_reflector_set_text(&r->version, meta, "resourceVersion");

	if (e == 0)
		e = weir_reflector_set_text(&r->next_page, meta, "continue");
	cJSON_Delete(meta);
	return e;
}

static int list_bytes(void *data, const char *bytes, size_t len)
{
	struct weir_reflector *r = data;
	int e = weir_items_feed(&r->items, bytes, len, list_item, list_meta, r);

	if (e == -E2BIG || e == -EBADMSG)
		weir_error_set(&r->broken, -e, "the list is no list of objects");
	return e;
}

static void listed(struct weir_reflector *r)
{
	r->state.lists++;
	r->state.listed = true;
	r->state.absent = false;
	weir_backoff_reset(&r->backoff);
	weir_reflector_heard(r);
	r->ops->end(r->data);
	r->ops->batch(r->data);
	call_all(&r->due);
	start(r);
}

static void list_done(void *data, const struct weir_transfer_end *end)
{
	struct weir_reflector *r = data;
	bool whole = !end->error && end->status == 200 && r->items.ended;

	r->transfer = NULL;
	r->listing = false;
	weir_items_clear(&r->items);
	if (is_absent(r, end)) {
		absent(r);
		return;
	}
	if (whole && !r->version)
		weir_error_set(&r->broken, EBADMSG, "the list has no resourceVersion");
	if (!whole || !r->version) {
		/* a page that is too old (410), too: from the first one */
		free(weir_take(r->next_page));
		free(weir_take(r->version));
		if (!end->error && end->status == 200 && !r->broken.text[0])
			weir_error_set(&r->broken, EBADMSG, "the list ended in the middle");
		failed(r, end);
		return;
	}
	if (r->next_page)
		start(r);
	else
		listed(r);
}

static const struct weir_transfer_ops list_ops = { .bytes = list_bytes, .done = list_done };

static int list(struct weir_reflector *r, struct weir_error *err)
{
	WEIR_AUTO_FREE char *path = NULL;
	char *token = r->next_page ? curl_easy_escape(NULL, r->next_page, 0) : NULL;
	struct weir_transfer_config config = { .method = "GET",
					       .timeout_ms = LIST_MS,
					       .silence_s = LIST_SILENCE_S };
	int n = asprintf(&path, "%s?limit=%d%s%s%s%s", r->config.path, PAGE,
			 r->config.query ? "&" : "", r->config.query ? r->config.query : "",
			 token ? "&continue=" : "", token ? token : "");

	curl_free(token);
	if (n < 0)
		return weir_error_errno(err, ENOMEM, "%s", r->config.path);
	if (!r->next_page) {
		/* who asked before now is answered by this list */
		struct weir_relist **at = &r->due;

		while (*at)
			at = &(*at)->next;
		*at = weir_take(r->wanted);
		r->ops->begin(r->data);
	}
	free(weir_take(r->next_page));
	free(weir_take(r->version));
	config.path = path;
	r->listing = true;
	return weir_transfer_start(r->kube, &config, &list_ops, r, &r->transfer, err);
}

/* --- watch --------------------------------------------------------------------------------- */

static void watch_opened(void *data)
{
	struct weir_reflector *r = data;

	r->state.current = true;
	r->state.watches++;
	weir_reflector_heard(r);
}

static int watch_line(void *data, char *text, size_t len)
{
	return weir_reflector_event(data, text, len);
}

static int watch_bytes(void *data, const char *bytes, size_t len)
{
	struct weir_reflector *r = data;
	uint64_t events = r->state.events;
	int e = weir_lines_feed(&r->lines, bytes, len, watch_line, r);

	if (e == -E2BIG)
		weir_error_set(&r->broken, E2BIG, "an event is longer than %d bytes", OBJECT_MAX);
	if (r->state.events != events)
		r->ops->batch(r->data);
	return e;
}

static void watch_done(void *data, const struct weir_transfer_end *end)
{
	struct weir_reflector *r = data;
	bool lived = uv_hrtime() / 1000000 - r->began_ms >= LIVED_MS;

	r->transfer = NULL;
	weir_lines_clear(&r->lines);
	if (lived)
		weir_backoff_reset(&r->backoff);
	if (end->status == 410 || r->gone || is_absent(r, end))
		free(weir_take(r->version));
	if (end->status == 200 && !r->gone && !r->broken.text[0] && lived) {
		/* time is up, or the connection broke: go on where it was */
		start(r);
		return;
	}
	r->gone = false;
	if (is_absent(r, end)) {
		absent(r);
		return;
	}
	if (end->status == 200 && !end->error && !r->broken.text[0])
		weir_error_set(&r->broken, EPIPE, "the server ended the watch at once");
	failed(r, end);
}

static const struct weir_transfer_ops watch_ops = {
	.opened = watch_opened,
	.bytes = watch_bytes,
	.done = watch_done,
};

static int watch(struct weir_reflector *r, struct weir_error *err)
{
	WEIR_AUTO_FREE char *path = NULL;
	struct weir_transfer_config config = { .method = "GET", .silence_s = WATCH_SILENCE_S };

	if (asprintf(&path,
		     "%s?watch=1&allowWatchBookmarks=true&resourceVersion=%s&timeoutSeconds=%u%s%s",
		     r->config.path, r->version, weir_backoff_jitter(WATCH_S),
		     r->config.query ? "&" : "", r->config.query ? r->config.query : "") < 0)
		return weir_error_errno(err, ENOMEM, "%s", r->config.path);
	config.path = path;
	r->began_ms = uv_hrtime() / 1000000;
	return weir_transfer_start(r->kube, &config, &watch_ops, r, &r->transfer, err);
}

/* --- life ------------------------------------------------------------------------------------ */

/* The next step: what that is follows from what is known. */
static void start(struct weir_reflector *r)
{
	const struct weir_transfer_end no_answer = { .body = "" };
	struct weir_error err;
	int e;

	if (r->next_page || !r->version || r->wanted)
		e = list(r, &err);
	else
		e = watch(r, &err);
	if (e < 0) {
		r->broken = err;
		failed(r, &no_answer);
	}
}

int weir_reflector_relist(struct weir_reflector *r, void (*done)(void *data), void *data)
{
	struct weir_relist *relist = malloc(sizeof(*relist));

	if (!relist)
		return -ENOMEM;
	*relist = (struct weir_relist){ done, data, r->wanted };
	r->wanted = relist;
	/* A list under way began too early: another one follows it. A server that
	 * failed is not hurried. */
	if (r->transfer ? r->listing : !r->state.absent)
		return 0;
	weir_transfer_stop(&r->transfer);
	weir_lines_clear(&r->lines);
	later(r, 0);
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
	r->ops = ops;
	r->data = data;
	r->items.max = r->lines.max = OBJECT_MAX;
	r->backoff = (struct weir_backoff){ .min_ms = BACKOFF_MIN_MS, .max_ms = BACKOFF_MAX_MS };
	r->heard_ms = uv_hrtime() / 1000000;
	uv_timer_init(kube->loop, &r->timer);
	r->timer.data = r;
	later(r, 0);
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
	ret->silent_ms = uv_hrtime() / 1000000 - r->heard_ms;
}
