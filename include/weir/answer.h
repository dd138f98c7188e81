/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * DNS answers on their way to pods of this node, as a backend's kernel copies them
 * (weir_changes.resolvers says whose). The copy changes nothing about the packet
 * and does not hold it up.
 */
#include <stddef.h>
#include <stdint.h>

#include "weir/error.h"
#include "weir/flow.h"

struct weir_answer_config {
	uint16_t nflog_group;
	uint32_t buffer; /* bytes of the socket's receive buffer */
	/* One DNS message, from tuple.src; both are valid during the call only. */
	void (*answer)(void *data, const struct weir_tuple *tuple, const uint8_t *message,
		       size_t len);
	void *data;
};

struct weir_answer_source;

struct weir_answer_source_ops {
	int (*fd)(const struct weir_answer_source *s); /* to poll for reading */
	/* Read what is there, at most about budget packets; never waits. Returns how
	 * many came, or -errno. */
	int (*read)(struct weir_answer_source *s, unsigned budget, struct weir_error *err);
	/* Packets that the kernel could not hand over, or at least so many. */
	uint64_t (*lost)(const struct weir_answer_source *s);
	void (*close)(struct weir_answer_source *s);
};

struct weir_answer_source {
	const struct weir_answer_source_ops *ops;
};
