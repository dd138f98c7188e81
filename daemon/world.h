/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the main thread and the flow thread share. The main thread changes it,
 * and the flow thread reads it, both only while they hold the lock. The flow
 * thread takes the lock for a batch of events, never while it waits for I/O.
 */
#include <pthread.h>

#include "weir/compiler.h"
#include "weir/pool.h"

struct weir_cluster;

struct weir_world {
	pthread_mutex_t lock;
	struct weir_pool *pool;		/* all strings of cluster and policies */
	struct weir_cluster *cluster;	/* what exists */
	struct weir_compiler *compiler; /* what follows from it */
	const char *node;		/* name of this node */
	size_t n_node_addrs;		/* addresses of this node's own interfaces */
	struct weir_addr *node_addrs;	/* sorted */
	uint64_t node_addrs_version;	/* another number whenever they are others */
	size_t n_interfaces;		/* host ends of pod interfaces, ascending index */
	struct weir_interface *interfaces;
	size_t n_tunnels; /* what this node's tunnels take apart; sorted */
	struct weir_tunnel *tunnels;
	size_t n_guards; /* ranges from which local pods get addresses */
	struct weir_prefix *guards;
	/* What has happened until now is to be looked at before the world is another
	 * one. Without the lock; NULL: nobody looks. */
	void (*before_change)(void *data);
	void *before_data;
};

/* What the main thread locks with when it is going to change something. */
static inline void weir_world_lock_to_change(struct weir_world *w)
{
	if (w->before_change)
		w->before_change(w->before_data);
	pthread_mutex_lock(&w->lock);
}
