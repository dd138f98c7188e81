/* SPDX-License-Identifier: Apache-2.0 */
/* Dumps of the kernel's chains, sets, rules and elements. Called by full.c and
 * verify.c; knows names, not which of them should be there. */
#include "backends/nftables/readback.h"

#include <netinet/in.h> /* before the kernel's own */

#include <arpa/inet.h>
#include <errno.h>
#include <libnftnl/common.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weir/cleanup.h"

void nft_rule_texts_free(struct nft_rule_texts *list)
{
	for (size_t i = 0; i < list->n; i++)
		free(list->items[i].text);
	free(list->items);
	*list = (struct nft_rule_texts){ 0 };
}

static const struct nlattr *attr_of(const struct nlmsghdr *nlh, uint16_t type)
{
	const struct nlattr *attr;

	mnl_attr_for_each (attr, nlh, sizeof(struct nfgenmsg))
		if (mnl_attr_get_type(attr) == type)
			return attr;
	return NULL;
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

/* The dumps of chains give those of all tables. */
static const char *name_in_our_table(const struct nlmsghdr *nlh, uint16_t table, uint16_t name)
{
	const struct nlattr *t = attr_of(nlh, table), *n = attr_of(nlh, name);

	return t && n && strcmp(mnl_attr_get_str(t), NFT_TABLE) == 0 ? mnl_attr_get_str(n) : NULL;
}

static int read_chain(const struct nlmsghdr *nlh, void *data)
{
	const char *name = name_in_our_table(nlh, NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME);

	if (name)
		nft_objects_add_chain(data, name, -1, NULL);
	return MNL_CB_OK;
}

static int read_set(const struct nlmsghdr *nlh, void *data)
{
	const char *name = name_in_our_table(nlh, NFTA_SET_TABLE, NFTA_SET_NAME);

	if (name)
		nft_objects_add_set(data, 0, 0, name);
	return MNL_CB_OK;
}

static void forget_chains(void *data)
{
	((struct nft_objects *)data)->n_chains = 0;
}

static void forget_sets(void *data)
{
	((struct nft_objects *)data)->n_sets = 0;
}

static struct nlmsghdr *request(char *buf, uint16_t type, uint16_t table_attr)
{
	struct nlmsghdr *nlh = nftnl_nlmsg_build_hdr(buf, type, NFPROTO_INET, NLM_F_DUMP, 0);

	mnl_attr_put_strz(nlh, table_attr, NFT_TABLE);
	return nlh;
}

int nft_read_objects(struct nft_socket *s, struct nft_objects *ret, struct weir_error *err)
{
	struct nft_dump chains = { read_chain, forget_chains, ret };
	struct nft_dump sets = { read_set, forget_sets, ret };
	char buf[512];
	int r = nft_dump(s, request(buf, NFT_MSG_GETCHAIN, NFTA_CHAIN_TABLE), &chains);

	if (r == 0)
		r = nft_dump(s, request(buf, NFT_MSG_GETSET, NFTA_SET_TABLE), &sets);
	if (r == -ENOENT)
		r = 0;
	if (r == 0 && ret->failed)
		r = -ENOMEM;
	return r < 0 ? weir_error_errno(err, -r, "read table inet " NFT_TABLE) : 0;
}

static int keep_rule(struct nft_rule_texts *list, const struct nftnl_rule *rule)
{
	if (list->n == list->size) {
		size_t size = list->size ? list->size * 2 : 64;
		void *items = reallocarray(list->items, size, sizeof(*list->items));

		if (!items)
			return -ENOMEM;
		list->items = items;
		list->size = size;
	}
	snprintf(list->items[list->n].chain, NFT_NAME_LEN, "%s",
		 nftnl_rule_get_str(rule, NFTNL_RULE_CHAIN));
	list->items[list->n].text = nft_rule_text(rule);
	return list->items[list->n++].text ? 0 : -ENOMEM;
}

static int read_rule(const struct nlmsghdr *nlh, void *data)
{
	struct nftnl_rule *rule = nftnl_rule_alloc();
	int r = -ENOMEM;

	if (rule && nftnl_rule_nlmsg_parse(nlh, rule) == 0)
		r = strcmp(nftnl_rule_get_str(rule, NFTNL_RULE_TABLE), NFT_TABLE) == 0
			    ? keep_rule(data, rule)
			    : 0;
	nftnl_rule_free(rule);
	errno = -r;
	return r < 0 ? MNL_CB_ERROR : MNL_CB_OK;
}

static void forget_rules(void *data)
{
	nft_rule_texts_free(data);
}

int nft_read_rules(struct nft_socket *s, struct nft_rule_texts *ret, struct weir_error *err)
{
	struct nft_dump dump = { read_rule, forget_rules, ret };
	char buf[512];
	int r = nft_dump(s, request(buf, NFT_MSG_GETRULE, NFTA_RULE_TABLE), &dump);

	if (r == -ENOENT)
		r = 0;
	return r < 0 ? weir_error_errno(err, -r, "read rules") : 0;
}

static void read_target(const struct nlattr *elem, struct nft_target *ret)
{
	const struct nlattr *v = child_of(child_of(elem, NFTA_SET_ELEM_DATA), NFTA_DATA_VERDICT);
	const struct nlattr *code = child_of(v, NFTA_VERDICT_CODE);
	const struct nlattr *chain = child_of(v, NFTA_VERDICT_CHAIN);

	ret->verdict = code ? (int)ntohl(mnl_attr_get_u32(code)) : 0;
	snprintf(ret->chain, sizeof(ret->chain), "%s", chain ? mnl_attr_get_str(chain) : "");
}

static int read_elements(const struct nlmsghdr *nlh, void *data)
{
	const struct nlattr *elem, *list = attr_of(nlh, NFTA_SET_ELEM_LIST_ELEMENTS);
	struct nft_elems *elems = data;

	if (!list)
		return MNL_CB_OK;
	mnl_attr_for_each_nested (elem, list) {
		const struct nlattr *key =
			child_of(child_of(elem, NFTA_SET_ELEM_KEY), NFTA_DATA_VALUE);
		const struct nlattr *flags = child_of(elem, NFTA_SET_ELEM_FLAGS);
		struct nft_target t;
		struct nft_elem *e;

		if (!key || mnl_attr_get_payload_len(key) > sizeof(e->key))
			continue;
		read_target(elem, &t);
		e = nft_elems_add(elems, mnl_attr_get_payload(key), mnl_attr_get_payload_len(key),
				  child_of(elem, NFTA_SET_ELEM_DATA) ? &t : NULL);
		if (e)
			e->end =
				flags && ntohl(mnl_attr_get_u32(flags)) & NFT_SET_ELEM_INTERVAL_END;
	}
	return MNL_CB_OK;
}

static void forget_elements(void *data)
{
	((struct nft_elems *)data)->n = 0;
}

/* Below the first range the kernel may hold the end of an empty one. */
static void drop_lone_end(struct nft_elems *list)
{
	static const uint8_t zero[32];

	if (list->n && list->items[0].end && memcmp(list->items[0].key, zero, sizeof(zero)) == 0)
		memmove(list->items, list->items + 1, --list->n * sizeof(*list->items));
}

int nft_read_elements(struct nft_socket *s, const char *set, struct nft_elems *ret,
		      struct weir_error *err)
{
	struct nft_dump dump = { read_elements, forget_elements, ret };
	struct nlmsghdr *nlh;
	char buf[512];
	int r;

	nlh = request(buf, NFT_MSG_GETSETELEM, NFTA_SET_ELEM_LIST_TABLE);
	mnl_attr_put_strz(nlh, NFTA_SET_ELEM_LIST_SET, set);
	r = nft_dump(s, nlh, &dump);
	if (r == 0 && ret->failed)
		r = -ENOMEM;
	if (r < 0)
		return weir_error_errno(err, -r, "read set %s", set);
	nft_elems_sort(ret);
	drop_lone_end(ret);
	return 0;
}

bool nft_has_set(const struct nft_objects *o, const char *name)
{
	for (size_t i = 0; i < o->n_sets; i++)
		if (strcmp(o->sets[i].name, name) == 0)
			return true;
	return false;
}

bool nft_has_chain(const struct nft_objects *o, const char *name)
{
	for (size_t i = 0; i < o->n_chains; i++)
		if (strcmp(o->chains[i].name, name) == 0)
			return true;
	return false;
}

bool nft_same_rules(const struct nft_rule_texts *have, const struct nft_rules *want,
		    const char *chain)
{
	size_t i = 0, j = 0;

	for (;;) {
		WEIR_AUTO_FREE char *text = NULL;

		while (i < have->n && strcmp(have->items[i].chain, chain) != 0)
			i++;
		while (j < want->n && strcmp(want->items[j].chain, chain) != 0)
			j++;
		if (i == have->n || j == want->n)
			return i == have->n && j == want->n;
		text = nft_rule_text(want->items[j].rule);
		if (!text || strcmp(text, have->items[i].text) != 0)
			return false;
		i++;
		j++;
	}
}
