/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What is always there: base chains, dispatch, and the maps of endpoints. */
#include "backends/nftables/render.h"

#define NFT_TABLE_COMMENT "weir: network policy of pods (layout 1). Managed by weird; see weirctl."

void nft_render_skeleton(uint16_t nflog_group, struct nft_objects *o, struct nft_rules *rules);

/* egress4, ingress6, self4, guard6 */
void nft_endpoint_map(int direction, int f, char *ret);
void nft_self_set(int f, char *ret);
void nft_guard_set(int f, char *ret);
/* Their elements, sorted. */
void nft_render_endpoints(const struct nft_model *m, int direction, int f, struct nft_elems *ret);
void nft_render_self(const struct nft_model *m, int f, struct nft_elems *ret);
void nft_render_guards(const struct nft_intervals *guards, int f, struct nft_elems *ret);
