/* SPDX-License-Identifier: Apache-2.0 */
/* The slots of the nftables backend. What each step does is in apply.c, full.c,
 * settle.c and verify.c. */
#include <netinet/in.h> /* before the kernel's own */

#include <errno.h>
#include <linux/netfilter.h>
#include <stdlib.h>

#include "backends/flow/answers.h"
#include "backends/flow/kernel.h"
#include "backends/nftables/ended.h"
#include "backends/nftables/nft.h"
#include "backends/nftables/nftables.h"
#include "weir/cleanup.h"

static struct nft *nft_of(const struct weir_backend *b)
{
	return (struct nft *)b;
}

static int probe(const struct weir_backend_config *config, struct weir_error *why)
{
	WEIR_CLEANUP(nft_contents_free) struct nft_contents have = { 0 };
	struct nft_socket s;
	int r = nft_socket_open(&s, NFPROTO_INET, why);

	if (r < 0)
		return r;
	r = nft_read_contents(&s, &have, why);
	nft_socket_close(&s);
	if (r == -EPERM)
		return weir_error_set(why, EPERM, "CAP_NET_ADMIN is needed");
	return r;
}

static void close_nft(struct weir_backend *b)
{
	struct nft *n = nft_of(b);

	nft_socket_close(&n->socket);
	nft_spoof_close(n);
	nft_model_free(&n->model);
	nft_garbage_free(&n->garbage);
	free(n);
}

static int open_nft(const struct weir_backend_config *config, struct weir_backend **ret,
		    struct weir_error *err)
{
	struct nft *n = calloc(1, sizeof(*n));
	int r;

	if (!n)
		return weir_error_errno(err, ENOMEM, "open");
	n->base.ops = &weir_nftables_ops;
	n->nflog_group = config->nflog_group;
	n->answer_group = config->answer_group;
	n->next_key = 1;
	n->needs_full = true; /* the first apply reads the kernel */
	r = nft_socket_open(&n->socket, NFPROTO_INET, err);
	if (r == 0)
		r = nft_spoof_open(n, err);
	if (r < 0) {
		close_nft(&n->base);
		return r;
	}
	*ret = &n->base;
	return 0;
}

/* Where anti-spoofing cannot be put in force policies are all the same, but it
 * is a failure: pods that it cannot be said of do not start. */
static int apply(struct weir_backend *b, const struct weir_changes *changes, struct weir_error *err)
{
	struct nft *n = nft_of(b);
	struct weir_error why = { "" };
	int guarded = nft_spoof_guard(n, changes, &why), r;

	r = changes->full ? nft_apply_full(n, changes, err) : nft_apply_changes(n, changes, err);
	if (r == 0 && guarded == 0)
		guarded = nft_spoof_release(n, &why);
	if (guarded < 0)
		n->needs_full = true;
	return r == 0 && guarded < 0 ? weir_error_set(err, -guarded, "%s", why.text) : r;
}

static bool needs_full(const struct weir_backend *b)
{
	return nft_of(b)->needs_full;
}

static int settle(struct weir_backend *b, int *ret_ms, struct weir_error *err)
{
	return nft_settle(nft_of(b), ret_ms, err);
}

static int verify(struct weir_backend *b, const struct weir_addr *addr, struct weir_error *err)
{
	return nft_verify(nft_of(b), addr, err);
}

static int block(struct weir_backend *b, const struct weir_ending *endings, size_t n,
		 struct weir_error *err)
{
	return nft_ended_block(nft_of(b), endings, n, err);
}

static int release(struct weir_backend *b, const struct weir_ending *endings, size_t n,
		   struct weir_error *err)
{
	return nft_ended_release(nft_of(b), endings, n, err);
}

static int still_blocked(struct weir_backend *b, const struct weir_ending *ending,
			 struct weir_error *err)
{
	return nft_ended_still(nft_of(b), ending, err);
}

static int blocked(struct weir_backend *b, void (*fn)(void *data, const struct weir_ending *ending),
		   void *data, struct weir_error *err)
{
	return nft_ended_each(nft_of(b), fn, data, err);
}

static int dump_table(struct nft_socket *s, FILE *out, struct weir_error *err)
{
	WEIR_CLEANUP(nft_contents_free) struct nft_contents have = { 0 };
	const struct nft_objects *o = &have.objects;
	int r = nft_read_contents(s, &have, err);

	if (have.exists)
		fprintf(out, "table %s %s\n", s->family == NFPROTO_INET ? "inet" : "netdev",
			s->table);

	for (size_t i = 0; i < o->n_sets && r == 0; i++) {
		WEIR_CLEANUP(nft_elems_free) struct nft_elems elems = { 0 };

		r = nft_read_elements(s, o->sets[i].name, &elems, err);
		fprintf(out, "set %s %zu elements\n", o->sets[i].name, elems.n);
	}
	for (size_t i = 0; i < have.rules.n && r == 0; i++)
		fprintf(out, "rule %s %s\n", have.rules.items[i].chain, have.rules.items[i].text);
	return r;
}

static int dump(struct weir_backend *b, FILE *out, struct weir_error *err)
{
	struct nft *n = nft_of(b);
	int r = dump_table(&n->socket, out, err);

	return r < 0 ? r : dump_table(&n->spoof.socket, out, err);
}

static void stats(const struct weir_backend *b, struct weir_backend_stats *ret)
{
	struct nft *n = nft_of(b);

	*ret = (struct weir_backend_stats){ .transactions = n->socket.transactions +
							    n->spoof.socket.transactions,
					    .elements_added = n->elements.added,
					    .elements_removed = n->elements.removed,
					    .retries = n->socket.retries + n->spoof.socket.retries,
					    .repairs = n->repairs };
	nft_spoof_counts(n, ret->spoofed);
}

static int purge(const struct weir_backend_config *config, struct weir_error *err)
{
	static const char *const tables[] = { NFT_TABLE, NFT_TABLE_NEXT };
	WEIR_CLEANUP(nft_batch_free) struct nft_batch b = { .family = NFPROTO_INET };
	bool uncertain = false;
	struct nft_socket s;
	int r = nft_socket_open(&s, NFPROTO_INET, err);

	if (r < 0)
		return r;
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(tables); i++) {
		b.table = tables[i];
		nft_add_table(&b, NFT_TABLE_COMMENT); /* so that deleting finds one */
		nft_delete_table(&b);
	}
	r = nft_batch_send(&s, &b, &uncertain, err);
	nft_socket_close(&s);
	return r < 0 ? r : nft_spoof_purge(err);
}

const struct weir_backend_ops weir_nftables_ops = {
	.name = "nftables",
	.description = "rules in table inet weir, on the forward and input hooks",
	.probe = probe,
	.open = open_nft,
	.apply = apply,
	.needs_full = needs_full,
	.settle = settle,
	.verify = verify,
	.block = block,
	.release = release,
	.still_blocked = still_blocked,
	.blocked = blocked,
	.flows = weir_kernel_flows_open,
	.answers = weir_kernel_answers_open,
	.dump = dump,
	.stats = stats,
	.close = close_nft,
	.purge = purge,
};
