/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Which interface of the host leads into which pod of this node, for
 * anti-spoofing: from CNI where it told of the pod, else (adopted pods) from the
 * kernel, by address. Keeps world.interfaces. Where it is not sure it leaves a
 * pod out and says so: a rule on somebody else's interface would cut that one off.
 */
#include <stdbool.h>

#include "weir/object.h"
#include "weir/ruleset.h"

struct weird;
struct weir_endpoint;
struct weir_link;
struct weir_interfaces;

int weir_interfaces_new(struct weird *d, struct weir_interfaces **ret);
void weir_interfaces_free(struct weir_interfaces **i);

/* Look again, as far as the changes (or, with full, anything) may have changed
 * it. True when world.interfaces is another list now, or the node has other addresses. Without the
 * world's lock. */
bool weir_interfaces_update(struct weir_interfaces *i, const struct weir_changes *changes);

/* The kernel told of a link (NULL: of more than it could say). True: a run of the
 * reconciler should look. */
bool weir_interfaces_heard(struct weir_interfaces *i, const struct weir_link *link, bool gone);

/* For ADD, when the pod's interface is new and nobody has touched it: the name of
 * its other end, and its MAC address, as the kernel has them. What it does not
 * tell stays as CNI told it. */
void weir_interfaces_identify(struct weir_endpoint *ep);

enum weir_unguarded {
	WEIR_GUARDED,
	WEIR_UNGUARDED_OFF,	  /* antiSpoofing: no */
	WEIR_UNGUARDED_INTERFACE, /* it is not known which one is the pod's */
	WEIR_UNGUARDED_PENDING,	  /* the kernel has not got it yet */
	WEIR_UNGUARDED_MAX
};
const char *weir_unguarded_words(enum weir_unguarded why); /* for a person; NULL: as it shall be */
/* World's lock held. */
enum weir_unguarded weir_interfaces_of(const struct weird *d, const struct weir_endpoint *ep);
enum weir_unguarded weir_interfaces_of_adopted(const struct weird *d, const struct weir_pod *pod);

struct weir_interface_counts {
	const struct weird *d;
	uint64_t guarded;   /* interfaces */
	uint64_t unguarded; /* pod interfaces that are not known, while antiSpoofing is on */
};
void weir_interfaces_count(const struct weird *d, struct weir_interface_counts *ret);
