/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The addresses of this node's own interfaces, in world.node_addrs (sorted):
 * read from the kernel and followed. Main thread, libuv.
 */
#include <uv.h>

#include "daemon/world.h"
#include "weir/error.h"

struct weir_node_addrs;

int weir_node_addrs_start(uv_loop_t *loop, struct weir_world *world, void (*changed)(void *data),
			  void *data, struct weir_node_addrs **ret, struct weir_error *err);
void weir_node_addrs_stop(struct weir_node_addrs **addrs);
