/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Denied packets summed up: the first of a kind (source, destination,
 * protocol, destination port, side, ruleset) is a record at once, the ones
 * that follow within a window are one record at its end. World's lock held.
 */
#include "daemon/flow/annotate.h"
#include "weir/flow.h"
#include "weir/record.h"

struct weir_denied;

struct weir_denied_config {
	uint32_t max; /* kinds at once */
	unsigned window_ms;
	struct weir_annotator *annotator;
	void (*emit)(void *data, struct weir_record *record);
	void *data;
};

int weir_denied_new(const struct weir_denied_config *config, struct weir_denied **ret);
/* Emits what is summed up. */
void weir_denied_free(struct weir_denied **d);

/* now: monotonic ns. *ret_attempt: the first packet of this 5-tuple. -ENOSPC
 * (too many kinds), -ENOMEM: not recorded. */
int weir_denied_packet(struct weir_denied *d, const struct weir_flow *flow, uint64_t now,
		       bool *ret_attempt);
/* Emit the windows that have ended. */
void weir_denied_expire(struct weir_denied *d, uint64_t now);
/* When the next window ends; UINT64_MAX: none. */
uint64_t weir_denied_next(const struct weir_denied *d);
