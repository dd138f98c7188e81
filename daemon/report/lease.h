/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * One weird of the cluster writes for all: the one that holds the Lease. Whether
 * it has run out is judged by how long the record has stayed as it is, on our own
 * monotonic clock; the clocks of two nodes are never compared.
 *
 * Source: coordination.k8s.io/v1 Lease; the rules are those of the Kubernetes
 * components' own leader election.
 */
#include <cjson/cJSON.h>

#include "daemon/kube/kube.h"

/* --- judge.c: pure ---------------------------------------------------------------- */

/* What is known of the lease. All zero: nothing. */
struct weir_lease_view {
	char holder[256];     /* "": nobody */
	char version[64];     /* resourceVersion; "": there is no lease */
	uint64_t since_ms;    /* monotonic: when it was first seen like this */
	uint32_t duration_ms; /* what its holder asked for */
};

enum weir_lease_step {
	WEIR_LEASE_CREATE, /* there is none */
	WEIR_LEASE_RENEW,  /* it is ours */
	WEIR_LEASE_TAKE,   /* nobody's, or its holder has let it run out */
	WEIR_LEASE_LEAVE,  /* another's */
};

/* The lease as it was read at now_ms (NULL: there is none). */
void weir_lease_see(struct weir_lease_view *view, const cJSON *lease, uint64_t now_ms);
enum weir_lease_step weir_lease_judge(const struct weir_lease_view *view, const char *me,
				      uint64_t now_ms);

/* --- lease.c --------------------------------------------------------------------------- */

struct weir_lease;

/* identity: unique in the cluster and of this process. Starts as no leader. */
int weir_lease_start(uv_loop_t *loop, struct weir_kube *kube, const char *namespace_,
		     const char *identity, struct weir_lease **ret, struct weir_error *err);
void weir_lease_stop(struct weir_lease **lease);
/* May we write? False at the latest when another may. */
bool weir_lease_held(const struct weir_lease *lease);
/* Who holds it, as far as known; "" nobody. And why it could not be asked; "". */
const char *weir_lease_holder(const struct weir_lease *lease);
const char *weir_lease_error(const struct weir_lease *lease);
