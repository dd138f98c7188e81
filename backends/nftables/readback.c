/* SPDX-License-Identifier: Apache-2.0 */
/* Dumps of the kernel's chains, sets, rules and elements. Called by full.c and
 * verify.c; knows kinds, not what should be there. */
#include "backends/nftables/readback.h"

#include <netinet/in.h> /* before the kernel's own */

#include <arpa/inet.h>
#include <errno.h>
#include <libnftnl/common.h>
#include <libnftnl/udata.h>
#include <limits.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weir/cleanup.h"

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

struct reading {
	const struct nft_socket *socket;
	struct nft_contents *into;
};

/* The dumps give those of all tables. */
static const char *name_in_table(const struct nlmsghdr *nlh, const struct reading *r,
				 uint16_t table, uint16_t name)
{
	const struct nlattr *t = attr_of(nlh, table), *n = attr_of(nlh, name);

	return t && n && strcmp(mnl_attr_get_str(t), r->socket->table) == 0 ? mnl_attr_get_str(n)
									    : NULL;
}

static uint32_t number_of(const struct nlattr *attr, uint32_t otherwise)
{
	return attr ? ntohl(mnl_attr_get_u32(attr)) : otherwise;
}

static void read_comment(const struct nlattr *data, char *ret)
{
	const uint8_t *at = data ? mnl_attr_get_payload(data) : NULL;
	size_t len = data ? mnl_attr_get_payload_len(data) : 0;

	if (len > 2 && at[0] == NFTNL_UDATA_TABLE_COMMENT && at[1] <= len - 2)
		snprintf(ret, NFT_COMMENT_MAX + 1, "%.*s", (int)at[1], (const char *)at + 2);
}

static int read_table(const struct nlmsghdr *nlh, void *data)
{
	const struct reading *r = data;
	const struct nlattr *name = attr_of(nlh, NFTA_TABLE_NAME);
	const struct nfgenmsg *nfg = mnl_nlmsg_get_payload(nlh);

	if (nfg->nfgen_family != r->socket->family || !name)
		return MNL_CB_OK;
	if (strcmp(mnl_attr_get_str(name), NFT_TABLE_NEXT) == 0)
		r->into->next_exists = true;
	if (strcmp(mnl_attr_get_str(name), r->socket->table) != 0)
		return MNL_CB_OK;
	r->into->exists = true;
	read_comment(attr_of(nlh, NFTA_TABLE_USERDATA), r->into->comment);
	return MNL_CB_OK;
}

/* hook -1: not a base chain; INT_MAX: one that weir does not make */
static void read_hook(const struct nlmsghdr *nlh, struct nft_chain *ret)
{
	const struct nlattr *hook = attr_of(nlh, NFTA_CHAIN_HOOK), *device;

	if (!hook)
		return;
	ret->hook = (int)number_of(child_of(hook, NFTA_HOOK_HOOKNUM), INT_MAX);
	ret->priority = (int)number_of(child_of(hook, NFTA_HOOK_PRIORITY), INT_MAX);
	if (number_of(attr_of(nlh, NFTA_CHAIN_POLICY), NF_DROP) != NF_ACCEPT)
		ret->hook = INT_MAX;
	device = child_of(hook, NFTA_HOOK_DEV);
	if (device)
		snprintf(ret->device, sizeof(ret->device), "%s", mnl_attr_get_str(device));
}

static int read_chain(const struct nlmsghdr *nlh, void *data)
{
	const struct reading *r = data;
	const char *name = name_in_table(nlh, r, NFTA_CHAIN_TABLE, NFTA_CHAIN_NAME);
	struct nft_chain *chain =
		name ? nft_objects_add_chain(&r->into->objects, name, -1, NULL) : NULL;

	if (chain)
		read_hook(nlh, chain);
	return MNL_CB_OK;
}

static int read_set(const struct nlmsghdr *nlh, void *data)
{
	const struct reading *r = data;
	const char *name = name_in_table(nlh, r, NFTA_SET_TABLE, NFTA_SET_NAME);
	struct nft_set set = { .kind = NFT_SET_KIND_MAX };

	if (!name)
		return MNL_CB_OK;
	nft_set_recognise(number_of(attr_of(nlh, NFTA_SET_FLAGS), 0),
			  number_of(attr_of(nlh, NFTA_SET_KEY_TYPE), 0),
			  number_of(attr_of(nlh, NFTA_SET_DATA_TYPE), 0), &set);
	nft_objects_add_set(&r->into->objects, set.kind, set.family, name);
	return MNL_CB_OK;
}

static void forget_table(void *data)
{
	struct nft_contents *c = ((struct reading *)data)->into;

	c->exists = c->next_exists = false;
}

static void forget_chains(void *data)
{
	((struct reading *)data)->into->objects.n_chains = 0;
}

static void forget_sets(void *data)
{
	((struct reading *)data)->into->objects.n_sets = 0;
}

static int keep_rule(void *data, const struct nftnl_rule *rule)
{
	struct nft_rule_texts *list = data;

	if (list->n == list->size) {
		uint32_t size = list->size ? list->size * 2 : 64;
		void *items = reallocarray(list->items, size, sizeof(*list->items));

		if (!items)
			return -ENOMEM;
		list->items = items;
		list->size = size;
	}
	snprintf(list->items[list->n].chain, NFT_NAME_LEN, "%s",
		 nftnl_rule_get_str(rule, NFTNL_RULE_CHAIN));
	list->items[list->n].place = list->n;
	list->items[list->n].text = nft_rule_text(rule);
	return list->items[list->n++].text ? 0 : -ENOMEM;
}

struct rule_visit {
	nft_rule_fn fn;
	void (*restart)(void *data);
	void *data;
};

static int visit_rule(const struct nlmsghdr *nlh, void *data)
{
	const struct rule_visit *v = data;
	struct nftnl_rule *rule = nftnl_rule_alloc();
	int code = rule && nftnl_rule_nlmsg_parse(nlh, rule) == 0 ? 0 : -ENOMEM;

	if (code == 0)
		code = v->fn(v->data, rule);
	nftnl_rule_free(rule);
	errno = -code;
	return code < 0 ? MNL_CB_ERROR : MNL_CB_OK;
}

static int read_rule(const struct nlmsghdr *nlh, void *data)
{
	const struct reading *r = data;
	struct rule_visit v = { .fn = keep_rule, .data = &r->into->rules };

	return name_in_table(nlh, r, NFTA_RULE_TABLE, NFTA_RULE_CHAIN) ? visit_rule(nlh, &v)
								       : MNL_CB_OK;
}

static void forget_rules(void *data)
{
	struct nft_rule_texts *list = &((struct reading *)data)->into->rules;

	while (list->n)
		free(list->items[--list->n].text);
}

static struct nlmsghdr *request(struct nft_socket *s, char *buf, uint16_t type, uint16_t table_attr)
{
	struct nlmsghdr *nlh = nftnl_nlmsg_build_hdr(buf, type, s->family, NLM_F_DUMP, 0);

	if (table_attr)
		mnl_attr_put_strz(nlh, table_attr, s->table);
	return nlh;
}

/* The kernel filters only the dump of rules and elements by table. */
static const struct {
	uint16_t type, table_attr;
	int (*message)(const struct nlmsghdr *nlh, void *data);
	void (*restart)(void *data);
} dumps[] = {
	{ NFT_MSG_GETTABLE, 0, read_table, forget_table },
	{ NFT_MSG_GETCHAIN, 0, read_chain, forget_chains },
	{ NFT_MSG_GETSET, NFTA_SET_TABLE, read_set, forget_sets },
	{ NFT_MSG_GETRULE, NFTA_RULE_TABLE, read_rule, forget_rules },
};

int nft_read_contents(struct nft_socket *s, struct nft_contents *ret, struct weir_error *err)
{
	struct reading reading = { s, ret };
	char buf[512];
	int r = 0;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(dumps) && r == 0; i++) {
		struct nft_dump dump = { dumps[i].message, dumps[i].restart, &reading };

		r = nft_dump(s, request(s, buf, dumps[i].type, dumps[i].table_attr), &dump);
		if (r == -ENOENT) /* no such table */
			r = 0;
	}
	if (r == 0 && ret->objects.failed)
		r = -ENOMEM;
	nft_objects_sort(&ret->objects);
	nft_rule_texts_sort(&ret->rules);
	return r < 0 ? weir_error_errno(err, -r, "read table %s", s->table) : 0;
}

static void restart_visit(void *data)
{
	const struct rule_visit *v = data;

	v->restart(v->data);
}

int nft_each_rule(struct nft_socket *s, nft_rule_fn fn, void (*restart)(void *data), void *data)
{
	struct rule_visit v = { fn, restart, data };
	struct nft_dump dump = { visit_rule, restart_visit, &v };
	char buf[512];

	return nft_dump(s, request(s, buf, NFT_MSG_GETRULE, NFTA_RULE_TABLE), &dump);
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

	nlh = request(s, buf, NFT_MSG_GETSETELEM, NFTA_SET_ELEM_LIST_TABLE);
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
