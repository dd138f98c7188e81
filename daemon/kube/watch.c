/* SPDX-License-Identifier: Apache-2.0 */
/* A reflector's watch, from where the list or the watch before it had come to. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/kube/reflector.h"
#include "weir/cleanup.h"

static void on_opened(void *data)
{
	struct weir_reflector *r = data;

	r->state.current = true;
	r->state.watches++;
	weir_reflector_heard(r);
}

static int on_line(void *data, char *text, size_t len)
{
	return weir_reflector_event(data, text, len);
}

static int on_bytes(void *data, const char *bytes, size_t len)
{
	struct weir_reflector *r = data;
	uint64_t events = r->state.events;
	int e = weir_lines_feed(&r->lines, bytes, len, on_line, r);

	if (e == -E2BIG) {
		r->gone = true;
		weir_error_set(&r->broken, E2BIG, "an event is longer than %d bytes",
			       WEIR_OBJECT_MAX);
	}
	if (r->state.events != events)
		r->ops->batch(r->data);
	return e;
}

static void on_done(void *data, const struct weir_transfer_end *end)
{
	struct weir_reflector *r = data;
	bool lived = weir_kube_now_ms() - r->began_ms >= r->times.lived_ms;
	bool missing = weir_reflector_is_not_found(r, end);

	r->transfer = NULL;
	weir_lines_clear(&r->lines);
	if (lived)
		weir_backoff_reset(&r->backoff);
	/* 400: a version that this server never had, after a restored backup */
	if (end->status == 410 || end->status == 400 || r->gone || missing)
		free(weir_take(r->version));
	r->gone = false;
	if (missing) {
		weir_reflector_not_found(r);
		return;
	}
	if (end->status == 200 && !r->broken.text[0] && lived) {
		/* Time is up, or the connection broke: go on where it was. All nodes
		 * lose a server that ends in the same moment: not all come at once. */
		weir_reflector_later(r, weir_backoff_jitter(r->times.retry_min_ms));
		return;
	}
	if (end->status == 200 && !end->error && !r->broken.text[0])
		weir_error_set(&r->broken, EPIPE, "the server ended the watch at once");
	weir_reflector_failed(r, end);
}

static const struct weir_transfer_ops watch_ops = {
	.opened = on_opened,
	.bytes = on_bytes,
	.done = on_done,
};

int weir_reflector_watch(struct weir_reflector *r, struct weir_error *err)
{
	WEIR_AUTO_FREE char *path = NULL;
	char *version = curl_easy_escape(NULL, r->version, 0);
	struct weir_transfer_config config = { .method = "GET",
					       .silence_s = r->times.answer_s,
					       .quiet_s = r->times.quiet_s };
	int n = -1;

	if (version)
		n = asprintf(&path,
			     "%s?watch=1&allowWatchBookmarks=true&resourceVersion=%s"
			     "&timeoutSeconds=%u%s%s",
			     r->config.path, version, weir_backoff_jitter(r->times.watch_s),
			     r->config.query ? "&" : "", r->config.query ? r->config.query : "");
	curl_free(version);
	if (n < 0) {
		path = NULL;
		return weir_error_errno(err, ENOMEM, "%s", r->config.path);
	}
	config.path = path;
	r->began_ms = weir_kube_now_ms();
	return weir_transfer_start(r->kube, &config, &watch_ops, r, &r->transfer, err);
}
