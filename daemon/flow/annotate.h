/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * From addresses to names and reasons: who the ends of a connection are, and
 * what each side's policies said. An annotation is made when the connection
 * begins and kept for its later records: they tell the same even when the pod
 * or the policy has gone. Called with the world's lock held.
 */
#include "daemon/flow/sides.h"
#include "daemon/world.h"
#include "weir/flow.h"
#include "weir/record.h"

struct weir_flow_name;	/* names.c: of one end */
struct weir_flow_sides; /* sides.c: what the two sides decided */

struct weir_annotation {
	struct weir_flow_name *src, *dst; /* NULL: nobody we know */
	struct weir_flow_sides *sides;
	struct weir_flow_sides *staged; /* if staged policies were enforced; NULL: the same */
	const char *service;		/* interned; NULL: none was dialled */
};

struct weir_annotator {
	struct weir_world *world;
	struct weir_flow_name *names;
	struct weir_flow_verdicts verdicts;
	uint64_t policy_race;
};

void weir_annotator_init(struct weir_annotator *a, struct weir_world *world);
/* Every annotation must have been released. */
void weir_annotator_done(struct weir_annotator *a);

/* A connection that the kernel let through. False: no end is a pod of this
 * node, nothing to record. What memory is too short for is left out.
 * *ret_verdict: what the tables say of it now. */
bool weir_annotate_allowed(struct weir_annotator *a, const struct weir_flow *flow,
			   struct weir_annotation *ret, uint8_t *ret_verdict);
/* A packet that the kernel dropped. */
void weir_annotate_denied(struct weir_annotator *a, const struct weir_flow *flow,
			  struct weir_annotation *ret);
/* As the forward hook saw its first packet: the initiator before SNAT, the responder
 * after DNAT. */
struct weir_connection weir_annotate_connection(const struct weir_tuple *original,
						const struct weir_tuple *reply);
/* What the tables say of such a connection; the node's own ones are exempt as they
 * are in the kernel. */
void weir_annotate_judge(const struct weir_world *world, const struct weir_tuple *original,
			 const struct weir_tuple *reply, struct weir_judgement *ret);
/* A policy has ended it: the sides are now those that denied it. */
void weir_annotate_ended(struct weir_annotator *a, const struct weir_judgement *j,
			 struct weir_annotation *annotation);
void weir_annotation_release(struct weir_annotator *a, struct weir_annotation *annotation);

/* Addresses, ports, names, sides, staged verdict and protocol of a record. The strings are
 * valid as long as the annotation. */
void weir_annotation_fill(const struct weir_annotation *annotation,
			  const struct weir_tuple *original, const struct weir_tuple *reply,
			  struct weir_record *record);
