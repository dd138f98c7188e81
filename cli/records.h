/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Recorded flows, for commands that learn from them: those that the node
 * remembers (--since), or a file with one record a line as
 * "weirctl flows -o json" writes it (--flows FILE, "-" is stdin).
 */
#include "cli/weirctl.h"

#define WEIRCTL_RECORDS_OPTIONS (WEIRCTL_BIT(WEIRCTL_FLOWS) | WEIRCTL_BIT(WEIRCTL_SINCE))

struct weirctl_records {
	size_t n;    /* records given to fn */
	double lost; /* what the gaps among them say was lost */
};

/* Has the user asked for recorded flows? */
bool weirctl_records_wanted(const struct weirctl *ctl);
/* fn for each record that tells of connections which none before it told of (as
 * many as that), as JSON (docs/WIRE.md), lent for the call; ends early with what fn
 * returns when that is not 0. namespace_: only flows with an end in there; NULL:
 * all. A line that is no record is an error that names the file and the line. */
int weirctl_records_each(struct weirctl *ctl, const char *namespace_,
			 int (*fn)(void *data, const cJSON *record, double connections), void *data,
			 struct weirctl_records *ret, struct weir_error *err);
