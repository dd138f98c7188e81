/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What keeps a connection ended. Without its conntrack entry the next packet of
 * either side would make a new one, mid-stream, and be judged as if that side had
 * opened it. So the tuples of an ended connection stand in a set for a while, and
 * packets that have one are reset or dropped. Established packets never come here.
 *
 * A tuple is in there as each side's packets have it, and as the initiator dialled
 * it: after a DNAT that chooses another server, that is all that is left of it. The
 * comment of the first one tells what was dialled, so that all can be released.
 * What the sets hold is part of no model: the kernel forgets it by itself.
 */
#include "backends/nftables/ended.h"

#include <netinet/in.h> /* before the kernel's own */

#include <arpa/inet.h>
#include <errno.h>
#include <libnftnl/common.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter_ipv4.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "backends/flow/nudge.h"
#include "weir/cleanup.h"

/* Comments: of the tuple of the initiator; of that of the answers. ADDRESS PORT as dialled. */
#define OPENED_TO  "opened to "
#define ANSWERS_OF "answers of "

static const char *const sets[] = { [NFT_V4] = "ended4", [NFT_V6] = "ended6" };

/* --- rules ---------------------------------------------------------------------- */

/* A SYN begins another connection: it is judged like any. */
static void render_look_up(struct nft_rules *rules)
{
	nft_rule_begin(rules, "ended");
	nft_match_tcp_syn(rules);
	nft_verdict(rules, NFT_RETURN, NULL);
	for (int f = 0; f < NFT_FAMILIES; f++) {
		for (int original = 0; original < 2; original++) {
			nft_rule_begin(rules, "ended");
			nft_match_tuple_set(rules, nft_family(f), original, sets[f]);
			nft_keep_tuple(rules, nft_family(f), original, sets[f],
				       NFT_TUPLE_TIMEOUT_MS);
			nft_verdict(rules, NFT_GOTO, "reset");
		}
	}
}

static void render_reset(struct nft_rules *rules)
{
	nft_rule_begin(rules, "reset");
	nft_reject_reset(rules);
	nft_rule_begin(rules, "reset");
	nft_verdict(rules, NF_DROP, NULL);
}

/*
 * A reset that is made behind DNAT of a packet that came over a bridge goes straight
 * back to the bridge, and NAT is not undone: to the client it comes from a stranger. So TCP
 * is reset before DNAT, too, by a chain that is there from the first time on that a
 * connection through a Service has been ended.
 */
void nft_render_dialled(struct nft_objects *o, struct nft_rules *rules)
{
	struct nft_chain *chain = nft_objects_add_chain(o, "dialled", NF_INET_PRE_ROUTING,
							"connections to Services that were ended");

	if (chain)
		chain->priority = NF_IP_PRI_MANGLE;
	nft_rule_begin(rules, "dialled");
	nft_match_ct_state(rules, NFT_STATE_BIT(IP_CT_ESTABLISHED));
	nft_verdict(rules, NF_ACCEPT, NULL);
	nft_rule_begin(rules, "dialled");
	nft_match_tcp_syn(rules);
	nft_verdict(rules, NF_ACCEPT, NULL);
	for (int f = 0; f < NFT_FAMILIES; f++) {
		nft_rule_begin(rules, "dialled");
		nft_match_tuple_set(rules, nft_family(f), false, sets[f]);
		nft_keep_tuple(rules, nft_family(f), false, sets[f], NFT_TUPLE_TIMEOUT_MS);
		nft_reject_reset(rules);
	}
}

/* What nudges the ends of a connection must not bring it back to life. */
static void render_untrack(struct nft_objects *o, struct nft_rules *rules)
{
	struct nft_chain *chain = nft_objects_add_chain(o, "nudge", NF_INET_LOCAL_OUT,
							"what weird sends to ends of connections");

	if (chain)
		chain->priority = NF_IP_PRI_RAW;
	nft_rule_begin(rules, "nudge");
	nft_untrack_mark(rules, WEIR_NUDGE_MARK);
}

void nft_render_ended(struct nft_objects *o, struct nft_rules *rules)
{
	for (int f = 0; f < NFT_FAMILIES; f++)
		nft_objects_add_set(o, NFT_SET_TUPLES, nft_family(f), sets[f]);
	nft_objects_add_chain(o, "reset", -1, "packets of connections that were ended");
	render_reset(rules);
	nft_objects_add_chain(o, "ended", -1, NULL);
	render_look_up(rules);
	nft_objects_add_chain(o, "output", NF_INET_LOCAL_OUT, "connections that were ended");
	render_untrack(o, rules);
	nft_rule_begin(rules, "output");
	nft_match_ct_state(rules, NFT_STATE_BIT(IP_CT_NEW));
	nft_verdict(rules, NFT_JUMP, "ended");
}

/* --- keys ----------------------------------------------------------------------- */

static size_t put_port(uint8_t *at, uint16_t port)
{
	at[0] = (uint8_t)(port >> 8);
	at[1] = (uint8_t)port;
	return 4;
}

static size_t key_size(int f)
{
	return f == NFT_V6 ? NFT_TUPLE_KEY_MAX : NFT_TUPLE_KEY_MAX - 2 * (16 - 4);
}

size_t nft_tuple_key(const struct weir_tuple *t, uint8_t *ret)
{
	size_t size = weir_addr_size(&t->src), at = 4;

	memset(ret, 0, NFT_TUPLE_KEY_MAX);
	ret[0] = t->protocol;
	memcpy(ret + at, t->src.bytes, size);
	at += size;
	at += put_port(ret + at, t->sport);
	memcpy(ret + at, t->dst.bytes, size);
	at += size;
	return at + put_port(ret + at, t->dport);
}

bool nft_tuple_of_key(const uint8_t *key, size_t len, struct weir_tuple *ret)
{
	size_t size = len == NFT_TUPLE_KEY_MAX ? 16 : 4;

	if (len != 12 + 2 * size)
		return false;
	*ret = (struct weir_tuple){ .protocol = key[0] };
	ret->src.family = ret->dst.family = size == 4 ? AF_INET : AF_INET6;
	memcpy(ret->src.bytes, key + 4, size);
	ret->sport = (uint16_t)(key[4 + size] << 8 | key[5 + size]);
	memcpy(ret->dst.bytes, key + 8 + size, size);
	ret->dport = (uint16_t)(key[8 + 2 * size] << 8 | key[9 + 2 * size]);
	return true;
}

/* --- elements ------------------------------------------------------------------- */

enum { FORWARD, BACK, DIALLED, TUPLES };

static bool same_tuple(const struct weir_tuple *a, const struct weir_tuple *b)
{
	return a->protocol == b->protocol && a->sport == b->sport && a->dport == b->dport &&
	       weir_addr_compare(&a->src, &b->src) == 0 && weir_addr_compare(&a->dst, &b->dst) == 0;
}

/* Returns how many of them there are. */
static int tuples_of(const struct weir_ending *e, struct weir_tuple ret[TUPLES])
{
	ret[FORWARD] = e->original;
	ret[FORWARD].dst = e->reply.src;
	ret[FORWARD].dport = e->reply.sport;
	ret[BACK] = (struct weir_tuple){ .src = e->reply.src,
					 .dst = e->original.src,
					 .sport = e->reply.sport,
					 .dport = e->original.sport,
					 .protocol = e->original.protocol };
	ret[DIALLED] = e->original;
	return same_tuple(&ret[FORWARD], &ret[DIALLED]) ? DIALLED : TUPLES;
}

/* Only where there are ports packets could go on without their conntrack entry and
 * not be judged as they were: an ICMP answer alone begins nothing. */
static bool has_ports(uint8_t protocol)
{
	return protocol == WEIR_PROTO_TCP || protocol == WEIR_PROTO_UDP ||
	       protocol == WEIR_PROTO_SCTP;
}

/* What the initiator of UDP sends is judged by the policy, packet by packet, until it
 * is answered: only the answers have to be kept from passing for a beginning. TCP is reset
 * on both sides. Returns how many tuples these are. */
static int blocked_tuples(const struct weir_ending *e, struct weir_tuple ret[TUPLES])
{
	int n = tuples_of(e, ret);

	if (!has_ports(e->original.protocol))
		return 0;
	if (e->original.protocol == WEIR_PROTO_TCP)
		return n;
	ret[0] = ret[BACK];
	return 1;
}

/* The comment is on the first tuple. */
static void write_one(struct nft_elements *list, const struct weir_ending *e)
{
	bool tcp = e->original.protocol == WEIR_PROTO_TCP;
	char addr[WEIR_ADDR_STRLEN], text[NFT_COMMENT_MAX + 1];
	struct weir_tuple tuples[TUPLES];
	uint8_t key[NFT_TUPLE_KEY_MAX];
	int n = blocked_tuples(e, tuples);

	snprintf(text, sizeof(text), "%s%s %u", tcp ? OPENED_TO : ANSWERS_OF,
		 weir_addr_format(&e->original.dst, addr), e->original.dport);
	for (int i = 0; i < n; i++) {
		size_t len = nft_tuple_key(&tuples[i], key);

		nft_element(list, key, len, false, NULL, i == 0 ? text : NULL);
	}
}

static void write_elements(struct nft_batch *b, int f, const struct weir_ending *endings,
			   size_t count)
{
	struct nft_elements list = nft_elements_begin(b, NFT_MSG_NEWSETELEM, sets[f]);

	list.again = true;
	for (size_t i = 0; i < count; i++)
		if (nft_family_index(&endings[i].original.src) == f)
			write_one(&list, &endings[i]);
	nft_elements_end(&list);
}

static bool any_service(const struct weir_ending *endings, size_t count)
{
	struct weir_tuple tuples[TUPLES];

	for (size_t i = 0; i < count; i++)
		if (endings[i].original.protocol == WEIR_PROTO_TCP &&
		    tuples_of(&endings[i], tuples) == TUPLES)
			return true;
	return false;
}

/* Linux before 5.9 cannot reject there: clients of Services are not told then. */
static void add_dialled(struct nft *n)
{
	WEIR_CLEANUP(nft_batch_free) struct nft_batch b = nft_batch_for(&n->socket);
	WEIR_CLEANUP(nft_objects_free) struct nft_objects o = { 0 };
	WEIR_CLEANUP(nft_rules_free) struct nft_rules rules = { 0 };
	struct weir_error err;

	n->dialled_tried = true;
	nft_render_dialled(&o, &rules);
	if (!o.n_chains)
		return;
	nft_add_chain(&b, &o.chains[0]);
	nft_add_rules(&b, &rules);
	n->dialled = nft_send(n, &b, &err) == 0;
}

int nft_ended_block(struct nft *n, const struct weir_ending *endings, size_t count,
		    struct weir_error *err)
{
	WEIR_CLEANUP(nft_batch_free) struct nft_batch b = nft_batch_for(&n->socket);

	if (!n->dialled && !n->dialled_tried && any_service(endings, count))
		add_dialled(n);
	for (int f = 0; f < NFT_FAMILIES; f++)
		write_elements(&b, f, endings, count);
	return nft_send(n, &b, err);
}

typedef uint8_t tuple_key[NFT_TUPLE_KEY_MAX];

static int compare_keys(const void *a, const void *b)
{
	return memcmp(a, b, sizeof(tuple_key));
}

/* Two connections may share a tuple, and one may have been ended twice: each key once. */
static size_t unique_keys(const struct weir_ending *endings, size_t count, int f, tuple_key *ret)
{
	struct weir_tuple tuples[TUPLES];
	size_t n = 0, kept = 0;

	for (size_t i = 0; i < count; i++) {
		int m = nft_family_index(&endings[i].original.src) == f
				? blocked_tuples(&endings[i], tuples)
				: 0;

		for (int j = 0; j < m; j++)
			nft_tuple_key(&tuples[j], ret[n++]);
	}
	if (n)
		qsort(ret, n, sizeof(*ret), compare_keys);
	for (size_t i = 0; i < n; i++)
		if (i == 0 || compare_keys(ret[i], ret[kept - 1]) != 0)
			memmove(ret[kept++], ret[i], sizeof(*ret));
	return kept;
}

static void write_keys(struct nft_batch *b, uint16_t type, int f, tuple_key *keys, size_t n)
{
	struct nft_elements list = nft_elements_begin(b, type, sets[f]);

	list.again = true;
	for (size_t i = 0; i < n; i++)
		nft_element(&list, keys[i], key_size(f), false, NULL, NULL);
	nft_elements_end(&list);
}

/* An element may time out at any moment and one that is not there cannot be deleted:
 * it is added in the same transaction. */
int nft_ended_release(struct nft *n, const struct weir_ending *endings, size_t count,
		      struct weir_error *err)
{
	WEIR_CLEANUP(nft_batch_free) struct nft_batch b = nft_batch_for(&n->socket);
	WEIR_AUTO_FREE tuple_key *keys = calloc(count + 1, TUPLES * sizeof(*keys));

	if (!keys)
		return weir_error_errno(err, ENOMEM, "connections to release");
	for (int f = 0; f < NFT_FAMILIES; f++) {
		size_t unique = unique_keys(endings, count, f, keys);

		write_keys(&b, NFT_MSG_NEWSETELEM, f, keys, unique);
		write_keys(&b, NFT_MSG_DELSETELEM, f, keys, unique);
	}
	return nft_send(n, &b, err);
}

/* --- asking --------------------------------------------------------------------- */

static int on_element(const struct nlmsghdr *nlh, void *data)
{
	return MNL_CB_OK;
}

static void start_over(void *data)
{
}

/* 1: in there; 0; -errno */
static int in_set(struct nft *n, const char *set, const struct weir_tuple *tuple)
{
	const struct nft_dump dump = { on_element, start_over, NULL };
	struct nlattr *list, *elem, *nest;
	uint8_t key[NFT_TUPLE_KEY_MAX];
	size_t len = nft_tuple_key(tuple, key);
	char buf[512];
	struct nlmsghdr *nlh =
		nftnl_nlmsg_build_hdr(buf, NFT_MSG_GETSETELEM, NFPROTO_INET, NLM_F_ACK, 0);
	int r;

	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_TABLE, n->socket.table);
	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_SET, set);
	list = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_LIST_ELEMENTS);
	elem = mnl_attr_nest_start(nlh, NFTA_LIST_ELEM);
	nest = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_KEY);
	mnl_attr_put(nlh, NFTA_DATA_VALUE, len, key);
	mnl_attr_nest_end(nlh, nest);
	mnl_attr_nest_end(nlh, elem);
	mnl_attr_nest_end(nlh, list);
	r = nft_dump(&n->socket, nlh, &dump);
	return r == 0 ? 1 : r == -ENOENT ? 0 : r;
}

int nft_ended_still(struct nft *n, const struct weir_ending *ending, struct weir_error *err)
{
	const char *set = sets[nft_family_index(&ending->original.src)];
	struct weir_tuple tuples[TUPLES];
	int count = blocked_tuples(ending, tuples), r = 0;

	for (int i = 0; i < count && r == 0; i++)
		r = in_set(n, set, &tuples[i]);
	return r < 0 ? weir_error_errno(err, -r, "set %s", set) : r;
}

/* --- reading back ---------------------------------------------------------------- */

struct reading {
	struct weir_ending *items;
	size_t n, size;
	bool failed;
};

static struct weir_ending *add_ending(struct reading *r)
{
	if (r->n == r->size) {
		size_t size = r->size ? r->size * 2 : 64;
		void *items = reallocarray(r->items, size, sizeof(*r->items));

		if (!items) {
			r->failed = true;
			return NULL;
		}
		r->items = items;
		r->size = size;
	}
	return &r->items[r->n++];
}

static const struct nlattr *child_of(const struct nlattr *nest, uint16_t type)
{
	const struct nlattr *attr;

	if (nest)
		mnl_attr_for_each_nested (attr, nest)
			if (mnl_attr_get_type(attr) == type)
				return attr;
	return NULL;
}

static const char *comment_of(const struct nlattr *data, char *buf)
{
	const uint8_t *at = data ? mnl_attr_get_payload(data) : NULL;
	size_t len = data ? mnl_attr_get_payload_len(data) : 0;

	buf[0] = 0;
	if (len > 2 && at[0] == NFTNL_UDATA_SET_ELEM_COMMENT && at[1] <= len - 2)
		snprintf(buf, NFT_COMMENT_MAX + 1, "%.*s", (int)at[1], (const char *)at + 2);
	return buf;
}

/* "opened to 10.96.0.10 53"; false: another tuple of the connection. */
static bool read_dialled(const char *comment, const struct weir_tuple *key, struct weir_ending *ret)
{
	const struct weir_tuple turned = { .src = key->dst,
					   .dst = key->src,
					   .sport = key->dport,
					   .dport = key->sport,
					   .protocol = key->protocol };
	char addr[WEIR_ADDR_STRLEN];
	unsigned port;
	bool answers = false;

	if (sscanf(comment, OPENED_TO "%45s %u", addr, &port) != 2) {
		answers = true;
		if (sscanf(comment, ANSWERS_OF "%45s %u", addr, &port) != 2)
			return false;
	}
	*ret = (struct weir_ending){ .original = answers ? turned : *key,
				     .reply = answers ? *key : turned };
	ret->original.dport = (uint16_t)port;
	return port <= UINT16_MAX && weir_addr_parse(addr, &ret->original.dst) == 0;
}

static void read_one(const struct nlattr *elem, struct reading *into)
{
	const struct nlattr *key = child_of(child_of(elem, NFTA_SET_ELEM_KEY), NFTA_DATA_VALUE);
	char comment[NFT_COMMENT_MAX + 1];
	struct weir_ending found, *e;
	struct weir_tuple tuple;

	if (!key ||
	    !nft_tuple_of_key(mnl_attr_get_payload(key), mnl_attr_get_payload_len(key), &tuple) ||
	    !read_dialled(comment_of(child_of(elem, NFTA_SET_ELEM_USERDATA), comment), &tuple,
			  &found))
		return;
	e = add_ending(into);
	if (e)
		*e = found;
}

static int read_elements(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *attr, *elem;

	mnl_attr_for_each (attr, nlh, sizeof(struct nfgenmsg)) {
		if (mnl_attr_get_type(attr) != NFTA_SET_ELEM_LIST_ELEMENTS)
			continue;
		mnl_attr_for_each_nested (elem, attr)
			read_one(elem, data);
	}
	return MNL_CB_OK;
}

static void forget(void *data)
{
	((struct reading *)data)->n = 0;
}

static int read_set(struct nft *n, const char *set, struct reading *into)
{
	struct nft_dump dump = { read_elements, forget, into };
	char buf[256];
	struct nlmsghdr *nlh =
		nftnl_nlmsg_build_hdr(buf, NFT_MSG_GETSETELEM, NFPROTO_INET, NLM_F_DUMP, 0);
	int r;

	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_TABLE, n->socket.table);
	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_SET, set);
	r = nft_dump(&n->socket, nlh, &dump);
	return r == 0 && into->failed ? -ENOMEM : r;
}

int nft_ended_each(struct nft *n, void (*fn)(void *data, const struct weir_ending *ending),
		   void *data, struct weir_error *err)
{
	int r = 0;

	for (int f = 0; f < NFT_FAMILIES && r == 0; f++) {
		struct reading reading = { 0 };

		r = read_set(n, sets[f], &reading);
		for (size_t i = 0; i < reading.n && r == 0; i++)
			fn(data, &reading.items[i]);
		free(reading.items);
		if (r < 0)
			return weir_error_errno(err, -r, "read set %s", sets[f]);
	}
	return 0;
}
