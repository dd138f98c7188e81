/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The inside of lib/chain: what a folder holds (folder.c), what our file must
 * say (text.c), how a file is replaced (replace.c). */
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "weir/chain.h"

/* A top-level member of our file that no other file has. */
#define WEIR_CHAIN_MARK "weir.dev/madeFrom"
/* Of files that are not complete; no runtime reads a name with this end. */
#define WEIR_CHAIN_TEMPORARY ".weir-tmp"
#define WEIR_CHAIN_TEXT_MAX  (4 << 20)

/* --- folder.c ------------------------------------------------------------------- */

struct weir_chain_file {
	char name[NAME_MAX + 1];
	char *text;
	size_t len;
	struct stat st;
	bool ours;
	int error; /* errno when it cannot be read, else 0 */
};

/* Configuration files in the order in which a runtime reads them. */
struct weir_chain_folder {
	int fd;
	size_t n;
	struct weir_chain_file *files;
};

int weir_chain_folder_open(const char *dir, struct weir_chain_folder *ret, struct weir_error *err);
void weir_chain_folder_close(struct weir_chain_folder *f);
/* Without ours; NULL: there is none. */
const struct weir_chain_file *weir_chain_primary(const struct weir_chain_folder *f);
const struct weir_chain_file *weir_chain_find(const struct weir_chain_folder *f, const char *name);
const struct weir_chain_file *weir_chain_ours(const struct weir_chain_folder *f);
/* A name of ours that sorts before the primary's; NULL when none does. */
const char *weir_chain_name_before(const char *primary);

/* --- text.c --------------------------------------------------------------------- */

/* The text of our file: the primary's with entry at the end of its plugins and
 * our mark; every other byte is the primary's. malloc'd. 1: it has weir in it
 * already, and *ret is NULL. -EINVAL. network: >= 256 bytes, set in any case. */
int weir_chain_text(const struct weir_chain_file *primary, const char *entry, char **ret,
		    char *network, struct weir_error *err);
/* Is this text of our making? */
bool weir_chain_is_ours(const char *text, size_t len);
/* Of a text of ours: the file that it was made from, and the entry at the end of
 * its plugins. malloc'd; NULL: not to be found. */
char *weir_chain_made_from(const char *text, size_t len);
char *weir_chain_entry_of(const char *text);

/* --- replace.c ------------------------------------------------------------------- */

/* dirfd/name becomes this text, or stays what it is. like: mode and owner. Two
 * at a time do not disturb each other: one of them is the last. */
int weir_chain_replace(int dirfd, const char *name, const char *text, size_t len,
		       const struct stat *like, struct weir_error *err);
/* Has the file the mode and owner that a replace gives? That is like's, or what is
 * possible without the right to give files away: never more readable. */
bool weir_chain_same_access(const struct stat *file, const struct stat *like);
/* What a kill in the middle of a replace has left. */
void weir_chain_sweep(int dirfd);
