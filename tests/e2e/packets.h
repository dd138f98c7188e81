/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Packets that the probe makes itself: SCTP (this kernel may have no sockets
 * for it) and ICMP echo. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum { SCTP_INIT = 1, SCTP_INIT_ACK = 2, SCTP_PACKET_MAX = 64 };

struct sctp_packet {
	uint16_t sport, dport; /* host byte order, as all of these */
	uint8_t chunk;	       /* SCTP_INIT or SCTP_INIT_ACK */
	uint32_t vtag;	       /* 0 in an INIT; in the answer the init_tag of it */
	uint32_t init_tag;     /* what the other side shall put into vtag; not 0 */
};

/* RFC 4960, 3.3.2 and 3.3.3, with its CRC32c. Returns the length. */
size_t sctp_write(const struct sctp_packet *p, uint8_t buf[SCTP_PACKET_MAX]);
/* False when it is no packet of these kinds, or its checksum is wrong. */
bool sctp_read(const uint8_t *buf, size_t len, struct sctp_packet *ret);

enum { ECHO_PACKET = 16 };
/* An echo request; the kernel fills in the checksum of ICMPv6. */
void echo_write(bool ipv6, uint16_t id, uint16_t seq, uint8_t buf[ECHO_PACKET]);
/* True when it is the reply to one with this id. */
bool echo_read(bool ipv6, const uint8_t *buf, size_t len, uint16_t id);
