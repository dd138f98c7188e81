/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Flows out of an answer of the server in its RowBinary format. */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "hub/flow.h"
#include "hub/store/clickhouse/columns.h"

struct weir_decoder {
	uint8_t *p, *end; /* of the answer, which is changed */
	bool broken;
	struct {
		void *items;
		size_t size;
	} arrays[WEIR_CH_ARRAYS];
};

void weir_decoder_close(struct weir_decoder *d);
/* The columns to select: "`time`, `start`, ...". */
void weir_decoder_names(FILE *f);
/* A column UInt64 that stands before those of a flow. */
uint64_t weir_decoder_number(struct weir_decoder *d);
/* 1: a flow; what it points to is that of the answer, until the next call. 0: that was all.
 * -EBADMSG: not what was asked for. */
int weir_decoder_next(struct weir_decoder *d, struct weir_hub_flow *ret);
