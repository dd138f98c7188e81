/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Flows that outlive the call they came with, packed into one block of memory. */
#include <stdbool.h>
#include <stddef.h>

#include "hub/flow.h"

struct weir_block {
	char *memory;
	size_t len, size;
	size_t lost; /* flows for which there was no room */
};

struct weir_block_flow { /* as they lie in the block, one behind the other */
	size_t len;
	bool joined;
	struct weir_hub_flow flow;
};

int weir_block_init(struct weir_block *b, size_t size);
void weir_block_clear(struct weir_block *b);
/* False: no room; counted as lost. */
bool weir_block_add(struct weir_block *b, const struct weir_hub_flow *flow, bool joined);
/* at: 0 at first; NULL at the end. */
const struct weir_block_flow *weir_block_next(const struct weir_block *b, size_t *at);
