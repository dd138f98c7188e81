/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A flow as the hub keeps it: numbers only. Who the ends are, what the sides decided
 * and which nodes reported stands once in a dictionary, as bytes that go to
 * disk as they are.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/flow.h"
#include "weir/addr.h"

/* Index of a side: weir_direction. Of addr, port: 0 source, 1 destination. Of
 * counters: packets and bytes from the source, packets and bytes back. */
enum {
	WEIR_ROW_PACKETS,
	WEIR_ROW_PACKETS_BACK,
	WEIR_ROW_BYTES,
	WEIR_ROW_BYTES_BACK,
	WEIR_ROW_COUNTERS
};

struct weir_row {
	uint64_t time, start; /* ns since the epoch */
	uint64_t flow;	      /* of the first reporter */
	uint64_t connections, lost;
	uint64_t counters[WEIR_ROW_COUNTERS];
	uint64_t counted[WEIR_ROW_COUNTERS]; /* of these, in earlier records already */
	uint64_t seq[2];		     /* of each reporter's record, 0: none */
	uint32_t origin[2];		     /* who reported, a word of the dictionary; 0: nobody */
	uint32_t end[2];		     /* words: source, destination; 0 in gaps */
	uint32_t side[2];		     /* words */
	uint32_t staged_side[2];	     /* words; 0: none */
	struct weir_addr addr[2], nat[2];
	uint16_t port[2], nat_port[2];
	uint8_t type, verdict, staged, finish; /* weir_record.end */
	uint8_t protocol, icmp_type, icmp_code, lost_at;
	bool has_counters, second;
};

/* --- dictionary ------------------------------------------------------------------ */

enum weir_word_kind { WEIR_WORD_END, WEIR_WORD_SIDE, WEIR_WORD_ORIGIN, WEIR_WORD_KINDS };

/* Bytes that were packed by pack.h, numbered from 1 for each kind. One thread adds;
 * others may read what they were told of (a word never moves nor changes). */
struct weir_dictionary;

struct weir_word {
	uint32_t len;
	uint8_t bytes[];
};

int weir_dictionary_new(struct weir_dictionary **ret);
void weir_dictionary_free(struct weir_dictionary **d);
/* The number of these bytes; -ENOSPC: the dictionary is full. */
int weir_dictionary_add(struct weir_dictionary *d, enum weir_word_kind kind, const uint8_t *bytes,
			size_t len, uint32_t *ret);
/* NULL: there is no such word. */
const struct weir_word *weir_dictionary_get(const struct weir_dictionary *d,
					    enum weir_word_kind kind, uint32_t number);
/* Different for each dictionary that was ever made in this process. */
uint64_t weir_dictionary_id(const struct weir_dictionary *d);
uint32_t weir_dictionary_count(const struct weir_dictionary *d, enum weir_word_kind kind);

#define WEIR_DICTIONARY_MAX (1u << 20) /* words of a kind */
