/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A small world for the tests of the flow pipeline, in place of cluster,
 * compiler and publisher (linked instead of them): pod "local" 10.0.0.1 of
 * this node, pod "remote" 10.0.1.1 elsewhere, Service shop/web 10.96.0.1:80,
 * this node 192.168.0.1. Policy shop/deny isolates local for ingress; its rule
 * 0 accepts TCP port 80.
 */
#include "daemon/world.h"
#include "weir/flow.h"
#include "weir/record.h"

extern struct weir_world fake_world;

void fake_world_open(void);
/* Fails the test when references to strings are left. */
void fake_world_close(void);
/* The policy is replaced by an object of the same name. */
void fake_world_replace_policy(void);
/* Nothing isolates local any more. */
void fake_world_allow_all(bool yes);
/* A staged policy is there, with which rule 0 accepts nothing any more. */
void fake_world_staged_denies(bool yes);

struct weir_flow fake_flow(enum weir_flow_event event, uint32_t id, const char *src, uint16_t sport,
			   const char *dst, uint16_t dport);

/* The tag of the ruleset that isolates local's ingress. */
uint32_t fake_ruleset_tag(void);
