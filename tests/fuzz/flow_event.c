/* SPDX-License-Identifier: Apache-2.0 */
/* Netlink messages of the flow source: the first byte chooses the decoder, the
 * rest is the message. Packets in NFLOG messages are made by pods. */
#include <stdlib.h>
#include <string.h>

#include "backends/flow/answers.h"
#include "backends/flow/conntrack.h"
#include "backends/flow/nflog.h"
#include "backends/flow/packet.h"
#include "backends/flow/stream.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void on_message(void *data, const struct weir_tuple *tuple, const uint8_t *message,
		       size_t len)
{
	unsigned *sum = data;

	for (size_t i = 0; i < len; i++)
		*sum += message[i];
}

/* A SYN, and then as many segments as there are packets of 64 bytes. */
static void read_answer(const uint8_t *data, size_t size)
{
	static struct weir_streams streams;
	struct weir_payload p;
	const uint8_t *packet;
	unsigned sum = 0;
	size_t len;

	if (weir_answers_decode(data, size, &packet, &len) && weir_packet_payload(packet, len, &p))
		on_message(&sum, &p.tuple, p.data, p.len);
	for (size_t at = 0; at < size; at += 64) {
		if (weir_packet_payload(data + at, size - at < 64 ? size - at : 64, &p))
			weir_streams_feed(&streams, &p, on_message, &sum);
	}
	weir_streams_clear(&streams);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_flow flow = { 0 };
	uint32_t seq = 0;
	uint8_t *copy;

	if (!size)
		return 0;
	copy = malloc(size - 1 ? size - 1
			       : 1); /* its own block, so that one byte too far is seen */
	memcpy(copy, data + 1, size - 1);
	switch (data[0] % 4) {
	case 0:
		weir_conntrack_decode(copy, size - 1, &flow);
		break;
	case 1:
		weir_nflog_decode(copy, size - 1, &flow, &seq);
		break;
	case 2:
		weir_packet_decode(copy, size - 1, &flow);
		break;
	case 3:
		read_answer(copy, size - 1);
		break;
	}
	free(copy);
	return 0;
}
