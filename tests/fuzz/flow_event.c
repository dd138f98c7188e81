/* SPDX-License-Identifier: Apache-2.0 */
/* Netlink messages of the flow source: the first byte chooses the decoder, the
 * rest is the message. Packets in NFLOG messages are made by pods. */
#include <stdlib.h>
#include <string.h>

#include "backends/flow/conntrack.h"
#include "backends/flow/nflog.h"
#include "backends/flow/packet.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

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
	switch (data[0] % 3) {
	case 0:
		weir_conntrack_decode(copy, size - 1, &flow);
		break;
	case 1:
		weir_nflog_decode(copy, size - 1, &flow, &seq);
		break;
	case 2:
		weir_packet_decode(copy, size - 1, &flow);
		break;
	}
	free(copy);
	return 0;
}
