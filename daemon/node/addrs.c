/* SPDX-License-Identifier: Apache-2.0 */
/*
 * rtnetlink addresses, through libnl. An event only says that something has
 * changed; then all addresses are read again (level-triggered, and there are
 * few), so that a lost event costs nothing but time.
 */
#include "daemon/node/addrs.h"

#include <errno.h>
#include <netlink/netlink.h>
#include <netlink/route/addr.h>
#include <netlink/socket.h>
#include <stdlib.h>
#include <string.h>

#include "weir/cleanup.h"
#include "weir/log.h"

#define SETTLE_MS 20 /* addresses come in bursts */

struct weir_node_addrs {
	struct weir_world *world;
	void (*changed)(void *data);
	void *data;
	struct nl_sock *dump, *events;
	uv_poll_t poll;
	uv_timer_t timer;
	int open; /* handles that are not closed yet */
};

struct list {
	struct weir_addr *items;
	size_t n, size;
	bool failed;
};

static void collect(struct nl_object *object, void *data)
{
	struct nl_addr *local = rtnl_addr_get_local((struct rtnl_addr *)object);
	struct list *list = data;
	struct weir_addr addr = { .family = 0 };

	if (!local)
		return;
	addr.family = (uint8_t)nl_addr_get_family(local);
	if (!weir_addr_size(&addr) || nl_addr_get_len(local) != weir_addr_size(&addr))
		return;
	memcpy(addr.bytes, nl_addr_get_binary_addr(local), weir_addr_size(&addr));
	if (list->n == list->size) {
		size_t size = list->size ? list->size * 2 : 16;
		struct weir_addr *longer = reallocarray(list->items, size, sizeof(*longer));

		if (!longer) {
			list->failed = true;
			return;
		}
		list->items = longer;
		list->size = size;
	}
	list->items[list->n++] = addr;
}

static int by_address(const void *a, const void *b)
{
	return weir_addr_compare(a, b);
}

static bool same(const struct weir_world *world, const struct list *list)
{
	bool equal = world->n_node_addrs == list->n;

	for (size_t i = 0; i < list->n && equal; i++)
		equal = weir_addr_compare(&world->node_addrs[i], &list->items[i]) == 0;
	return equal;
}

static int refresh(struct weir_node_addrs *a)
{
	struct list list = { .items = NULL };
	struct nl_cache *cache;
	int r = rtnl_addr_alloc_cache(a->dump, &cache);

	if (r < 0)
		return r;
	nl_cache_foreach(cache, collect, &list);
	nl_cache_free(cache);
	if (list.failed) {
		free(list.items);
		return -NLE_NOMEM;
	}
	if (list.n)
		qsort(list.items, list.n, sizeof(*list.items), by_address);
	if (same(a->world, &list)) {
		free(list.items);
		return 0;
	}
	weir_world_lock_to_change(a->world);
	free(a->world->node_addrs);
	a->world->node_addrs = list.items;
	a->world->n_node_addrs = list.n;
	a->world->node_addrs_version++;
	pthread_mutex_unlock(&a->world->lock);
	a->changed(a->data);
	return 0;
}

static void on_timer(uv_timer_t *timer)
{
	int r = refresh(timer->data);

	if (r < 0)
		weir_log(WEIR_LOG_WARNING, "addresses of this node cannot be read", "error",
			 nl_geterror(r), NULL);
}

static void on_event(uv_poll_t *poll, int status, int events)
{
	struct weir_node_addrs *a = poll->data;

	nl_recvmsgs_default(a->events);
	if (!uv_is_active((uv_handle_t *)&a->timer))
		uv_timer_start(&a->timer, on_timer, SETTLE_MS, 0);
}

static int ignore_message(struct nl_msg *msg, void *data)
{
	return NL_OK;
}

static int open_sockets(struct weir_node_addrs *a)
{
	int r;

	a->dump = nl_socket_alloc();
	a->events = nl_socket_alloc();
	if (!a->dump || !a->events)
		return -NLE_NOMEM;
	nl_socket_disable_seq_check(a->events);
	nl_socket_modify_cb(a->events, NL_CB_VALID, NL_CB_CUSTOM, ignore_message, NULL);
	if ((r = nl_connect(a->dump, NETLINK_ROUTE)) < 0 ||
	    (r = nl_connect(a->events, NETLINK_ROUTE)) < 0 ||
	    (r = nl_socket_set_nonblocking(a->events)) < 0)
		return r;
	return nl_socket_add_memberships(a->events, RTNLGRP_IPV4_IFADDR, RTNLGRP_IPV6_IFADDR, 0);
}

static void free_addrs(struct weir_node_addrs *a)
{
	if (a->dump)
		nl_socket_free(a->dump);
	if (a->events)
		nl_socket_free(a->events);
	free(a);
}

static void on_closed(uv_handle_t *handle)
{
	struct weir_node_addrs *a = handle->data;

	if (--a->open == 0)
		free_addrs(a);
}

int weir_node_addrs_start(uv_loop_t *loop, struct weir_world *world, void (*changed)(void *data),
			  void *data, struct weir_node_addrs **ret, struct weir_error *err)
{
	struct weir_node_addrs *a = calloc(1, sizeof(*a));
	int r;

	if (!a)
		return weir_error_errno(err, ENOMEM, "node addresses");
	a->world = world;
	a->changed = changed;
	a->data = data;
	r = open_sockets(a);
	if (r == 0)
		r = refresh(a);
	if (r < 0 || uv_poll_init(loop, &a->poll, nl_socket_get_fd(a->events)) < 0) {
		free_addrs(a);
		return weir_error_set(err, EIO, "node addresses: %s", nl_geterror(r));
	}
	uv_timer_init(loop, &a->timer);
	a->poll.data = a->timer.data = a;
	a->open = 2;
	uv_poll_start(&a->poll, UV_READABLE, on_event);
	*ret = a;
	return 0;
}

void weir_node_addrs_stop(struct weir_node_addrs **addrs)
{
	struct weir_node_addrs *a = weir_take(*addrs);

	if (!a)
		return;
	uv_poll_stop(&a->poll);
	uv_close((uv_handle_t *)&a->poll, on_closed);
	uv_close((uv_handle_t *)&a->timer, on_closed);
}
