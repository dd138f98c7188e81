/* SPDX-License-Identifier: Apache-2.0 */
/* How much a node may send, and how a connection is ended that libzmq has no
 * call to end: by its socket. */
#include <arpa/inet.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "hub/receive/internal.h"

#define BURST_SECONDS 2u

void weir_bucket_set(struct weir_bucket *b, uint64_t per_second, uint64_t now_ms)
{
	*b = (struct weir_bucket){ per_second * BURST_SECONDS, per_second, now_ms };
}

bool weir_bucket_take(struct weir_bucket *b, uint64_t n, uint64_t now_ms)
{
	uint64_t full = b->per_second * BURST_SECONDS;
	uint64_t passed = now_ms - b->at_ms, gained;

	if (passed > BURST_SECONDS * 1000)
		passed = BURST_SECONDS * 1000;
	gained = b->per_second * passed / 1000;
	if (gained) { /* else the time so far would be lost */
		b->level = b->level + gained > full ? full : b->level + gained;
		b->at_ms = now_ms;
	}
	if (b->level < n)
		return false;
	b->level -= n;
	return true;
}

struct weir_tcp_peer weir_tcp_peer_of(zmq_msg_t *msg)
{
	struct weir_tcp_peer p = { .fd = zmq_msg_get(msg, ZMQ_SRCFD), .len = sizeof(p.address) };

	if (p.fd < 0 || getpeername(p.fd, (struct sockaddr *)&p.address, &p.len) < 0)
		p.fd = -1;
	return p;
}

/* The descriptor may be somebody else's by now: then it has another peer. */
void weir_tcp_peer_end(const struct weir_tcp_peer *peer)
{
	struct weir_tcp_peer now = { .len = sizeof(now.address) };

	if (peer->fd >= 0 &&
	    getpeername(peer->fd, (struct sockaddr *)&now.address, &now.len) == 0 &&
	    now.len == peer->len && memcmp(&now.address, &peer->address, now.len) == 0)
		shutdown(peer->fd, SHUT_RDWR);
}
