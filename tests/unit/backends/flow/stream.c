/* SPDX-License-Identifier: Apache-2.0 */
/* DNS messages out of packets and TCP streams: whole ones, in the order of the stream,
 * and none that begins anywhere but where a message begins. */
#include "backends/flow/stream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "weir/object.h"

enum { FIN = 1, SYN = 2, RST = 4, ACK = 16 };

static struct weir_streams streams;
static char got[256];

static void on_message(void *data, const struct weir_tuple *tuple, const uint8_t *message,
		       size_t len)
{
	size_t at = strlen(got);

	snprintf(got + at, sizeof(got) - at, "%.*s;", (int)len, (const char *)message);
}

static void feed(uint16_t port, uint32_t seq, int flags, const char *text, size_t len)
{
	struct weir_payload p = {
		.tuple = { .sport = 53, .dport = port, .protocol = WEIR_PROTO_TCP },
		.tcp_seq = seq,
		.tcp_flags = (uint8_t)flags,
		.data = (const uint8_t *)text,
		.len = len,
	};

	got[0] = 0;
	weir_streams_feed(&streams, &p, on_message, NULL);
}

#define FEED(port, seq, text) feed(port, seq, ACK, text, sizeof(text) - 1)

static int teardown(void **state)
{
	weir_streams_clear(&streams);
	return 0;
}

static void test_whole_and_in_pieces(void **state)
{
	feed(1, 99, SYN | ACK, NULL, 0);
	FEED(1, 100, "\0\3abc");
	assert_string_equal(got, "abc;");
	FEED(1, 105, "\0\2de\0\1f\0\4g");
	assert_string_equal(got, "de;f;");
	FEED(1, 115, "hi");
	assert_string_equal(got, "");
	FEED(1, 117, "j\0");
	assert_string_equal(got, "ghij;");
	FEED(1, 119, "\1k");
	assert_string_equal(got, "k;");
}

static void test_sent_again(void **state)
{
	feed(1, UINT32_MAX - 2, SYN | ACK, NULL, 0); /* the number wraps */
	FEED(1, UINT32_MAX - 1, "\0\3ab");
	FEED(1, UINT32_MAX - 1, "\0\3ab");
	assert_string_equal(got, "");
	FEED(1, 2, "c");
	assert_string_equal(got, "abc;");
	FEED(1, 2, "c");
	assert_string_equal(got, "");
}

/* What somebody could have written into a record is not taken for a message. */
static void test_from_the_middle(void **state)
{
	FEED(1, 100, "\0\3abc");
	assert_string_equal(got, "");
	feed(1, 99, SYN | ACK, NULL, 0);
	FEED(1, 100, "\0\x20 the rest is");
	FEED(1, 130, "\0\3abc"); /* a segment is missing */
	assert_string_equal(got, "");
	FEED(1, 115, "\0\3abc"); /* too late */
	assert_string_equal(got, "");
	feed(1, 500, SYN | ACK, NULL, 0);
	FEED(1, 501, "\0\1x");
	assert_string_equal(got, "x;");
}

static void test_its_end(void **state)
{
	feed(1, 99, SYN | ACK, NULL, 0);
	feed(1, 100, FIN | ACK, "\0\1x", 3);
	assert_string_equal(got, "x;");
	FEED(1, 103, "\0\1y");
	assert_string_equal(got, "");
}

static void test_too_many(void **state)
{
	for (uint16_t i = 1; i <= WEIR_STREAMS_MAX; i++)
		feed(i, 99, SYN | ACK, NULL, 0);
	FEED(1, 100, "\0\1x"); /* 2 is the one that was quiet for longest now */
	feed(1000, 99, SYN | ACK, NULL, 0);
	FEED(2, 100, "\0\1x");
	assert_string_equal(got, "");
	FEED(1, 103, "\0\1y");
	assert_string_equal(got, "y;");
	FEED(1000, 100, "\0\1z");
	assert_string_equal(got, "z;");
}

/* --- packets ------------------------------------------------------------------------------ */

static void test_payload_of_udp(void **state)
{
	uint8_t ip[] = { 0x45, 0, 0, 31, 0,  0, 0, 0, 64, 17, 0, 0,   10,  0,	0,   1,	  10,
			 0,    0, 2, 0,	 53, 1, 2, 0, 11, 0,  0, 'a', 'b', 'c', 'P', 'A', 'D' };
	struct weir_payload p;

	assert_true(weir_packet_payload(ip, sizeof(ip), &p));
	assert_int_equal(p.len, 3); /* without what the link padded */
	assert_memory_equal(p.data, "abc", 3);
	assert_int_equal(p.tuple.sport, 53);
	assert_int_equal(p.tuple.dport, 258);
	for (size_t cut = 0; cut < 28; cut++)
		assert_false(weir_packet_payload(ip, cut, &p));
	ip[7] = 1; /* a later fragment */
	assert_false(weir_packet_payload(ip, sizeof(ip), &p));
	ip[7] = 0;
	ip[25] = 7; /* shorter than its own header */
	assert_false(weir_packet_payload(ip, sizeof(ip), &p));
}

static void test_payload_of_tcp6(void **state)
{
	uint8_t ip[40 + 24 + 2] = { 0x60, 0, 0, 0, 0, 26, 6, 64 };
	struct weir_payload p;

	ip[23] = 1;
	ip[39] = 2;
	ip[41] = 53;
	ip[44] = 1; /* sequence number */
	ip[52] = 6 << 4;
	ip[53] = SYN;
	memcpy(ip + 64, "ok", 2);
	assert_true(weir_packet_payload(ip, sizeof(ip), &p));
	assert_int_equal(p.tcp_seq, 1 << 24);
	assert_int_equal(p.tcp_flags, SYN);
	assert_int_equal(p.len, 2);
	assert_memory_equal(p.data, "ok", 2);
	ip[52] = 4 << 4;
	assert_false(weir_packet_payload(ip, sizeof(ip), &p));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_teardown(test_whole_and_in_pieces, teardown),
		cmocka_unit_test_teardown(test_sent_again, teardown),
		cmocka_unit_test_teardown(test_from_the_middle, teardown),
		cmocka_unit_test_teardown(test_its_end, teardown),
		cmocka_unit_test_teardown(test_too_many, teardown),
		cmocka_unit_test(test_payload_of_udp),
		cmocka_unit_test(test_payload_of_tcp6),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
