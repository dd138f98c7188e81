/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Words of the dictionary: an end, a side, an origin as bytes, and back. A text is
 * its bytes and a NUL behind a byte that says whether it is there, so that
 * unpacked structures point into the word.
 */
#include <stddef.h>
#include <stdint.h>

#include "hub/rows/row.h"

struct weir_bytes { /* grows; free(data) */
	uint8_t *data;
	size_t len, size;
	bool short_of_memory;
};

/* Appends; look at short_of_memory once at the end. An end is packed without its addresses
 * and ports. */
void weir_pack_end(struct weir_bytes *b, const char *cluster, const struct weir_record_peer *peer);
void weir_pack_side(struct weir_bytes *b, const struct weir_record_side *side);
void weir_pack_origin(struct weir_bytes *b, const char *cluster, const char *node,
		      const char *boot);

/* What is unpacked points into the bytes; labels and policies are malloc'd.
 * -EBADMSG: not what was packed (a torn file). */
struct weir_end {
	const char *cluster;
	struct weir_record_peer peer;
};
struct weir_reporter {
	const char *cluster, *node, *boot;
};
int weir_unpack_end(const uint8_t *bytes, size_t len, struct weir_end *ret);
int weir_unpack_side(const uint8_t *bytes, size_t len, struct weir_record_side *ret);
int weir_unpack_origin(const uint8_t *bytes, size_t len, struct weir_reporter *ret);
void weir_end_clear(struct weir_end *end);
void weir_side_clear(struct weir_record_side *side);

/* Unpacked words by number. One thread at a time sets; others may look up, without a
 * lock, the numbers that they were told of: words never move. The bytes must live as
 * long. */
#define WEIR_WORDS_BLOCK  1024u
#define WEIR_WORDS_BLOCKS (WEIR_DICTIONARY_MAX / WEIR_WORDS_BLOCK)

struct weir_words {
	struct weir_end *ends[WEIR_WORDS_BLOCKS];
	struct weir_record_side *sides[WEIR_WORDS_BLOCKS];
	struct weir_reporter *origins[WEIR_WORDS_BLOCKS];
	_Atomic uint32_t n[WEIR_WORD_KINDS]; /* the highest number of each */
};

int weir_words_set(struct weir_words *w, enum weir_word_kind kind, uint32_t number,
		   const uint8_t *bytes, size_t len);
void weir_words_clear(struct weir_words *w);
/* NULL: no such word. */
const struct weir_end *weir_words_end(const struct weir_words *w, uint32_t number);
const struct weir_record_side *weir_words_side(const struct weir_words *w, uint32_t number);
const struct weir_reporter *weir_words_origin(const struct weir_words *w, uint32_t number);

/* A row as a flow; strings are those of the words. Numbers that no word has: not known. */
void weir_row_to_flow(const struct weir_row *row, const struct weir_words *words,
		      struct weir_hub_flow *ret);
