/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Manifests as they last were good, under stateDir: what a weird that starts
 * falls back on for what is broken by then. Copies, not links: an editor may
 * write into the file itself.
 */
#include <stdbool.h>
#include <stddef.h>
#include <sys/stat.h>

#include "weir/error.h"

struct weir_keep {
	int dir; /* -1: not open */
};

int weir_keep_open(struct weir_keep *k, const char *state_dir, struct weir_error *err);
void weir_keep_close(struct weir_keep *k);
/* The copy of this manifest is of this very file. */
bool weir_keep_is_current(const struct weir_keep *k, const char *name, const struct stat *st);
/* st: the file of which text is the whole; NULL: text is put together. Written
 * beside and renamed over: kill -9 leaves this copy or the one before. */
int weir_keep_write(const struct weir_keep *k, const char *name, const char *text, size_t len,
		    const struct stat *st, struct weir_error *err);
/* malloc'd; -ENOENT: there is none. */
int weir_keep_read(const struct weir_keep *k, const char *name, char **ret, size_t *ret_len);
void weir_keep_remove(const struct weir_keep *k, const char *name);
/* Removes the copies of manifests that exist no longer. */
void weir_keep_prune(const struct weir_keep *k, bool (*exists)(void *data, const char *name),
		     void *data);
