/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Kubernetes Events (core/v1): what a developer sees in "kubectl describe".
 * The same thing said again counts the one Event up; there is a limit to how
 * many are sent, and what is over it is counted, not sent.
 */
#include "daemon/kube/kube.h"

struct weir_events;

struct weir_events_config {
	const char *node;
	unsigned per_minute; /* requests, on average; short bursts may be as many at once */
	unsigned repeat_ms;  /* between two writes of the same Event */
};

/* What an Event is about. */
struct weir_event_object {
	const char *api_version, *kind;
	const char *namespace_; /* NULL: cluster-wide */
	const char *name;
	const char *uid; /* NULL: not known */
};

struct weir_events_stats {
	uint64_t sent;	  /* made or counted up */
	uint64_t failed;  /* not taken by the server */
	uint64_t dropped; /* never sent: too many different ones */
};

int weir_events_new(uv_loop_t *loop, struct weir_kube *kube,
		    const struct weir_events_config *config, struct weir_events **ret,
		    struct weir_error *err);
void weir_events_free(struct weir_events **events);
/* key: what makes two of them the same, beside the object and the reason. All is copied. */
void weir_events_post(struct weir_events *events, const struct weir_event_object *object,
		      const char *reason, const char *key, const char *message);
void weir_events_stats(const struct weir_events *events, struct weir_events_stats *ret);
