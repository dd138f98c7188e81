/* SPDX-License-Identifier: Apache-2.0 */
/*
 * RTM_GETLINK and RTM_GETADDR, also of other network namespaces by their number
 * (IFLA_TARGET_NETNSID). A pair names its other end by index and by the number
 * of its namespace, so that nothing needs to be guessed from names. Called by the
 * reconciler and by ADD.
 */
#include "daemon/node/links.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <libmnl/libmnl.h>
#include <linux/if_link.h>
#include <linux/net_namespace.h>
#include <linux/rtnetlink.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "weir/cleanup.h"

#define BUFFER (32 * 1024)

/* An address at the other end of a pair. */
struct place {
	struct weir_addr addr;
	size_t link; /* in pairs */
};

struct weir_links {
	struct mnl_socket *nl;
	uint32_t seq;
	bool listed;
	struct weir_link *pairs; /* with an end in another namespace */
	size_t n_pairs;
	struct weir_tunnel *tunnels;
	size_t n_tunnels;
	bool placed;
	struct place *places;
	size_t n_places;
	bool failed; /* memory was short */
};

/* --- asking ----------------------------------------------------------------------- */

struct request {
	_Alignas(struct nlmsghdr) char buf[512];
	struct nlmsghdr *nlh;
};

static void *begin(struct request *q, uint16_t type, uint16_t flags, size_t size)
{
	q->nlh = mnl_nlmsg_put_header(q->buf);
	q->nlh->nlmsg_type = type;
	q->nlh->nlmsg_flags = NLM_F_REQUEST | flags;
	return mnl_nlmsg_put_extra_header(q->nlh, size);
}

/* fn for each message of the answer. */
static int ask(struct weir_links *l, struct request *q, mnl_cb_t fn, void *data)
{
	WEIR_AUTO_FREE char *buf = malloc(BUFFER);
	bool dump = q->nlh->nlmsg_flags & NLM_F_DUMP;
	int r = MNL_CB_OK;

	if (!buf)
		return -ENOMEM;
	q->nlh->nlmsg_seq = ++l->seq;
	if (mnl_socket_sendto(l->nl, q->nlh, q->nlh->nlmsg_len) < 0)
		return -errno;
	do {
		ssize_t n = mnl_socket_recvfrom(l->nl, buf, BUFFER);

		if (n < 0)
			return -errno;
		r = mnl_cb_run(buf, (size_t)n, l->seq, mnl_socket_get_portid(l->nl), fn, data);
	} while (dump && r > MNL_CB_STOP);
	return r < 0 ? -errno : 0;
}

/* --- links -------------------------------------------------------------------------- */

/* Who asks the sender's address only, or not even that: encrypted ones are not here. */
static const struct {
	const char *kind;
	uint8_t protocol;
	uint16_t port_attr; /* of the port, in network byte order */
} tunnels[] = {
	{ "vxlan", IPPROTO_UDP, IFLA_VXLAN_PORT },
	{ "geneve", IPPROTO_UDP, IFLA_GENEVE_PORT },
	{ "bareudp", IPPROTO_UDP, IFLA_BAREUDP_PORT },
	{ "ipip", IPPROTO_IPIP, 0 },
	{ "sit", IPPROTO_IPV6, 0 },
	{ "ip6tnl", IPPROTO_IPV6, 0 },
	{ "gre", IPPROTO_GRE, 0 },
	{ "gretap", IPPROTO_GRE, 0 },
	{ "erspan", IPPROTO_GRE, 0 },
	{ "ip6gre", IPPROTO_GRE, 0 },
	{ "ip6gretap", IPPROTO_GRE, 0 },
	{ "ip6erspan", IPPROTO_GRE, 0 },
};

static void read_tunnel(const char *kind, const struct nlattr *data, struct weir_tunnel *ret)
{
	const struct nlattr *attr;
	size_t i = 0;

	while (i < WEIR_ARRAY_SIZE(tunnels) && strcmp(kind, tunnels[i].kind) != 0)
		i++;
	if (i == WEIR_ARRAY_SIZE(tunnels))
		return;
	if (!tunnels[i].port_attr)
		ret->protocol = tunnels[i].protocol;
	if (!data || !tunnels[i].port_attr)
		return;
	mnl_attr_for_each_nested (attr, data) {
		if (mnl_attr_get_type(attr) != tunnels[i].port_attr)
			continue;
		ret->port = ntohs(mnl_attr_get_u16(attr));
		ret->protocol = tunnels[i].protocol;
	}
}

static void read_info(const struct nlattr *info, struct weir_link *ret)
{
	const struct nlattr *attr, *data = NULL;
	const char *kind = "";

	mnl_attr_for_each_nested (attr, info) {
		if (mnl_attr_get_type(attr) == IFLA_INFO_KIND)
			kind = mnl_attr_get_str(attr);
		if (mnl_attr_get_type(attr) == IFLA_INFO_DATA)
			data = attr;
	}
	ret->pair = strcmp(kind, "veth") == 0 || strcmp(kind, "netkit") == 0;
	read_tunnel(kind, data, &ret->tunnel);
}

static void read_attr(const struct nlattr *attr, struct weir_link *ret)
{
	switch (mnl_attr_get_type(attr)) {
	case IFLA_IFNAME:
		strncpy(ret->name, mnl_attr_get_str(attr), sizeof(ret->name) - 1);
		break;
	case IFLA_LINK:
		ret->peer = mnl_attr_get_u32(attr);
		break;
	case IFLA_LINK_NETNSID:
		ret->netnsid = (int32_t)mnl_attr_get_u32(attr);
		break;
	case IFLA_LINKINFO:
		read_info(attr, ret);
		break;
	case IFLA_ADDRESS:
		ret->has_mac = mnl_attr_get_payload_len(attr) == sizeof(ret->mac);
		if (ret->has_mac)
			memcpy(ret->mac, mnl_attr_get_payload(attr), sizeof(ret->mac));
		break;
	}
}

void weir_link_decode(const struct nlmsghdr *nlh, struct weir_link *ret)
{
	const struct ifinfomsg *info = mnl_nlmsg_get_payload(nlh);
	const struct nlattr *attr;

	*ret = (struct weir_link){ .index = (uint32_t)info->ifi_index, .netnsid = -1 };
	mnl_attr_for_each (attr, nlh, sizeof(*info))
		read_attr(attr, ret);
}

static int read_link(const struct nlmsghdr *nlh, void *data)
{
	weir_link_decode(nlh, data);
	return MNL_CB_OK;
}

/* By index, or (0) by name; of another namespace, or (-1) of the host. */
static int get_link(struct weir_links *l, int32_t netnsid, uint32_t index, const char *name,
		    struct weir_link *ret)
{
	struct request q;
	struct ifinfomsg *info = begin(&q, RTM_GETLINK, 0, sizeof(*info));

	info->ifi_index = (int)index;
	if (name)
		mnl_attr_put_strz(q.nlh, IFLA_IFNAME, name);
	if (netnsid >= 0)
		mnl_attr_put_u32(q.nlh, IFLA_TARGET_NETNSID, (uint32_t)netnsid);
	mnl_attr_put_u32(q.nlh, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	return ask(l, &q, read_link, ret);
}

int weir_links_by_name(struct weir_links *l, const char *name, struct weir_link *ret)
{
	if (strlen(name) >= sizeof(ret->name))
		return -ENODEV;
	return get_link(l, -1, 0, name, ret);
}

/* --- namespaces ------------------------------------------------------------------------ */

static int read_netnsid(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attr;
	int32_t *ret = data;

	mnl_attr_for_each (attr, nlh, sizeof(struct rtgenmsg))
		if (mnl_attr_get_type(attr) == NETNSA_NSID)
			*ret = (int32_t)mnl_attr_get_u32(attr);
	return MNL_CB_OK;
}

static int ask_netnsid(struct weir_links *l, uint16_t type, uint16_t flags, int fd, int32_t *ret)
{
	struct request q;

	begin(&q, type, flags, sizeof(struct rtgenmsg));
	mnl_attr_put_u32(q.nlh, NETNSA_FD, (uint32_t)fd);
	if (type == RTM_NEWNSID)
		mnl_attr_put_u32(q.nlh, NETNSA_NSID, (uint32_t)-1); /* any */
	return ask(l, &q, read_netnsid, ret);
}

/* The host's number of a namespace; it gets one when it has none yet. */
static int netnsid_of(struct weir_links *l, const char *path, int32_t *ret)
{
	WEIR_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	int r;

	*ret = -1;
	if (fd < 0)
		return -errno;
	r = ask_netnsid(l, RTM_GETNSID, 0, fd, ret);
	if (r == 0 && *ret < 0) {
		ask_netnsid(l, RTM_NEWNSID, NLM_F_ACK, fd, ret); /* EEXIST: it has one by now */
		r = ask_netnsid(l, RTM_GETNSID, 0, fd, ret);
	}
	return r == 0 && *ret < 0 ? -ENODEV : r;
}

int weir_links_of_pod(struct weir_links *l, const char *netns, const char *ifname,
		      struct weir_link *ret_host, struct weir_link *ret_pod)
{
	struct weir_link host, pod;
	int32_t netnsid;
	int r = netnsid_of(l, netns, &netnsid);

	if (r == 0)
		r = get_link(l, netnsid, 0, ifname, &pod);
	if (r < 0)
		return r;
	if (!pod.pair || !pod.peer || get_link(l, -1, pod.peer, NULL, &host) < 0 || !host.pair ||
	    host.netnsid != netnsid || host.peer != pod.index)
		return -ENODEV;
	*ret_host = host;
	*ret_pod = pod;
	return 0;
}

/* --- by address -------------------------------------------------------------------------- */

static void keep_tunnel(struct weir_links *l, const struct weir_tunnel *tunnel)
{
	struct weir_tunnel *longer;

	for (size_t i = 0; i < l->n_tunnels; i++)
		if (l->tunnels[i].protocol == tunnel->protocol &&
		    l->tunnels[i].port == tunnel->port)
			return;
	longer = reallocarray(l->tunnels, l->n_tunnels + 1, sizeof(*longer));
	if (!longer) {
		l->failed = true;
		return;
	}
	l->tunnels = longer;
	memset(&l->tunnels[l->n_tunnels], 0, sizeof(*longer)); /* compared as memory */
	l->tunnels[l->n_tunnels].protocol = tunnel->protocol;
	l->tunnels[l->n_tunnels++].port = tunnel->port;
}

static int keep_pair(const struct nlmsghdr *nlh, void *data)
{
	struct weir_links *l = data;
	struct weir_link *longer, link;

	weir_link_decode(nlh, &link);
	if (link.tunnel.protocol)
		keep_tunnel(l, &link.tunnel);
	if (!link.pair || link.netnsid < 0)
		return MNL_CB_OK;
	longer = reallocarray(l->pairs, l->n_pairs + 1, sizeof(*longer));
	if (!longer) {
		l->failed = true;
		return MNL_CB_OK;
	}
	l->pairs = longer;
	l->pairs[l->n_pairs++] = link;
	return MNL_CB_OK;
}

/* For the pair that is being looked at, the last of places says which. */
static int keep_place(const struct nlmsghdr *nlh, void *data)
{
	const struct ifaddrmsg *info = mnl_nlmsg_get_payload(nlh);
	struct weir_links *l = data;
	struct place p = { .addr = { .family = info->ifa_family } }, *longer;
	const struct nlattr *attr, *local = NULL;

	mnl_attr_for_each (attr, nlh, sizeof(*info))
		if (mnl_attr_get_type(attr) == IFA_LOCAL ||
		    (mnl_attr_get_type(attr) == IFA_ADDRESS && !local))
			local = attr;
	if (!local || mnl_attr_get_payload_len(local) != weir_addr_size(&p.addr))
		return MNL_CB_OK;
	memcpy(p.addr.bytes, mnl_attr_get_payload(local), weir_addr_size(&p.addr));
	longer = reallocarray(l->places, l->n_places + 1, sizeof(*longer));
	if (!longer) {
		l->failed = true;
		return MNL_CB_OK;
	}
	l->places = longer;
	p.link = SIZE_MAX;
	l->places[l->n_places++] = p;
	return MNL_CB_OK;
}

/* Addresses of the other end of a pair; a namespace that has gone has none. */
static void list_places(struct weir_links *l, size_t link, uint8_t family)
{
	struct request q;
	struct ifaddrmsg *info = begin(&q, RTM_GETADDR, NLM_F_DUMP, sizeof(*info));

	info->ifa_family = family;
	info->ifa_index = l->pairs[link].peer;
	mnl_attr_put_u32(q.nlh, IFA_TARGET_NETNSID, (uint32_t)l->pairs[link].netnsid);
	ask(l, &q, keep_place, l);
	for (size_t i = l->n_places; i-- > 0 && l->places[i].link == SIZE_MAX;)
		l->places[i].link = link;
}

static int list_links(struct weir_links *l)
{
	struct request q;
	int r;

	if (l->listed)
		return 0;
	begin(&q, RTM_GETLINK, NLM_F_DUMP, sizeof(struct ifinfomsg));
	mnl_attr_put_u32(q.nlh, IFLA_EXT_MASK, RTEXT_FILTER_SKIP_STATS);
	r = ask(l, &q, keep_pair, l);
	l->listed = r == 0 && !l->failed;
	return l->failed ? -ENOMEM : r;
}

static int list_all(struct weir_links *l)
{
	int r = list_links(l);

	for (size_t i = 0; i < l->n_pairs && r == 0 && !l->placed; i++) {
		list_places(l, i, AF_INET);
		list_places(l, i, AF_INET6);
	}
	l->placed = r == 0 && !l->failed;
	return l->failed ? -ENOMEM : r;
}

static int by_protocol_and_port(const void *a, const void *b)
{
	const struct weir_tunnel *x = a, *y = b;

	return x->protocol != y->protocol ? x->protocol - y->protocol : x->port - y->port;
}

int weir_links_tunnels(struct weir_links *l, struct weir_tunnel **ret, size_t *ret_n)
{
	int r = list_links(l);

	if (r < 0)
		return r;
	if (l->n_tunnels)
		qsort(l->tunnels, l->n_tunnels, sizeof(*l->tunnels), by_protocol_and_port);
	*ret = weir_take(l->tunnels);
	*ret_n = l->n_tunnels;
	l->n_tunnels = 0;
	return 0;
}

int weir_links_with_addr(struct weir_links *l, const struct weir_addr *addr,
			 struct weir_link *ret_host, struct weir_link *ret_pod)
{
	const struct weir_link *found = NULL;
	int r = list_all(l);

	if (r < 0)
		return r;
	for (size_t i = 0; i < l->n_places; i++) {
		if (weir_addr_compare(&l->places[i].addr, addr))
			continue;
		if (found)
			return -ENOTUNIQ;
		found = &l->pairs[l->places[i].link];
	}
	if (!found)
		return -ENODEV;
	r = get_link(l, found->netnsid, found->peer, NULL, ret_pod);
	if (r == 0)
		*ret_host = *found;
	return r;
}

/* --- life ----------------------------------------------------------------------------------- */

int weir_links_open(struct weir_links **ret)
{
	struct weir_links *l = calloc(1, sizeof(*l));
	int on = 1, code;

	if (!l)
		return -ENOMEM;
	l->nl = mnl_socket_open2(NETLINK_ROUTE, SOCK_CLOEXEC);
	/* else the kernel would overlook which namespace is asked about */
	if (!l->nl || mnl_socket_bind(l->nl, 0, MNL_SOCKET_AUTOPID) < 0 ||
	    mnl_socket_setsockopt(l->nl, NETLINK_GET_STRICT_CHK, &on, sizeof(on)) < 0) {
		code = errno;
		weir_links_close(&l);
		return -code;
	}
	*ret = l;
	return 0;
}

void weir_links_close(struct weir_links **links)
{
	struct weir_links *l = weir_take(*links);

	if (!l)
		return;
	if (l->nl)
		mnl_socket_close(l->nl);
	free(l->pairs);
	free(l->tunnels);
	free(l->places);
	free(l);
}
