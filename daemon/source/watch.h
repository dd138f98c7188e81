/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Watches one folder, through inotify, and notices when the folder itself is
 * replaced, goes or comes. Main thread, libuv.
 */
#include <uv.h>

#include "weir/error.h"

struct weir_watch;

/* changed: name of the file that changed, or NULL: anything may have. */
int weir_watch_start(uv_loop_t *loop, const char *path,
		     void (*changed)(void *data, const char *name), void *data,
		     struct weir_watch **ret, struct weir_error *err);
void weir_watch_stop(struct weir_watch **watch);
