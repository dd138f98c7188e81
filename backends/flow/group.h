/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Taking an NFLOG group: from then on its packets come through the socket. */
#include "backends/flow/socket.h"

struct weir_nflog_group {
	uint16_t number;
	uint32_t copy;	    /* bytes of each packet */
	uint32_t buffer;    /* the kernel's own, of one message */
	uint32_t threshold; /* packets that make a message */
	uint32_t timeout;   /* 1/100 s that a packet waits for others */
};

/* -EBUSY: another process reads it. */
int weir_nflog_group_take(struct weir_nlsock *sock, const struct weir_nflog_group *group,
			  struct weir_error *err);
