/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A reflector's list, page by page.
 *
 * It is asked for without a resourceVersion: it is then as new as the store
 * itself, never an old state of an API server's cache, so that nobody who waits
 * for a list can be shown the past, and pages belong together.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/kube/reflector.h"
#include "weir/cleanup.h"

enum { PAGE = 500 };

/* --- one page ------------------------------------------------------------------------ */

static int on_item(void *data, const char *text, size_t len)
{
	struct weir_reflector *r = data;
	cJSON *object = cJSON_ParseWithLengthOpts(text, len + 1, NULL, true);

	if (!object)
		return weir_error_set(&r->broken, EBADMSG, "an item of the list is not JSON");
	weir_reflector_object(r, object);
	cJSON_Delete(object);
	return 0;
}

static int on_meta(void *data, const char *text, size_t len)
{
	struct weir_reflector *r = data;
	cJSON *meta = cJSON_ParseWithLengthOpts(text, len + 1, NULL, true);
	int e = weir_reflector_set_text(&r->version, meta, "resourceVersion");

	if (e == 0)
		e = weir_reflector_set_text(&r->next_page, meta, "continue");
	cJSON_Delete(meta);
	return e;
}

static int on_bytes(void *data, const char *bytes, size_t len)
{
	struct weir_reflector *r = data;
	int e = weir_items_feed(&r->items, bytes, len, on_item, on_meta, r);

	if (e == -E2BIG)
		weir_error_set(&r->broken, -e, "an item of the list is longer than %d bytes",
			       WEIR_OBJECT_MAX);
	else if (e == -EBADMSG && !r->broken.text[0])
		weir_error_set(&r->broken, -e, "the list is no list of objects");
	return e;
}

static void listed(struct weir_reflector *r)
{
	r->state.lists++;
	r->state.listed = true;
	r->state.absent = r->was_ready = false;
	weir_reflector_heard(r);
	r->ops->end(r->data);
	r->ops->batch(r->data);
	weir_reflector_call_due(r);
	weir_reflector_go_on(r);
}

/* A page that came whole, or r->broken says what is wrong with it. */
static bool check_page(struct weir_reflector *r, const struct weir_transfer_end *end)
{
	if (end->error || end->status != 200)
		return false;
	if (!r->items.ended)
		weir_error_set(&r->broken, EBADMSG, "the list ended in the middle");
	else if (!r->items.has_items || !r->version)
		weir_error_set(&r->broken, EBADMSG, "the list has no items or no resourceVersion");
	return !r->broken.text[0];
}

static void on_done(void *data, const struct weir_transfer_end *end)
{
	struct weir_reflector *r = data;
	bool whole = check_page(r, end);

	r->transfer = NULL;
	r->listing = false;
	weir_items_clear(&r->items);
	if (!whole) {
		/* a page that is too old (410), too: from the first one */
		free(weir_take(r->next_page));
		free(weir_take(r->version));
	}
	if (weir_reflector_is_not_found(r, end))
		weir_reflector_not_found(r);
	else if (!whole)
		weir_reflector_failed(r, end);
	else if (r->next_page)
		weir_reflector_go_on(r);
	else
		listed(r);
}

static const struct weir_transfer_ops list_ops = { .bytes = on_bytes, .done = on_done };

/* --- its request --------------------------------------------------------------------- */

/* Who asked before now is answered by this list. */
static void begin(struct weir_reflector *r)
{
	struct weir_relist **at = &r->due;

	while (*at)
		at = &(*at)->next;
	*at = weir_take(r->wanted);
	r->ops->begin(r->data);
}

int weir_reflector_list(struct weir_reflector *r, struct weir_error *err)
{
	WEIR_AUTO_FREE char *path = NULL;
	char *token = r->next_page ? curl_easy_escape(NULL, r->next_page, 0) : NULL;
	struct weir_transfer_config config = { .method = "GET",
					       .timeout_ms = r->times.list_ms,
					       .silence_s = r->times.answer_s };
	int n = -1;

	if (token || !r->next_page)
		n = asprintf(&path, "%s?limit=%d%s%s%s%s", r->config.path, PAGE,
			     r->config.query ? "&" : "", r->config.query ? r->config.query : "",
			     token ? "&continue=" : "", token ? token : "");
	curl_free(token);
	if (n < 0) {
		path = NULL;
		return weir_error_errno(err, ENOMEM, "%s", r->config.path);
	}
	if (!r->next_page)
		begin(r);
	free(weir_take(r->next_page));
	free(weir_take(r->version));
	config.path = path;
	n = weir_transfer_start(r->kube, &config, &list_ops, r, &r->transfer, err);
	r->listing = n == 0;
	return n;
}
