/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Called by each run of the reconciler. The kernel is asked about endpoints and
 * adopted pods that are new, and about all of them in a full run or when it told
 * that one of their links has changed; else the list is as it was. Main thread.
 */
#include "daemon/reconcile/interfaces.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/cluster/cluster.h"
#include "daemon/node/links.h"
#include "daemon/reconcile/reconcile.h"
#include "daemon/weird.h"
#include "weir/cleanup.h"
#include "weir/log.h"

/* An address of a pod that CNI never told of. */
struct adopted {
	struct weir_addr addr;
	struct weir_interface at; /* addrs is empty; index 0: not known */
};

struct weir_interfaces {
	struct weird *d;
	uint64_t version;    /* of the endpoints that the list was made of */
	uint64_t node_addrs; /* version of the node's addresses, as they were told of last */
	bool stale;	     /* the list is to be made anew */
	bool moved;	     /* and the kernel asked about each link */
	struct adopted *adopted;
	size_t n_adopted;
};

struct list {
	struct weir_interface *items;
	size_t n;
	bool failed;
};

/* --- a list of interfaces ------------------------------------------------------------- */

static int by_index(const void *a, const void *b)
{
	const struct weir_interface *x = a, *y = b;

	return x->index < y->index ? -1 : x->index > y->index;
}

static int by_address(const void *a, const void *b)
{
	return weir_addr_compare(a, b);
}

static void add_addr(struct weir_interface *i, const struct weir_addr *addr)
{
	for (unsigned a = 0; a < i->n_addrs; a++)
		if (weir_addr_compare(&i->addrs[a], addr) == 0)
			return;
	if (i->n_addrs < WEIR_POD_ADDRS_MAX)
		i->addrs[i->n_addrs++] = *addr;
	qsort(i->addrs, i->n_addrs, sizeof(i->addrs[0]), by_address);
}

/* The one with this index; a new one when there is none. NULL: no memory. */
static struct weir_interface *get(struct list *l, const struct weir_interface *like)
{
	struct weir_interface *longer;

	for (size_t i = 0; i < l->n; i++)
		if (l->items[i].index == like->index)
			return &l->items[i];
	longer = reallocarray(l->items, l->n + 1, sizeof(*longer));
	if (!longer) {
		l->failed = true;
		return NULL;
	}
	l->items = longer;
	l->items[l->n] = *like;
	return &l->items[l->n++];
}

static struct weir_interface from_link(const struct weir_link *host, const char *namespace_,
				       const char *pod)
{
	struct weir_interface i;

	memset(&i, 0, sizeof(i));
	i.index = host->index;
	memcpy(i.name, host->name, sizeof(i.name));
	if (pod)
		snprintf(i.owner, sizeof(i.owner), "%s/%s", namespace_, pod);
	return i;
}

static bool parse_mac(const char *text, uint8_t *ret)
{
	static const uint8_t none[6];
	int end = 0;

	return text &&
	       sscanf(text, "%2hhx:%2hhx:%2hhx:%2hhx:%2hhx:%2hhx%n", &ret[0], &ret[1], &ret[2],
		      &ret[3], &ret[4], &ret[5], &end) == 6 &&
	       !text[end] && memcmp(ret, none, sizeof(none)) != 0;
}

/* --- pods that CNI told of ---------------------------------------------------------------- */

static bool of_one_pod(const struct weir_endpoint *a, const struct weir_endpoint *b)
{
	return a == b || (a->pod && b->pod && strcmp(a->pod, b->pod) == 0 &&
			  strcmp(a->namespace_, b->namespace_) == 0 &&
			  strcmp(a->uid ?: "", b->uid ?: "") == 0);
}

static uint32_t look_up(struct weir_links *links, const struct weir_endpoint *ep)
{
	struct weir_link host;

	if (!ep->host_ifname || !weir_endpoint_alive(ep) ||
	    weir_links_by_name(links, ep->host_ifname, &host) < 0 || !host.pair)
		return 0;
	return host.index;
}

/* A pod with several interfaces may say any of its addresses on each. */
static void add_endpoint(const struct weird *d, struct list *l, const struct weir_endpoint *ep)
{
	struct weir_link host = { .index = ep->host_index };
	struct weir_interface made, *i;

	if (!ep->host_index)
		return;
	strncpy(host.name, ep->host_ifname, sizeof(host.name) - 1);
	made = from_link(&host, ep->namespace_, ep->pod);
	made.has_mac = parse_mac(ep->mac, made.mac);
	if (!made.has_mac)
		memset(made.mac, 0, sizeof(made.mac));
	for (const struct weir_endpoint *e = weir_endpoints_first(d->endpoints); e; e = e->next)
		for (size_t a = 0; of_one_pod(ep, e) && a < e->n_addrs; a++)
			add_addr(&made, &e->addrs[a]);
	i = get(l, &made);
	if (i)
		*i = made; /* who came last has it */
}

/* --- adopted ones ------------------------------------------------------------------------------
 */

static void forget_addr(struct weir_interfaces *t, const struct weir_addr *addr)
{
	for (size_t i = 0; i < t->n_adopted; i++) {
		if (weir_addr_compare(&t->adopted[i].addr, addr))
			continue;
		t->adopted[i] = t->adopted[--t->n_adopted];
		t->stale = true;
		return;
	}
}

static void adopt(struct weir_interfaces *t, struct weir_links *links, const struct weir_pod *pod,
		  const struct weir_addr *addr)
{
	struct adopted *longer = reallocarray(t->adopted, t->n_adopted + 1, sizeof(*longer)), *a;
	struct weir_link host, end;

	t->stale = true;
	if (!longer)
		return;
	t->adopted = longer;
	a = &t->adopted[t->n_adopted++];
	memset(a, 0, sizeof(*a));
	a->addr = *addr;
	if (weir_links_with_addr(links, addr, &host, &end) < 0)
		return;
	a->at = from_link(&host, pod->namespace_, pod->name);
	a->at.has_mac = end.has_mac;
	memcpy(a->at.mac, end.mac, sizeof(a->at.mac));
}

static void follow_adopted(struct weir_interfaces *t, struct weir_links *links,
			   const struct weir_changes *changes)
{
	if (changes->full)
		t->n_adopted = 0;
	for (size_t i = 0; i < changes->n_endpoints; i++) {
		const struct weir_endpoint_change *e = &changes->endpoints[i];

		forget_addr(t, &e->addr);
		if (e->pod && !e->pod->endpoint)
			adopt(t, links, e->pod, &e->addr);
	}
}

/* --- all together --------------------------------------------------------------------------------
 */

/* Main thread only: no lock. */
static bool take_tunnels(struct weir_world *w, struct weir_links *links)
{
	struct weir_tunnel *list = NULL;
	size_t n = 0;

	if (weir_links_tunnels(links, &list, &n) < 0)
		return false;
	if (n == w->n_tunnels && (!n || memcmp(list, w->tunnels, n * sizeof(*list)) == 0)) {
		free(list);
		return false;
	}
	free(w->tunnels);
	w->tunnels = list;
	w->n_tunnels = n;
	return true;
}

static bool take_over(struct weir_interfaces *t, struct list *l)
{
	struct weir_world *w = &t->d->world;

	if (l->n)
		qsort(l->items, l->n, sizeof(*l->items), by_index);
	if (l->n == w->n_interfaces &&
	    (!l->n || memcmp(l->items, w->interfaces, l->n * sizeof(*l->items)) == 0)) {
		free(l->items);
		return false;
	}
	weir_world_lock_to_change(w);
	free(w->interfaces);
	w->interfaces = l->items;
	w->n_interfaces = l->n;
	pthread_mutex_unlock(&w->lock);
	return true;
}

static bool make_list(struct weir_interfaces *t, struct weir_links *links)
{
	struct list l = { 0 };
	bool others;

	for (struct weir_endpoint *ep = weir_endpoints_first(t->d->endpoints); ep; ep = ep->next) {
		if (!ep->host_index || t->moved)
			ep->host_index = look_up(links, ep);
		add_endpoint(t->d, &l, ep);
	}
	for (size_t a = 0; a < t->n_adopted; a++) {
		struct weir_interface *i =
			t->adopted[a].at.index ? get(&l, &t->adopted[a].at) : NULL;

		if (i)
			add_addr(i, &t->adopted[a].addr);
	}
	if (l.failed) { /* the list there is stays; the next run tries again */
		free(l.items);
		return false;
	}
	t->version = weir_endpoints_version(t->d->endpoints);
	others = t->moved && take_tunnels(&t->d->world, links);
	t->stale = t->moved = false;
	return take_over(t, &l) || others;
}

bool weir_interfaces_update(struct weir_interfaces *t, const struct weir_changes *changes)
{
	WEIR_CLEANUP(weir_links_close) struct weir_links *links = NULL;
	bool others = t->node_addrs != t->d->world.node_addrs_version;
	int r;

	if (!t->d->config->anti_spoofing)
		return false;
	t->node_addrs = t->d->world.node_addrs_version;
	t->moved |= changes->full;
	t->stale |= t->moved || t->version != weir_endpoints_version(t->d->endpoints);
	if (!t->stale && !changes->n_endpoints)
		return others;
	r = weir_links_open(&links);
	if (r < 0) {
		weir_log(WEIR_LOG_ERROR, "interfaces cannot be read: no anti-spoofing of new pods",
			 "error", strerror(-r), NULL);
		return others;
	}
	follow_adopted(t, links, changes);
	return (t->stale && make_list(t, links)) || others;
}

/* A pod's pair comes just before its ADD and goes just after its DEL: only what
 * happens to one that is in the list matters, and tunnels. */
bool weir_interfaces_heard(struct weir_interfaces *t, const struct weir_link *link, bool gone)
{
	const struct weir_world *w = &t->d->world;
	bool matters = !link || link->tunnel.protocol;

	for (size_t i = 0; i < w->n_interfaces && !matters; i++)
		matters = w->interfaces[i].index == link->index &&
			  (gone || strcmp(w->interfaces[i].name, link->name) != 0);
	t->stale |= matters;
	t->moved |= matters;
	return matters;
}

void weir_interfaces_identify(struct weir_endpoint *ep)
{
	WEIR_CLEANUP(weir_links_close) struct weir_links *links = NULL;
	struct weir_link host, pod;
	char *name, *mac = NULL;

	if (weir_links_open(&links) < 0 ||
	    weir_links_of_pod(links, ep->netns, ep->ifname, &host, &pod) < 0)
		return;
	name = strdup(host.name);
	if (name) {
		free(ep->host_ifname);
		ep->host_ifname = name;
		ep->host_index = host.index;
	}
	if (pod.has_mac && asprintf(&mac, "%02x:%02x:%02x:%02x:%02x:%02x", pod.mac[0], pod.mac[1],
				    pod.mac[2], pod.mac[3], pod.mac[4], pod.mac[5]) > 0) {
		free(ep->mac);
		ep->mac = mac;
	}
}

/* --- what is said of it
 * ------------------------------------------------------------------------------ */

const char *weir_unguarded_words(enum weir_unguarded why)
{
	static const char *const words[] = {
		[WEIR_GUARDED] = NULL,
		[WEIR_UNGUARDED_OFF] = NULL, /* as it was asked for */
		[WEIR_UNGUARDED_INTERFACE] =
			"it is not known which interface of the host leads into it",
		[WEIR_UNGUARDED_PENDING] = "the kernel does not have it yet: see weirctl status",
	};
	_Static_assert(WEIR_ARRAY_SIZE(words) == WEIR_UNGUARDED_MAX, "words for each");

	return words[why];
}

static enum weir_unguarded judge(const struct weird *d, bool found)
{
	struct weir_reconcile_state state;

	if (!d->config->anti_spoofing)
		return WEIR_UNGUARDED_OFF;
	if (!found)
		return WEIR_UNGUARDED_INTERFACE;
	weir_reconcile_state(d->reconcile, &state);
	return state.realised ? WEIR_GUARDED : WEIR_UNGUARDED_PENDING;
}

enum weir_unguarded weir_interfaces_of(const struct weird *d, const struct weir_endpoint *ep)
{
	bool found = false;

	for (size_t i = 0; i < d->world.n_interfaces && ep->host_ifname; i++)
		found |= strcmp(d->world.interfaces[i].name, ep->host_ifname) == 0;
	return judge(d, found);
}

static bool has_addr(const struct weir_world *w, const struct weir_addr *addr)
{
	for (size_t i = 0; i < w->n_interfaces; i++)
		for (unsigned a = 0; a < w->interfaces[i].n_addrs; a++)
			if (weir_addr_compare(&w->interfaces[i].addrs[a], addr) == 0)
				return true;
	return false;
}

enum weir_unguarded weir_interfaces_of_adopted(const struct weird *d, const struct weir_pod *pod)
{
	bool found = pod->n_addrs > 0;

	for (unsigned i = 0; i < pod->n_addrs; i++)
		found &= has_addr(&d->world, &pod->addrs[i]);
	return judge(d, found);
}

static int count_adopted(void *data, const struct weir_pod *pod)
{
	struct weir_interface_counts *ret = data;

	if (pod->local && !pod->endpoint && weir_pod_has_addrs(pod))
		ret->unguarded +=
			weir_interfaces_of_adopted(ret->d, pod) == WEIR_UNGUARDED_INTERFACE;
	return 0;
}

void weir_interfaces_count(const struct weird *d, struct weir_interface_counts *ret)
{
	*ret = (struct weir_interface_counts){ .d = d, .guarded = d->world.n_interfaces };
	for (const struct weir_endpoint *ep = weir_endpoints_first(d->endpoints); ep; ep = ep->next)
		ret->unguarded += weir_interfaces_of(d, ep) == WEIR_UNGUARDED_INTERFACE;
	weir_cluster_each_pod(d->world.cluster, count_adopted, ret);
}

/* --- life
 * ------------------------------------------------------------------------------------------------
 */

int weir_interfaces_new(struct weird *d, struct weir_interfaces **ret)
{
	struct weir_interfaces *t = calloc(1, sizeof(*t));

	if (!t)
		return -ENOMEM;
	t->d = d;
	t->stale = t->moved = true;
	*ret = t;
	return 0;
}

void weir_interfaces_free(struct weir_interfaces **interfaces)
{
	struct weir_interfaces *t = weir_take(*interfaces);

	if (!t)
		return;
	free(t->adopted);
	free(t);
}
