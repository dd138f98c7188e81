/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The parts of the daemon, in the order in which they are opened. */
#include "weir/error.h"

struct weird;

/* Opens all of them; on failure those that were opened are closed again. */
int weird_open(struct weird *d, struct weir_error *err);
/* Closes what is open, last first. Enforcement stays in the kernel. */
void weird_close(struct weird *d);
/* weird --purge: kernel and disk as if weir had never been here. */
int weird_purge(struct weird *d, struct weir_error *err);

/* flows.c: publisher and pipeline. Not fatal: enforcement does not need them. */
int weird_flows_open(struct weird *d, struct weir_error *err);
void weird_flows_close(struct weird *d);
