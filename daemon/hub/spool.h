/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Batches that the hub has not acknowledged yet, of this boot and, when they are
 * on disk, of those before. Bounded: what does not fit goes, oldest first, and is
 * counted. One thread calls all of it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "daemon/publish/kept.h"
#include "weir/error.h"
#include "weir/link.h"

struct weir_segment;

struct weir_spool_item {
	uint64_t first, next;	      /* seqs first to next - 1 */
	struct weir_kept *kept;	      /* NULL: not in memory */
	struct weir_segment *segment; /* NULL: not on disk */
	uint64_t offset;	      /* of its bytes there */
	uint32_t len, crc;
};

struct weir_spool_boot {
	char boot[WEIR_LINK_BOOT_MAX];
	uint64_t next;		       /* behind all that there ever was */
	uint64_t acked;		       /* all below is stored; 0: not known */
	uint64_t cursor;	       /* what is sent next; the sender's own */
	bool torn;		       /* it may have gone on for longer than we know */
	struct weir_spool_item *items; /* by seq, from head to end */
	size_t head, end, size;
	size_t cold; /* items before this one have no memory */
};

struct weir_spool {
	struct weir_spool_boot boots[WEIR_LINK_BOOTS_MAX]; /* oldest first; the last runs */
	unsigned n_boots;
	size_t memory_max, memory;	      /* bytes */
	uint64_t disk_max, disk;	      /* bytes */
	uint64_t records;		      /* that wait */
	uint64_t lost;			      /* that went unacknowledged */
	char *path;			      /* "": no disk */
	struct weir_segment *oldest, *newest; /* newest is written to */
	bool complained;		      /* of a disk that cannot be written */
};

/* Reads what an earlier weird has left in path. */
int weir_spool_open(const char *boot, const char *path, uint64_t memory_max, uint64_t disk_max,
		    struct weir_spool *ret, struct weir_error *err);
/* What is on disk is there to stay. */
void weir_spool_close(struct weir_spool *s);

/* An earlier boot of which nothing may be left, so that the hub can be told where it ended. */
void weir_spool_add_end(struct weir_spool *s, const char *boot, uint64_t next, bool torn);
/* The next batch of the boot that runs; holds a reference if it is kept. */
void weir_spool_add(struct weir_spool *s, struct weir_kept *k);
/* Gone without ever having been in here. */
void weir_spool_skip(struct weir_spool *s, uint64_t next, uint64_t records);

/* What is below seq can't be had by the hub any more. */
void weir_spool_lose(struct weir_spool *s, struct weir_spool_boot *b, uint64_t seq);

struct weir_spool_boot *weir_spool_boot(struct weir_spool *s, const char *boot);
/* The first one that has seq or a later one in it; NULL: there is none. */
struct weir_spool_item *weir_spool_find(struct weir_spool_boot *b, uint64_t seq);
/* Its bytes: a reference in memory, or (malloc'd) from disk. -EIO: they are gone, and so
 * is the item. */
int weir_spool_bytes(struct weir_spool *s, struct weir_spool_item *item,
		     struct weir_kept **ret_kept, uint8_t **ret_bytes);
/* All below seq is stored. A boot of the past that is complete is forgotten. */
void weir_spool_acked(struct weir_spool *s, const char *boot, uint64_t seq);

/* --- between spool.c and segment.c --------------------------------------------------- */

#define WEIR_SEGMENT_SUFFIX ".spool"

/* Appends; -errno: the item stays in memory only. */
int weir_segment_add(struct weir_spool *s, struct weir_spool_boot *b, struct weir_spool_item *item,
		     const uint8_t *bytes, struct weir_error *err);
/* Bytes of an item, checked. */
int weir_segment_read(const struct weir_spool_item *item, uint8_t *ret);
/* An item is not needed any more; its file goes with the last of them. */
void weir_segment_drop(struct weir_spool *s, struct weir_spool_item *item);
int weir_segments_load(struct weir_spool *s, const char *running, struct weir_error *err);
void weir_segments_close(struct weir_spool *s);
/* For weir_segments_load(). */
struct weir_spool_boot *weir_spool_make_boot(struct weir_spool *s, const char *boot);
int weir_spool_append(struct weir_spool *s, struct weir_spool_boot *b,
		      const struct weir_spool_item *item);
/* The oldest file is in the way. */
void weir_spool_lose_segment(struct weir_spool *s, struct weir_segment *segment);
