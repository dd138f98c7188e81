/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The head of an IP packet: who sends what to whom. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weir/flow.h"

/* Fills original, length and tcp_flags. data may end anywhere; ports that are
 * not in there, or not in this fragment, are 0. False: not IPv4 or IPv6. */
bool weir_packet_decode(const uint8_t *data, size_t len, struct weir_flow *ret);

/* What a whole UDP or TCP packet carries. */
struct weir_payload {
	struct weir_tuple tuple;
	uint32_t tcp_seq; /* of the first byte (of a SYN: the one before it) */
	uint8_t tcp_flags;
	const uint8_t *data;
	size_t len;
};

/* False: another protocol, a later fragment, or cut within its headers. */
bool weir_packet_payload(const uint8_t *data, size_t len, struct weir_payload *ret);
