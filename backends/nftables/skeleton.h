/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What is always there: base chains, dispatch, and the maps of endpoints. */
#include "backends/nftables/render.h"

#define NFT_TABLE_COMMENT "weir: network policy of pods (layout 1). Managed by weird; see weirctl."

void nft_render_skeleton(uint16_t nflog_group, struct nft_objects *o, struct nft_rules *rules);

/* ended.c: what is left of connections that were ended does not pass. */
void nft_render_ended(struct nft_objects *o, struct nft_rules *rules);

/* The sets that tell endpoints apart: by direction, a pod to itself; from NFT_GUARD on
 * ranges: guards, resolvers. */
enum { NFT_SELF = WEIR_DIRECTION_MAX, NFT_GUARD, NFT_RESOLVER, NFT_DISPATCH_KINDS };
void nft_dispatch_set(int kind, int f, char *ret); /* egress4, ingress6, self4, guard6 */
/* All their elements, sorted; those of one endpoint. */
void nft_render_dispatch(const struct nft_model *m, int kind, int f, struct nft_elems *ret);
void nft_render_endpoint(const struct nft_model *m, const struct nft_endpoint *e, int direction,
			 struct nft_elems *ret);
void nft_render_self(const struct nft_endpoint *e, struct nft_elems *ret);
