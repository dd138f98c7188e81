/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Which pods of this node are enforced, and why the others are not. One look:
 * begin, ask, end, all on the main thread with the world's lock held.
 */
#include <stdbool.h>
#include <stdint.h>

#include "daemon/reconcile/reconcile.h"
#include "weir/object.h"

struct weird;
struct weir_endpoint;
struct weir_routes;

enum weir_uncovered {
	WEIR_COVERED,
	WEIR_UNCOVERED_NOT_A_POD,
	WEIR_UNCOVERED_HOST_NETWORK,
	WEIR_UNCOVERED_NO_ADDRESS,
	WEIR_UNCOVERED_ADDRESS_TAKEN,
	WEIR_UNCOVERED_UNREACHED,
	WEIR_UNCOVERED_BRIDGE,
	WEIR_UNCOVERED_PENDING,
	WEIR_UNCOVERED_MAX
};
const char *weir_uncovered_name(enum weir_uncovered why);  /* "host-network" */
const char *weir_uncovered_words(enum weir_uncovered why); /* for a person; NULL: covered */

struct weir_coverage {
	const struct weird *d;
	struct weir_routes *routes; /* NULL: the kernel cannot be asked */
	struct weir_reconcile_state reconcile;
	bool bridge_off; /* bridged packets bypass the hooks */
};
void weir_coverage_begin(struct weir_coverage *c, const struct weird *d);
void weir_coverage_end(struct weir_coverage *c);

/* The pod of an endpoint; NULL: it is not a pod of Kubernetes. */
const struct weir_pod *weir_coverage_pod(const struct weir_coverage *c,
					 const struct weir_endpoint *ep);
enum weir_uncovered weir_coverage_of(const struct weir_coverage *c, const struct weir_endpoint *ep);

/* fn for each pod that the source puts on this node and CNI never told of. With
 * an address it is local (adopted): enforced all the same, if it is where its
 * address says. Pods that have finished are left out. */
typedef void (*weir_coverage_fn)(void *data, const struct weir_pod *pod, enum weir_uncovered why);
void weir_coverage_each_without_cni(const struct weir_coverage *c, weir_coverage_fn fn, void *data);
/* fn for each pod of this node that the source knows and that is not covered. */
void weir_coverage_each_unmanaged(const struct weir_coverage *c, weir_coverage_fn fn, void *data);
/* How many of those, by reason. */
void weir_coverage_count(const struct weir_coverage *c, uint64_t ret[WEIR_UNCOVERED_MAX]);
