/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Makes both ends of TCP connections say something, in the network namespace of the
 * calling thread; needs CAP_NET_RAW. */
#include "weir/backend.h"

/* Packets of ours: a backend keeps conntrack from following them. */
#define WEIR_NUDGE_MARK 0x57314e00u

/* Others than TCP are left out. */
int weir_tcp_nudge(const struct weir_ending *endings, size_t n, struct weir_error *err);
/* One such packet, as src sends it to dst: into buf (WEIR_NUDGE_MAX bytes). Returns its length. */
#define WEIR_NUDGE_MAX 60
size_t weir_tcp_nudge_write(const struct weir_tuple *t, uint32_t seq, uint8_t *buf);
