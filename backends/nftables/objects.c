/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One function per message. Sets carry the byte order that nft needs to list
 * them; elements are written straight as attributes, because there are many.
 * Knows messages, not what the objects are for.
 */
#include "backends/nftables/objects.h"

#include <netinet/in.h> /* before the kernel's own */

#include <arpa/inet.h>
#include <endian.h>
#include <libnftnl/chain.h>
#include <libnftnl/set.h>
#include <libnftnl/table.h>
#include <libnftnl/udata.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <stdio.h>
#include <string.h>

#include "weir/cleanup.h"

/* Data types of nft's own numbering (datatype.h of nft): how listings show keys. */
enum {
	TYPE_BITS = 6,
	TYPE_IPV4 = 7,
	TYPE_IPV6 = 8,
	TYPE_PROTOCOL = 12,
	TYPE_SERVICE = 13,
	TYPE_IFACE = 20,
};
enum { BYTEORDER_BIG = 2 };
#define TYPE_VERDICT 0xffffff00u
#define ELEMENT_MAX  512 /* bytes that one element takes at most */

/* The value of a comment in user data of any object (type 0 in each). Returns
 * its length. */
static uint32_t comment_data(uint8_t type, const char *comment, uint8_t *buf)
{
	size_t len = strnlen(comment, NFT_COMMENT_MAX);

	buf[0] = type;
	buf[1] = (uint8_t)(len + 1);
	memcpy(buf + 2, comment, len);
	buf[2 + len] = 0;
	return (uint32_t)(len + 3);
}

void nft_add_table(struct nft_batch *b, const char *comment)
{
	struct nlmsghdr *nlh = nft_batch_message(b, NFT_MSG_NEWTABLE, NLM_F_CREATE);
	uint8_t data[NFT_COMMENT_MAX + 3];

	if (!nlh)
		return;
	mnl_attr_put_strz(nlh, NFTA_TABLE_NAME, b->table);
	mnl_attr_put(nlh, NFTA_TABLE_USERDATA,
		     comment_data(NFTNL_UDATA_TABLE_COMMENT, comment, data), data);
	nft_batch_put(b, nlh);
}

void nft_delete_table(struct nft_batch *b)
{
	struct nlmsghdr *nlh = nft_batch_message(b, NFT_MSG_DELTABLE, 0);

	if (!nlh)
		return;
	mnl_attr_put_strz(nlh, NFTA_TABLE_NAME, b->table);
	nft_batch_put(b, nlh);
}

void nft_add_chain(struct nft_batch *b, const struct nft_chain *chain)
{
	struct nlmsghdr *nlh = nft_batch_message(b, NFT_MSG_NEWCHAIN, NLM_F_CREATE);
	uint8_t data[NFT_COMMENT_MAX + 3];

	if (!nlh)
		return;
	mnl_attr_put_strz(nlh, NFTA_CHAIN_TABLE, b->table);
	mnl_attr_put_strz(nlh, NFTA_CHAIN_NAME, chain->name);
	if (chain->hook >= 0) {
		struct nlattr *nest = mnl_attr_nest_start(nlh, NFTA_CHAIN_HOOK);

		mnl_attr_put_u32(nlh, NFTA_HOOK_HOOKNUM, htonl((uint32_t)chain->hook));
		mnl_attr_put_u32(nlh, NFTA_HOOK_PRIORITY, htonl((uint32_t)chain->priority));
		if (chain->device[0])
			mnl_attr_put_strz(nlh, NFTA_HOOK_DEV, chain->device);
		mnl_attr_nest_end(nlh, nest);
		mnl_attr_put_u32(nlh, NFTA_CHAIN_POLICY, htonl(NF_ACCEPT));
		mnl_attr_put_strz(nlh, NFTA_CHAIN_TYPE, "filter");
	}
	if (chain->comment[0])
		mnl_attr_put(nlh, NFTA_CHAIN_USERDATA,
			     comment_data(NFTNL_UDATA_CHAIN_COMMENT, chain->comment, data), data);
	nft_batch_put(b, nlh);
}

void nft_delete_chain(struct nft_batch *b, const char *name)
{
	struct nlmsghdr *nlh = nft_batch_message(b, NFT_MSG_DELCHAIN, 0);

	if (!nlh)
		return;
	mnl_attr_put_strz(nlh, NFTA_CHAIN_TABLE, b->table);
	mnl_attr_put_strz(nlh, NFTA_CHAIN_NAME, name);
	nft_batch_put(b, nlh);
}

void nft_flush_chain(struct nft_batch *b, const char *name)
{
	struct nlmsghdr *nlh = nft_batch_message(b, NFT_MSG_DELRULE, 0);

	if (!nlh)
		return;
	mnl_attr_put_strz(nlh, NFTA_RULE_TABLE, b->table);
	mnl_attr_put_strz(nlh, NFTA_RULE_CHAIN, name);
	nft_batch_put(b, nlh);
}

/* Fields of a key. ADDRESS: of the family of the set; WORD_PORT: among others, each of
 * which takes whole words. */
enum field { NO_FIELD, ADDRESS, PORT, IFACE, PROTOCOL, WORD_PORT };

static const struct {
	uint32_t flags;
	uint8_t key[5];
} kinds[] = {
	[NFT_SET_ADDR_VMAP] = { NFT_SET_MAP, { ADDRESS } },
	[NFT_SET_PREFIX_VMAP] = { NFT_SET_MAP | NFT_SET_INTERVAL, { ADDRESS } },
	[NFT_SET_PREFIXES] = { NFT_SET_INTERVAL, { ADDRESS } },
	[NFT_SET_ADDR_PAIRS] = { 0, { ADDRESS, ADDRESS } },
	[NFT_SET_PORTS] = { NFT_SET_INTERVAL, { PORT } },
	[NFT_SET_ADDRS] = { 0, { ADDRESS } },
	[NFT_SET_IFACE_ADDRS] = { 0, { IFACE, ADDRESS } },
	[NFT_SET_TUPLES] = { NFT_SET_EVAL | NFT_SET_TIMEOUT,
			     { PROTOCOL, ADDRESS, WORD_PORT, ADDRESS, WORD_PORT } },
};

static void add_field(uint8_t field, uint8_t family, uint32_t *type, uint32_t *len)
{
	static const struct {
		uint32_t type, len;
	} fields[] = { [PORT] = { TYPE_SERVICE, 2 },
		       [IFACE] = { TYPE_IFACE, 4 },
		       [PROTOCOL] = { TYPE_PROTOCOL, 4 },
		       [WORD_PORT] = { TYPE_SERVICE, 4 } };
	bool v4 = family == AF_INET;

	if (field == NO_FIELD)
		return;
	*type = *type << TYPE_BITS |
		(field == ADDRESS ? v4 ? TYPE_IPV4 : TYPE_IPV6 : fields[field].type);
	*len += field == ADDRESS ? v4 ? 4 : 16 : fields[field].len;
}

static void key_type_of(const struct nft_set *set, uint32_t *ret_type, uint32_t *ret_len)
{
	*ret_type = *ret_len = 0;
	for (size_t i = 0; i < sizeof(kinds[set->kind].key); i++)
		add_field(kinds[set->kind].key[i], set->family, ret_type, ret_len);
}

void nft_set_recognise(uint32_t flags, uint32_t key_type, uint32_t data_type, struct nft_set *ret)
{
	static const uint8_t families[] = { AF_INET, AF_INET6 };
	uint32_t type, len;

	for (uint8_t kind = 0; kind < NFT_SET_KIND_MAX; kind++) {
		bool map = kinds[kind].flags & NFT_SET_MAP;

		for (size_t f = 0; f < sizeof(families); f++) {
			struct nft_set set = { .kind = kind, .family = families[f] };

			key_type_of(&set, &type, &len);
			if (flags != kinds[kind].flags || key_type != type ||
			    data_type != (map ? TYPE_VERDICT : 0))
				continue;
			ret->kind = kind;
			ret->family = kind == NFT_SET_PORTS ? 0 : families[f];
		}
	}
}

void nft_add_set(struct nft_batch *b, const struct nft_set *set)
{
	struct nlmsghdr *nlh = nft_batch_message(b, NFT_MSG_NEWSET, NLM_F_CREATE);
	const uint8_t byteorder[] = { NFTNL_UDATA_SET_KEYBYTEORDER, 4, BYTEORDER_BIG, 0, 0, 0 };
	uint32_t type, len;

	if (!nlh)
		return;
	key_type_of(set, &type, &len);
	mnl_attr_put_strz(nlh, NFTA_SET_TABLE, b->table);
	mnl_attr_put_strz(nlh, NFTA_SET_NAME, set->name);
	mnl_attr_put_u32(nlh, NFTA_SET_FLAGS, htonl(kinds[set->kind].flags));
	mnl_attr_put_u32(nlh, NFTA_SET_KEY_TYPE, htonl(type));
	mnl_attr_put_u32(nlh, NFTA_SET_KEY_LEN, htonl(len));
	if (kinds[set->kind].flags & NFT_SET_MAP) {
		mnl_attr_put_u32(nlh, NFTA_SET_DATA_TYPE, htonl(TYPE_VERDICT));
		mnl_attr_put_u32(nlh, NFTA_SET_DATA_LEN, htonl(4));
	}
	if (set->kind == NFT_SET_TUPLES) {
		struct nlattr *desc = mnl_attr_nest_start(nlh, NFTA_SET_DESC);

		mnl_attr_put_u32(nlh, NFTA_SET_DESC_SIZE, htonl(NFT_TUPLES_MAX));
		mnl_attr_nest_end(nlh, desc);
		mnl_attr_put_u64(nlh, NFTA_SET_TIMEOUT, htobe64(NFT_TUPLE_TIMEOUT_MS));
	}
	mnl_attr_put_u32(nlh, NFTA_SET_ID, htonl(b->messages));
	mnl_attr_put(nlh, NFTA_SET_USERDATA, sizeof(byteorder), byteorder);
	nft_batch_put(b, nlh);
}

void nft_delete_set(struct nft_batch *b, const char *name)
{
	struct nlmsghdr *nlh = nft_batch_message(b, NFT_MSG_DELSET, 0);

	if (!nlh)
		return;
	mnl_attr_put_strz(nlh, NFTA_SET_TABLE, b->table);
	mnl_attr_put_strz(nlh, NFTA_SET_NAME, name);
	nft_batch_put(b, nlh);
}

void nft_add_rules(struct nft_batch *b, const struct nft_rules *rules)
{
	if (rules->failed)
		b->failed = true;
	for (size_t i = 0; i < rules->n; i++) {
		struct nlmsghdr *nlh =
			nft_batch_message(b, NFT_MSG_NEWRULE, NLM_F_CREATE | NLM_F_APPEND);

		if (!nlh)
			return;
		nftnl_rule_set_str(rules->items[i].rule, NFTNL_RULE_TABLE, b->table);
		nftnl_rule_nlmsg_build_payload(nlh, rules->items[i].rule);
		nft_batch_put(b, nlh);
	}
}

void nft_refill_chain(struct nft_batch *b, const char *chain, const struct nft_rules *rules)
{
	nft_flush_chain(b, chain);
	for (size_t i = 0; i < rules->n; i++) {
		const struct nft_rules one = { .items = &rules->items[i], .n = 1 };

		if (strcmp(rules->items[i].chain, chain) == 0)
			nft_add_rules(b, &one);
	}
}

static bool open_message(struct nft_elements *e)
{
	uint16_t flags = e->type == NFT_MSG_NEWSETELEM ? NLM_F_CREATE | NLM_F_EXCL : 0;

	if (e->again)
		flags &= (uint16_t)~NLM_F_EXCL;
	e->nlh = nft_batch_message(e->batch, e->type, flags);
	if (!e->nlh)
		return false;
	mnl_attr_put_strz(e->nlh, NFTA_SET_ELEM_LIST_TABLE, e->batch->table);
	mnl_attr_put_strz(e->nlh, NFTA_SET_ELEM_LIST_SET, e->set);
	e->list = mnl_attr_nest_start(e->nlh, NFTA_SET_ELEM_LIST_ELEMENTS);
	return true;
}

struct nft_elements nft_elements_begin(struct nft_batch *b, uint16_t type, const char *set)
{
	return (struct nft_elements){ .batch = b, .set = set, .type = type };
}

static void put_target(struct nlmsghdr *nlh, const struct nft_target *target)
{
	struct nlattr *data = mnl_attr_nest_start(nlh, NFTA_SET_ELEM_DATA);
	struct nlattr *verdict = mnl_attr_nest_start(nlh, NFTA_DATA_VERDICT);

	mnl_attr_put_u32(nlh, NFTA_VERDICT_CODE, htonl((uint32_t)target->verdict));
	if (target->chain[0])
		mnl_attr_put_strz(nlh, NFTA_VERDICT_CHAIN, target->chain);
	mnl_attr_nest_end(nlh, verdict);
	mnl_attr_nest_end(nlh, data);
}

void nft_element(struct nft_elements *e, const void *key, size_t key_len, bool interval_end,
		 const struct nft_target *target, const char *comment)
{
	uint8_t data[NFT_COMMENT_MAX + 3];
	struct nlattr *elem, *nest;

	if (e->nlh && e->nlh->nlmsg_len > NFT_MESSAGE_MAX - ELEMENT_MAX)
		nft_elements_end(e);
	if (!e->nlh && !open_message(e))
		return;
	elem = mnl_attr_nest_start(e->nlh, NFTA_LIST_ELEM);
	if (interval_end)
		mnl_attr_put_u32(e->nlh, NFTA_SET_ELEM_FLAGS, htonl(NFT_SET_ELEM_INTERVAL_END));
	nest = mnl_attr_nest_start(e->nlh, NFTA_SET_ELEM_KEY);
	mnl_attr_put(e->nlh, NFTA_DATA_VALUE, key_len, key);
	mnl_attr_nest_end(e->nlh, nest);
	if (target && !interval_end)
		put_target(e->nlh, target);
	if (comment && comment[0])
		mnl_attr_put(e->nlh, NFTA_SET_ELEM_USERDATA,
			     comment_data(NFTNL_UDATA_SET_ELEM_COMMENT, comment, data), data);
	mnl_attr_nest_end(e->nlh, elem);
	e->count += !interval_end;
}

void nft_elements_end(struct nft_elements *e)
{
	if (!e->nlh)
		return;
	mnl_attr_nest_end(e->nlh, e->list);
	nft_batch_put(e->batch, e->nlh);
	e->nlh = NULL;
}
