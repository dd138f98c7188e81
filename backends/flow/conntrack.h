/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Conntrack events as flows. Three sockets, so that each loss can be told:
 * one for new connections only (a message dropped there is one connection),
 * one for their ends, and one for dumps, which have a flow control of their
 * own.
 */
#include "backends/flow/socket.h"
#include "weir/flow.h"

struct weir_conntrack {
	struct weir_nlsock opened, ended, dump;
	bool dumping;
	struct weir_flow_sink sink;
};

int weir_conntrack_open(struct weir_conntrack *ct, const struct weir_flow_config *config,
			struct weir_error *err);
void weir_conntrack_close(struct weir_conntrack *ct);
/* fd is one of the three sockets'. Returns how many events. */
int weir_conntrack_read(struct weir_conntrack *ct, int fd, unsigned budget, struct weir_error *err);
int weir_conntrack_dump(struct weir_conntrack *ct, struct weir_error *err);

/* One message of ctnetlink, header included (len bytes), as flow numbers; event
 * is left to the caller. False: no connection in there. */
bool weir_conntrack_decode(const uint8_t *msg, size_t len, struct weir_flow *ret);
