/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Anti-spoofing, the table netdev weir: a base chain on each host end of a pod's
 * interface, and what they share. A packet that says it is from somebody else
 * is counted, reported and dropped before anything else looks at it.
 */
#include "backends/nftables/elements.h"
#include "backends/nftables/render.h"
#include "weir/flow.h"

#define NFT_SPOOF_COMMENT                                                                          \
	"weir: source addresses of pods (layout 1). Managed by weird; see weirctl."

#define NFT_SPOOF_TUNNELS "tunnels" /* the shared chain that depends on the node */

/* What is in force, or shall be. */
struct nft_spoof {
	struct weir_interface *interfaces; /* ascending index */
	size_t n_interfaces;
	struct weir_tunnel *tunnels;
	size_t n_tunnels;
	struct weir_addr *node; /* link-local addresses of the node; sorted */
	size_t n_node;
};
void nft_spoof_free(struct nft_spoof *s);
/* 0 or -ENOMEM. Without interfaces there is nothing, and no table. */
int nft_spoof_make(const struct weir_changes *changes, struct nft_spoof *ret);

/* The sets, all elements of each (sorted). */
enum nft_spoof_set { NFT_SPOOF_OWN4, NFT_SPOOF_OWN6, NFT_SPOOF_NODE6, NFT_SPOOF_SETS };
extern const char *const nft_spoof_sets[NFT_SPOOF_SETS];
void nft_spoof_render_set(const struct nft_spoof *s, enum nft_spoof_set set, struct nft_elems *ret);

/* Sets, chains and rules that all interfaces share; those of one interface. */
void nft_spoof_render_shared(const struct nft_spoof *s, uint16_t nflog_group, struct nft_objects *o,
			     struct nft_rules *rules);
void nft_spoof_render_interface(const struct weir_interface *i, struct nft_objects *o,
				struct nft_rules *rules);
/* The chain that counts and drops this. */
void nft_spoof_chain(enum weir_spoof spoof, char *ret);
