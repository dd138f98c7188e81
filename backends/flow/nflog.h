/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Denied packets, as log rules with our prefix (prefix.h) report them. */
#include "backends/flow/socket.h"
#include "weir/flow.h"

struct weir_nflog {
	struct weir_nlsock sock;
	uint32_t next_seq; /* of the kernel's numbers for this group */
	bool owing;	   /* the kernel dropped a batch, and how much it held is not known yet */
	struct weir_flow_sink sink;
};

int weir_nflog_open(struct weir_nflog *log, const struct weir_flow_config *config,
		    struct weir_error *err);
void weir_nflog_close(struct weir_nflog *log);
int weir_nflog_read(struct weir_nflog *log, unsigned budget, struct weir_error *err);
/* Nothing came for a while: report a loss whose size is still not known. */
void weir_nflog_idle(struct weir_nflog *log);

/* One NFLOG message, header included. *ret_seq: its number. False: not ours. */
bool weir_nflog_decode(const uint8_t *msg, size_t len, struct weir_flow *ret, uint32_t *ret_seq);
