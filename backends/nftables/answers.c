/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Chains that copy DNS answers, there only while somebody learns from them. They judge
 * nothing. What is copied: a reply from port 53, in a connection that an endpoint
 * opened toward a resolver. The resolver is looked up as the endpoint addressed it,
 * before DNAT: a Service's address stays the same whichever server answers. Replies
 * of a server on this very node pass output.
 */
#include <netinet/in.h> /* before the kernel's own */

#include <linux/netfilter.h>
#include <linux/netfilter/nf_conntrack_common.h>

#include "backends/nftables/nft.h"

#define DNS_PORT 53

static void render_chain(const char *chain, uint16_t group, struct nft_rules *rules)
{
	static const uint8_t protocols[] = { WEIR_PROTO_UDP, WEIR_PROTO_TCP };
	char resolvers[NFT_NAME_LEN], endpoints[NFT_NAME_LEN];

	for (size_t i = 0; i < sizeof(protocols); i++) {
		for (int f = 0; f < NFT_FAMILIES; f++) {
			nft_dispatch_set(NFT_RESOLVER, f, resolvers);
			nft_dispatch_set(NFT_SELF, f, endpoints);
			nft_rule_begin(rules, chain);
			nft_match_l4proto(rules, protocols[i]);
			nft_match_sport(rules, DNS_PORT);
			nft_match_ct_state(rules, NFT_STATE_BIT(IP_CT_ESTABLISHED));
			nft_match_ct_reply(rules);
			nft_match_asked_set(rules, nft_family(f), resolvers);
			nft_match_same_addr_pair_set(rules, nft_family(f), endpoints);
			nft_copy(rules, group);
		}
	}
}

void nft_render_answers(uint16_t group, struct nft_objects *o, struct nft_rules *rules)
{
	nft_objects_add_chain(o, "answers_forward", NF_INET_FORWARD, "DNS answers to pods");
	render_chain("answers_forward", group, rules);
	nft_objects_add_chain(o, "answers_output", NF_INET_LOCAL_OUT,
			      "DNS answers of this node to pods");
	render_chain("answers_output", group, rules);
}

void nft_render_stable(const struct nft *n, struct nft_objects *o, struct nft_rules *rules)
{
	nft_render_skeleton(n->nflog_group, o, rules);
	if (nft_model_listens(&n->model))
		nft_render_answers(n->answer_group, o, rules);
	if (n->dialled)
		nft_render_dialled(o, rules);
}

void nft_write_answers(struct nft *n, const struct nft_model *next, struct nft_batch *b)
{
	WEIR_CLEANUP(nft_objects_free) struct nft_objects o = { 0 };
	WEIR_CLEANUP(nft_rules_free) struct nft_rules rules = { 0 };
	bool listens = nft_model_listens(next);

	if (listens == nft_model_listens(&n->model))
		return;
	nft_render_answers(n->answer_group, &o, &rules);
	b->failed |= o.failed || rules.failed;
	for (size_t i = 0; i < o.n_chains; i++) {
		if (listens) {
			nft_add_chain(b, &o.chains[i]);
		} else {
			nft_flush_chain(b, o.chains[i].name);
			nft_delete_chain(b, o.chains[i].name);
		}
	}
	if (listens)
		nft_add_rules(b, &rules);
}
