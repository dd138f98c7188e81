/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Flow records for a person: filter, one line each (flow-line.c), and the
 * live stream (flow-live.c). Records are the JSON objects of docs/WIRE.md.
 */
#include <stdint.h>

#include "cli/weirctl.h"

struct flow_filter {
	const char *namespace_, *pod; /* NULL: any */
	const char *verdict;	      /* NULL: any */
};
/* Gaps always pass: they may have held what was asked for. */
bool flow_matches(const struct flow_filter *filter, const cJSON *record);

/* The columns of the lines; they grow with what is shown, so that lines stay
 * aligned while records come. */
struct flow_lines {
	const struct weirctl *ctl;
	unsigned src, dst, port; /* widths so far */
	bool headed;
};
/* One record; those that only update counters are left out. */
void flow_line(struct flow_lines *lines, const cJSON *record);
void flow_note(struct flow_lines *lines, const char *text);

/* The next object of the first array in a JSON text: its length, *ret where it
 * begins; 0 at the end. Start with *at = the text. */
size_t flow_next_object(const char **at, const char **ret);

struct flow_live;
/* Subscribes; records that come from now on are queued until they are read. */
int flow_live_open(const char *address, const char *namespace_, struct flow_live **ret,
		   struct weir_error *err);
/* fn for each record until a signal ends it (SIGINT, SIGTERM; 0) or fn gives
 * non-zero. resized is called after SIGWINCH, gone and back when the daemon
 * goes and comes. */
struct flow_live_calls {
	/* text: the record as it came, len bytes */
	int (*record)(void *data, const cJSON *record, const char *text, size_t len);
	void (*resized)(void *data);
	void (*connected)(void *data, bool yes);
	void *data;
};
int flow_live_run(struct flow_live *live, const struct flow_live_calls *calls,
		  struct weir_error *err);
void flow_live_close(struct flow_live **live);
