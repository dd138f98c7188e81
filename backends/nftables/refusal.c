/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which object did the kernel refuse? From the refused message itself and the
 * offset of the attribute that the kernel points at: "map rs_5_4: element
 * 10.0.0.1: File exists". Called by netlink.c only.
 */
#include "backends/nftables/refusal.h"

#include <errno.h>
#include <libmnl/libmnl.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <string.h>

#include "weir/addr.h"
#include "weir/cleanup.h"

static const struct {
	uint16_t type, name_attr;
	const char *what;
} messages[] = {
	{ NFT_MSG_NEWTABLE, NFTA_TABLE_NAME, "add table" },
	{ NFT_MSG_DELTABLE, NFTA_TABLE_NAME, "delete table" },
	{ NFT_MSG_NEWCHAIN, NFTA_CHAIN_NAME, "add chain" },
	{ NFT_MSG_DELCHAIN, NFTA_CHAIN_NAME, "delete chain" },
	{ NFT_MSG_NEWRULE, NFTA_RULE_CHAIN, "add rule to chain" },
	{ NFT_MSG_DELRULE, NFTA_RULE_CHAIN, "delete rules of chain" },
	{ NFT_MSG_NEWSET, NFTA_SET_NAME, "add set" },
	{ NFT_MSG_DELSET, NFTA_SET_NAME, "delete set" },
	{ NFT_MSG_NEWSETELEM, NFTA_SET_ELEM_LIST_SET, "add to set" },
	{ NFT_MSG_DELSETELEM, NFTA_SET_ELEM_LIST_SET, "delete from set" },
};

static const struct nlattr *find(const struct nlmsghdr *nlh, size_t offset, uint16_t type)
{
	const struct nlattr *attr;

	mnl_attr_for_each (attr, nlh, offset)
		if (mnl_attr_get_type(attr) == type)
			return attr;
	return NULL;
}

/* Where in the message the kernel says that the fault is; 0: it does not say. */
static uint32_t fault_offset(const struct nlmsghdr *answer)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(answer);
	size_t skip = sizeof(*e);
	const struct nlattr *attr;

	if (!(answer->nlmsg_flags & NLM_F_ACK_TLVS))
		return 0;
	if (!(answer->nlmsg_flags & NLM_F_CAPPED))
		skip += mnl_nlmsg_get_payload_len(
			&(struct nlmsghdr){ .nlmsg_len = e->msg.nlmsg_len });
	attr = find(answer, skip, NLMSGERR_ATTR_OFFS);
	return attr ? mnl_attr_get_u32(attr) : 0;
}

static const struct nlattr *child(const struct nlattr *nest, uint16_t type)
{
	const struct nlattr *attr;

	mnl_attr_for_each_nested (attr, nest)
		if (mnl_attr_get_type(attr) == type)
			return attr;
	return NULL;
}

/* The address of the element at offset, or "". */
static const char *element_text(const struct nlmsghdr *nlh, uint32_t offset, char *buf)
{
	const struct nlattr *list = find(nlh, sizeof(struct nfgenmsg), NFTA_SET_ELEM_LIST_ELEMENTS);
	const struct nlattr *elem, *key;
	struct weir_addr a = { 0 };

	buf[0] = 0;
	if (!list || !offset)
		return buf;
	mnl_attr_for_each_nested (elem, list) {
		size_t at = (size_t)((const char *)elem - (const char *)nlh);

		if (offset < at || offset >= at + elem->nla_len)
			continue;
		key = child(elem, NFTA_SET_ELEM_KEY);
		key = key ? child(key, NFTA_DATA_VALUE) : NULL;
		if (!key || mnl_attr_get_payload_len(key) > sizeof(a.bytes))
			return buf;
		a.family = mnl_attr_get_payload_len(key) == 4 ? AF_INET : AF_INET6;
		memcpy(a.bytes, mnl_attr_get_payload(key), mnl_attr_get_payload_len(key));
		return weir_addr_format(&a, buf);
	}
	return buf;
}

void nft_refusal_describe(const struct nlmsghdr *message, const struct nlmsghdr *answer, int code,
			  struct weir_error *err)
{
	uint16_t type = message ? message->nlmsg_type & 0xFF : 0xFF;
	char element[WEIR_ADDR_STRLEN];

	for (size_t i = 0; message && i < WEIR_ARRAY_SIZE(messages); i++) {
		const struct nlattr *name;

		if (messages[i].type != type || message->nlmsg_type >> 8 != NFNL_SUBSYS_NFTABLES)
			continue;
		name = find(message, sizeof(struct nfgenmsg), messages[i].name_attr);
		element_text(message, fault_offset(answer), element);
		weir_error_errno(err, code, "%s %s%s%s", messages[i].what,
				 name ? mnl_attr_get_str(name) : "?",
				 element[0] ? ": element " : "", element);
		return;
	}
	weir_error_errno(err, code, "commit");
}
