/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Links of the host that come, change or go, as they do. Main thread, libuv. */
#include <stdbool.h>
#include <uv.h>

#include "daemon/node/links.h"
#include "weir/error.h"

struct weir_link_watch;

/* link NULL: some have been missed. */
typedef void (*weir_link_fn)(void *data, const struct weir_link *link, bool gone);

int weir_link_watch_start(uv_loop_t *loop, weir_link_fn fn, void *data,
			  struct weir_link_watch **ret, struct weir_error *err);
void weir_link_watch_stop(struct weir_link_watch **watch);
