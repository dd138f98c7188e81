/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* From the model to objects of the kernel: names, sets, chains, rules, elements. */
#include "backends/nftables/elements.h"
#include "backends/nftables/model.h"

/* What exists beside rules and elements. */
struct nft_objects {
	struct nft_set *sets;
	struct nft_chain *chains;
	size_t n_sets, n_chains;
	bool failed;
};
void nft_objects_free(struct nft_objects *o);
void nft_objects_add_set(struct nft_objects *o, uint8_t kind, uint8_t family, const char *name);
/* At priority 0; what was added, for as long as nothing else is; NULL: memory. */
struct nft_chain *nft_objects_add_chain(struct nft_objects *o, const char *name, int hook,
					const char *comment);

/* rs_5, rs_5_4, rs_5_net6 */
void nft_ruleset_chain(const struct nft_ruleset *r, char *ret);
void nft_peer_map(const struct nft_ruleset *r, int f, char *ret);
void nft_net_map(const struct nft_ruleset *r, int f, char *ret);

/* All sets, chains and rules of a ruleset; all but its classes; only those of
 * one class; the rule that reports and drops. */
void nft_render_ruleset(const struct nft_ruleset *r, uint16_t nflog_group, struct nft_objects *o,
			struct nft_rules *rules);
void nft_render_base(const struct nft_ruleset *r, uint16_t nflog_group, struct nft_objects *o,
		     struct nft_rules *rules);
void nft_render_class(const struct nft_ruleset *r, const struct nft_class *c, struct nft_objects *o,
		      struct nft_rules *rules);
void nft_render_deny(const struct nft_ruleset *r, uint16_t nflog_group, struct nft_rules *rules);

/* Where a packet of this class goes. */
struct nft_target nft_class_target(const struct nft_ruleset *r, const struct nft_class *c);
/* Where a packet of an endpoint goes; id 0: not isolated. */
struct nft_target nft_endpoint_target(const struct nft_ruleset *r);

/* Elements, in no order: of the peer map after the pending changes of the
 * addresses; of a map of ranges or a set of ports, which never change. */
void nft_render_peers(const struct nft_addresses *t, const struct nft_ruleset *r, int f,
		      struct nft_elems *ret);
void nft_render_constant_set(const struct nft_ruleset *r, const struct nft_set *set,
			     struct nft_elems *ret);
