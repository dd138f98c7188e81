/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weirctl flows --hub: the history of the hub, and with -f what happens from now on;
 * printed by the same lines as a node's.
 */
#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/flow.h"
#include "cli/hub/hub.h"
#include "weir/cleanup.h"

#define LIMIT_MAX 10000
#define AGAIN_S	  1

struct showing {
	struct weirctl *ctl;
	struct flow_lines lines;
	char **kept; /* the history comes newest first */
	size_t n, size;
};

static volatile sig_atomic_t ended;

static void on_signal(int number)
{
	ended = 1;
}

static void show(struct showing *s, const char *text, size_t len)
{
	cJSON *record;

	if (!weirctl_for_people(s->ctl)) {
		printf("%.*s\n", (int)len, text);
		return;
	}
	record = cJSON_ParseWithLength(text, len);
	if (*weirctl_text(record, "type"))
		flow_line(&s->lines, record);
	else if (weirctl_number(record, "lost") > 0)
		flow_note(&s->lines, "this terminal was too slow: flows were left out");
	cJSON_Delete(record);
}

/* --- history -------------------------------------------------------------------------- */

static int keep(void *data, const char *text, size_t len)
{
	struct showing *s = data;
	char **more;

	if (s->n == s->size) {
		more = realloc(s->kept, (s->size * 2 + 64) * sizeof(char *));
		if (!more)
			return 1;
		s->kept = more;
		s->size = s->size * 2 + 64;
	}
	s->kept[s->n] = strndup(text, len);
	return !s->kept[s->n++];
}

static void show_history(struct showing *s)
{
	for (size_t i = s->n; i--;) {
		if (s->kept[i])
			show(s, s->kept[i], strlen(s->kept[i]));
		free(s->kept[i]);
	}
	free(weir_take(s->kept));
	s->n = s->size = 0;
	fflush(stdout);
}

static int ask_history(struct showing *s, struct weirctl_hub *hub, double since_ms, double last,
		       struct weir_error *err)
{
	const struct weirctl_hub_lines lines = { .line = keep, .data = s };
	struct weirctl_query q = { NULL };
	char number[32];
	int r = weirctl_query_filters(&q, s->ctl, err);

	snprintf(number, sizeof(number), "%.0f", last && last < LIMIT_MAX ? last : LIMIT_MAX);
	if (r == 0)
		r = weirctl_query_add(&q, "limit", number);
	snprintf(number, sizeof(number), "%.0fms", since_ms);
	if (r == 0 && since_ms > 0)
		r = weirctl_query_add(&q, "since", number);
	if (r == 0)
		r = weirctl_hub_stream(hub, "/v1/flows", &q, &lines, err);
	weirctl_query_clear(&q);
	if (r == 0) {
		show_history(s);
		weirctl_hub_note_stream(hub);
	}
	return r;
}

/* --- live ----------------------------------------------------------------------------- */

static int on_line(void *data, const char *text, size_t len)
{
	show(data, text, len);
	fflush(stdout);
	return ended;
}

static int on_idle(void *data)
{
	return ended;
}

/* The hub may go and come back. */
static int follow(struct showing *s, struct weirctl_hub *hub, struct weir_error *err)
{
	const struct weirctl_hub_lines lines = { on_line, on_idle, s };
	struct weirctl_query q = { NULL };
	struct timespec pause = { AGAIN_S, 0 };
	bool told = false;
	int r = weirctl_query_filters(&q, s->ctl, err);

	signal(SIGINT, on_signal);
	signal(SIGTERM, on_signal);
	while (r == 0 && !ended) {
		r = weirctl_hub_stream(hub, "/v1/flows/live", &q, &lines, err);
		if (r == -EACCES || ended)
			break;
		if (!told && weirctl_for_people(s->ctl))
			flow_note(&s->lines, "the hub has gone; waiting for it");
		told = true;
		fflush(stdout);
		nanosleep(&pause, NULL);
		r = 0;
	}
	weirctl_query_clear(&q);
	return r;
}

int weirctl_hub_flows(struct weirctl *ctl, double since_ms, double last, struct weir_error *err)
{
	struct showing s = { .ctl = ctl, .lines = { .ctl = ctl } };
	struct weirctl_hub *hub = NULL;
	int r;

	if (ctl->format == WEIRCTL_YAML)
		return weir_error_set(err, EINVAL, "of a hub, flows are printed as table or json");
	r = weirctl_hub_open(ctl, &hub, err);
	if (r == 0)
		r = ask_history(&s, hub, since_ms, last, err);
	if (r == 0 && ctl->values[WEIRCTL_FOLLOW])
		r = follow(&s, hub, err);
	weirctl_hub_close(&hub);
	return r;
}
