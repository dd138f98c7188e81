/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Small files of a program's own: read whole, replaced whole or not at all. */
#include <stddef.h>
#include <sys/types.h>

#include "weir/error.h"

/* All of it, with a NUL behind it; free(). -EFBIG: longer than max. */
int weir_file_read(const char *path, size_t max, char **ret, size_t *ret_len,
		   struct weir_error *err);
/* On disk when it returns, also after a crash: written beside, synced, renamed. */
int weir_file_replace(const char *path, const void *bytes, size_t len, mode_t mode,
		      struct weir_error *err);
