/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A backend without a kernel. Each call becomes a line of text, each apply one
 * line per change in it:
 *
 *   apply 12 full
 *   address 10.0.0.1/32 7 shop/web-0
 *   ruleset 3 ingress 2 peers
 *   endpoint 10.0.0.1 ingress 3 egress 0
 *   guard 10.0.0.0/24
 *   interface veth1 shop/web-0 10.0.0.1
 *
 * Reached through backend.c only; knows nothing of policies but the tables.
 */
#include "backends/fake/fake.h"

#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>

#include "weir/cleanup.h"

struct fake {
	struct weir_backend base; /* first: the facade sees only this */
	char *calls;
	size_t len;
	FILE *out; /* writes calls */
	int fail_next;
	bool needs_full;
	struct weir_backend_stats stats;
};

static struct fake *fake_of(const struct weir_backend *b)
{
	return (struct fake *)b;
}

static int fake_probe(const struct weir_backend_config *config, struct weir_error *why)
{
	return 0;
}

static void fake_close(struct weir_backend *b)
{
	struct fake *f = fake_of(b);

	if (f->out)
		fclose(f->out);
	free(f->calls);
	free(f);
}

static int fake_open(const struct weir_backend_config *config, struct weir_backend **ret,
		     struct weir_error *err)
{
	struct fake *f = calloc(1, sizeof(*f));

	if (!f)
		return weir_error_errno(err, ENOMEM, "open");
	f->base.ops = &weir_fake_ops;
	f->out = open_memstream(&f->calls, &f->len);
	if (!f->out) {
		fake_close(&f->base);
		return weir_error_errno(err, ENOMEM, "open");
	}
	fprintf(f->out, "open %s\n", config->name ? config->name : "-");
	*ret = &f->base;
	return 0;
}

static void record_address(FILE *out, const struct weir_address_change *a)
{
	char prefix[WEIR_PREFIX_STRLEN];

	fprintf(out, "address %s %u", weir_prefix_format(&a->prefix, prefix), a->identity);
	if (a->pod)
		fprintf(out, " %s/%s", a->pod->namespace_, a->pod->name);
	fputc('\n', out);
}

static void record_ruleset(FILE *out, const struct weir_ruleset_change *r)
{
	if (!r->ruleset)
		fprintf(out, "ruleset %u gone\n", r->id);
	else
		fprintf(out, "ruleset %u %s%s %zu peers\n", r->id,
			r->ruleset->direction == WEIR_EGRESS ? "egress" : "ingress",
			r->is_new ? " new" : "", r->n_peers);
}

static void record_endpoint(FILE *out, const struct weir_endpoint_change *e)
{
	char addr[WEIR_ADDR_STRLEN];

	weir_addr_format(&e->addr, addr);
	if (!e->pod)
		fprintf(out, "endpoint %s gone\n", addr);
	else
		fprintf(out, "endpoint %s ingress %u egress %u\n", addr, e->rulesets[WEIR_INGRESS],
			e->rulesets[WEIR_EGRESS]);
}

static void record_interface(FILE *out, const struct weir_interface *i)
{
	char addr[WEIR_ADDR_STRLEN];

	fprintf(out, "interface %s %s", i->name, i->owner);
	for (unsigned a = 0; a < i->n_addrs; a++)
		fprintf(out, " %s", weir_addr_format(&i->addrs[a], addr));
	fputc('\n', out);
}

static int fake_apply(struct weir_backend *b, const struct weir_changes *changes,
		      struct weir_error *err)
{
	struct fake *f = fake_of(b);
	char prefix[WEIR_PREFIX_STRLEN];
	int code = f->fail_next;

	fprintf(f->out, "apply %llu%s\n", (unsigned long long)changes->generation,
		changes->full ? " full" : "");
	f->fail_next = 0;
	if (code) {
		f->needs_full = true;
		return weir_error_errno(err, code, "as asked");
	}
	for (size_t i = 0; i < changes->n_addresses; i++)
		record_address(f->out, &changes->addresses[i]);
	for (size_t i = 0; i < changes->n_rulesets; i++)
		record_ruleset(f->out, &changes->rulesets[i]);
	for (size_t i = 0; i < changes->n_endpoints; i++)
		record_endpoint(f->out, &changes->endpoints[i]);
	for (size_t i = 0; i < changes->n_guards; i++)
		fprintf(f->out, "guard %s\n", weir_prefix_format(&changes->guards[i], prefix));
	for (size_t i = 0; i < changes->n_interfaces; i++)
		record_interface(f->out, &changes->interfaces[i]);
	f->stats.transactions++;
	f->needs_full = false;
	return 0;
}

static bool fake_needs_full(const struct weir_backend *b)
{
	return fake_of(b)->needs_full;
}

static int fake_verify(struct weir_backend *b, const struct weir_addr *addr, struct weir_error *err)
{
	char text[WEIR_ADDR_STRLEN];

	fprintf(fake_of(b)->out, "verify %s\n", addr ? weir_addr_format(addr, text) : "all");
	return 0;
}

static int fake_dump(struct weir_backend *b, FILE *out, struct weir_error *err)
{
	fputs(weir_fake_calls(b), out);
	return ferror(out) ? weir_error_errno(err, EIO, "write") : 0;
}

static void fake_stats(const struct weir_backend *b, struct weir_backend_stats *ret)
{
	*ret = fake_of(b)->stats;
}

static int fake_purge(const struct weir_backend_config *config, struct weir_error *err)
{
	return 0;
}

const char *weir_fake_calls(const struct weir_backend *b)
{
	struct fake *f = fake_of(b);

	fflush(f->out);
	return f->calls;
}

void weir_fake_fail_next(struct weir_backend *b, int code)
{
	fake_of(b)->fail_next = code;
}

const struct weir_backend_ops weir_fake_ops = {
	.name = "fake",
	.description = "enforces nothing, remembers what it was asked (--dry-run)",
	.probe = fake_probe,
	.open = fake_open,
	.apply = fake_apply,
	.needs_full = fake_needs_full,
	.verify = fake_verify,
	.dump = fake_dump,
	.stats = fake_stats,
	.close = fake_close,
	.purge = fake_purge,
};
