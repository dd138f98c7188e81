/* SPDX-License-Identifier: Apache-2.0 */
/* Packets of SCTP and ICMP echo, to bytes and back. Opens nothing. */
#include "tests/e2e/packets.h"

#include <arpa/inet.h>
#include <netinet/icmp6.h>
#include <netinet/ip_icmp.h>
#include <string.h>

/* The common header, then the one chunk that these packets have. */
enum {
	AT_SPORT = 0,
	AT_DPORT = 2,
	AT_VTAG = 4,
	AT_CHECKSUM = 8,
	AT_CHUNK = 12,
	AT_CHUNK_LEN = 14,
	AT_INIT_TAG = 16,
	AT_WINDOW = 20,
	AT_STREAMS = 24,
	AT_TSN = 28,
	AT_COOKIE = 32,
	INIT_LEN = 20,
	COOKIE_PARAMETER = 7,
	COOKIE_LEN = 8,
	WINDOW = 65536,
};

static void put16(uint8_t *buf, uint16_t value)
{
	value = htons(value);
	memcpy(buf, &value, sizeof(value));
}

static void put32(uint8_t *buf, uint32_t value)
{
	value = htonl(value);
	memcpy(buf, &value, sizeof(value));
}

static uint16_t get16(const uint8_t *buf)
{
	return (uint16_t)(buf[0] << 8 | buf[1]);
}

static uint32_t get32(const uint8_t *buf)
{
	return (uint32_t)get16(buf) << 16 | get16(buf + 2);
}

/* CRC32c (Castagnoli, reflected) over the packet, its checksum taken as 0. */
static uint32_t checksum(const uint8_t *buf, size_t len)
{
	uint32_t crc = 0xFFFFFFFF;

	for (size_t i = 0; i < len; i++) {
		crc ^= i >= AT_CHECKSUM && i < AT_CHUNK ? 0 : buf[i];
		for (int bit = 0; bit < 8; bit++)
			crc = crc >> 1 ^ (crc & 1 ? 0x82F63B78 : 0);
	}
	return ~crc;
}

/* It travels in the other byte order than the rest. */
static void put_checksum(uint8_t *buf, size_t len)
{
	uint32_t crc = checksum(buf, len);

	for (int i = 0; i < 4; i++)
		buf[AT_CHECKSUM + i] = (uint8_t)(crc >> 8 * i);
}

size_t sctp_write(const struct sctp_packet *p, uint8_t buf[SCTP_PACKET_MAX])
{
	size_t chunk = INIT_LEN + (p->chunk == SCTP_INIT_ACK ? COOKIE_LEN : 0);

	memset(buf, 0, SCTP_PACKET_MAX);
	put16(buf + AT_SPORT, p->sport);
	put16(buf + AT_DPORT, p->dport);
	put32(buf + AT_VTAG, p->vtag);
	buf[AT_CHUNK] = p->chunk;
	put16(buf + AT_CHUNK_LEN, (uint16_t)chunk);
	put32(buf + AT_INIT_TAG, p->init_tag);
	put32(buf + AT_WINDOW, WINDOW);
	put16(buf + AT_STREAMS, 1);
	put16(buf + AT_STREAMS + 2, 1);
	put32(buf + AT_TSN, p->init_tag);
	if (p->chunk == SCTP_INIT_ACK) {
		put16(buf + AT_COOKIE, COOKIE_PARAMETER);
		put16(buf + AT_COOKIE + 2, COOKIE_LEN);
	}
	put_checksum(buf, AT_CHUNK + chunk);
	return AT_CHUNK + chunk;
}

bool sctp_read(const uint8_t *buf, size_t len, struct sctp_packet *ret)
{
	uint32_t crc;

	if (len < AT_CHUNK + INIT_LEN ||
	    (buf[AT_CHUNK] != SCTP_INIT && buf[AT_CHUNK] != SCTP_INIT_ACK))
		return false;
	crc = checksum(buf, len);
	for (int i = 0; i < 4; i++)
		if (buf[AT_CHECKSUM + i] != (uint8_t)(crc >> 8 * i))
			return false;
	*ret = (struct sctp_packet){
		.sport = get16(buf + AT_SPORT),
		.dport = get16(buf + AT_DPORT),
		.chunk = buf[AT_CHUNK],
		.vtag = get32(buf + AT_VTAG),
		.init_tag = get32(buf + AT_INIT_TAG),
	};
	return true;
}

static uint16_t internet_checksum(const uint8_t *buf, size_t len)
{
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i += 2)
		sum += get16(buf + i);
	while (sum >> 16)
		sum = (sum & 0xFFFF) + (sum >> 16);
	return (uint16_t)~sum;
}

/* type, code, checksum, id, seq are in the same places in both families */
void echo_write(bool ipv6, uint16_t id, uint16_t seq, uint8_t buf[ECHO_PACKET])
{
	memset(buf, 0, ECHO_PACKET);
	buf[0] = ipv6 ? ICMP6_ECHO_REQUEST : ICMP_ECHO;
	put16(buf + 4, id);
	put16(buf + 6, seq);
	if (!ipv6)
		put16(buf + 2, internet_checksum(buf, ECHO_PACKET));
}

bool echo_read(bool ipv6, const uint8_t *buf, size_t len, uint16_t id)
{
	return len >= 8 && buf[0] == (ipv6 ? ICMP6_ECHO_REPLY : ICMP_ECHOREPLY) &&
	       get16(buf + 4) == id;
}
