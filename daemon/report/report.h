/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What weird writes to the API server: Events on pods that are denied or not
 * enforced, and on policies that are refused; conditions in the status of
 * policies. Only with a Kubernetes source. Losing it all changes no verdict.
 */
#include "daemon/report/events.h"
#include "daemon/report/lease.h"
#include "daemon/weird.h"
#include "weir/record.h"

struct weir_report;

/* report.events and report.status both "no": *ret is NULL. */
int weir_report_start(struct weird *d, struct weir_report **ret, struct weir_error *err);
void weir_report_stop(struct weir_report **report);
/* A denied connection. Any thread; never waits. */
void weir_report_denied(struct weir_report *report, const struct weir_record *record);

struct weir_report_stats {
	struct weir_events_stats events;
	uint64_t denials_lost; /* denied connections that no Event tells of: the queue was full */
	uint64_t written;      /* statuses of policies */
	bool leader;
};
void weir_report_stats(const struct weir_report *report, struct weir_report_stats *ret);

/* --- denials.c: from the flow thread to the loop ------------------------------------ */

struct weir_denials;

/* One denied connection, as it concerns the pod of this node that is denied. */
struct weir_denial {
	char *namespace_, *pod;
	char *key; /* what makes two denials the same to a person: without source ports */
	char *message;
};

int weir_denials_new(uv_loop_t *loop, void (*fn)(void *data, const struct weir_denial *denial),
		     void *data, struct weir_denials **ret, struct weir_error *err);
/* Nobody may add any more. */
void weir_denials_free(struct weir_denials **denials);
void weir_denials_add(struct weir_denials *denials, const struct weir_record *record);
uint64_t weir_denials_lost(struct weir_denials *denials);

/* --- status.c: conditions of ClusterNetworkPolicies ------------------------------------ */

struct weir_status;

int weir_status_new(struct weird *d, struct weir_status **ret, struct weir_error *err);
void weir_status_free(struct weir_status **status);
/* Called every second or so while we are the leader: writes what has changed. */
void weir_status_update(struct weir_status *status);
/* We are the leader no longer: what others write is not known. */
void weir_status_forget(struct weir_status *status);
uint64_t weir_status_written(const struct weir_status *status);

/* --- conditions.c: pure ------------------------------------------------------------------ */

struct weir_condition {
	const char *type, *reason;
	bool status;
	char message[WEIR_ERROR_MAX];
};

/* The object's status with these conditions in it, those of other writers kept;
 * NULL when they are there already, as they are. now: RFC 3339. To be deleted. */
cJSON *weir_conditions_merge(const cJSON *object, const struct weir_condition *conditions, size_t n,
			     const char *now);
