/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What one change costs the nftables backend, by how many pods it knows, beside
 * `nft -f` making the same change to the same table: one more pod where rules
 * name no port, and where they do (then its elements go to a chain, and the
 * kernel walks through all such elements of the table to look for loops); and a
 * rule that now names a port. In alternating rounds; medians. In a network
 * namespace of its own: needs root and nft.
 *
 *   nft_update [PODS ...]
 */
#include <sched.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "weir/backend.h"
#include "weir/cleanup.h"

enum { ROUNDS = 31, RULESETS = 20, IDENTITIES = 10, NAMED = 5, FIRST_IDENTITY = 10 };

static const struct weir_backend_config config = { .name = "bench", .nflog_group = 9571 };
static struct weir_policy policy = { .namespace_ = "shop", .name = "web" };
static const struct weir_policy *const policies[] = { &policy };
static struct weir_pod pod = { .namespace_ = "shop", .name = "web-0" };
static const struct weir_class deny = { .verdict = WEIR_DENIED };
static const struct weir_class allow = { .verdict = WEIR_ALLOWED };
static struct weir_class *allow_port;

static void die(const char *what, const struct weir_error *err)
{
	fprintf(stderr, "nft_update: %s: %s\n", what, err ? err->text : "failed");
	exit(1);
}

static double now_ms(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static struct weir_addr addr_of(uint32_t n)
{
	struct weir_addr a = { .family = AF_INET };

	a.bytes[0] = 10;
	a.bytes[1] = (uint8_t)(n >> 16);
	a.bytes[2] = (uint8_t)(n >> 8);
	a.bytes[3] = (uint8_t)n;
	return a;
}

static double apply(struct weir_backend *b, const struct weir_changes *c)
{
	struct weir_error err;
	double start = now_ms();
	int ms;

	if (weir_backend_apply(b, c, &err) < 0)
		die("apply", &err);
	start = now_ms() - start;
	do {
		usleep(2000);
		if (weir_backend_settle(b, &ms, &err) < 0)
			die("settle", &err);
	} while (ms >= 0);
	return start;
}

static double nft(const char *script)
{
	double start;
	int status;
	FILE *f = fopen(script, "r");
	pid_t child;

	if (!f)
		die(script, NULL);
	fclose(f);
	start = now_ms();
	child = fork();
	if (child == 0) {
		execlp("nft", "nft", "-f", script, NULL);
		_exit(127);
	}
	if (child < 0 || waitpid(child, &status, 0) < 0 || status)
		die("nft -f", NULL);
	return now_ms() - start;
}

/* --- the world ----------------------------------------------------------------------- */

static void start(struct weir_backend *b, uint32_t pods, const struct weir_class *class_)
{
	WEIR_AUTO_FREE struct weir_address_change *addresses = calloc(pods, sizeof(*addresses));
	struct weir_ruleset rulesets[RULESETS];
	struct weir_ruleset_change changes[RULESETS];
	struct weir_endpoint_change endpoints[RULESETS] = { 0 };
	struct weir_class_change peers[NAMED];
	struct weir_changes all = { .full = true,
				    .n_addresses = pods,
				    .addresses = addresses,
				    .n_rulesets = RULESETS,
				    .rulesets = changes,
				    .n_endpoints = RULESETS,
				    .endpoints = endpoints };

	for (uint32_t i = 0; i < pods; i++) {
		struct weir_addr a = addr_of(i);

		addresses[i].prefix = weir_prefix_of(&a, 32);
		addresses[i].identity = FIRST_IDENTITY + i % IDENTITIES;
	}
	for (uint32_t i = 0; i < NAMED; i++)
		peers[i] = (struct weir_class_change){ FIRST_IDENTITY + i, class_ };
	for (uint32_t i = 0; i < RULESETS; i++) {
		rulesets[i] = (struct weir_ruleset){ .id = i + 1,
						     .direction = WEIR_INGRESS,
						     .n_policies = 1,
						     .policies = policies,
						     .fallback = &deny };
		changes[i] =
			(struct weir_ruleset_change){ i + 1, &rulesets[i], true, NAMED, peers };
		endpoints[i] = (struct weir_endpoint_change){ .addr = addr_of(i), .pod = &pod };
		endpoints[i].rulesets[WEIR_INGRESS] = i + 1;
	}
	apply(b, &all);
}

/* --- one more pod ---------------------------------------------------------------------- */

static double pod_by_weir(struct weir_backend *b, uint32_t n, bool there)
{
	struct weir_addr a = addr_of(n);
	struct weir_address_change one = { .prefix = weir_prefix_of(&a, 32),
					   .identity = there ? FIRST_IDENTITY : 0 };
	struct weir_changes c = { .n_addresses = 1, .addresses = &one };

	return apply(b, &c);
}

/* class_: name of the chain behind "rs_1_"; "" when there is none */
static double pod_by_nft(const char *script, uint32_t n, bool there, const char *class_)
{
	struct weir_addr a = addr_of(n);
	char text[WEIR_ADDR_STRLEN];
	FILE *f = fopen(script, "w");

	if (!f)
		die(script, NULL);
	weir_addr_format(&a, text);
	for (unsigned i = 1; i <= RULESETS; i++) {
		if (!there)
			fprintf(f, "delete element inet weir rs_%u_4 { %s }\n", i, text);
		else if (class_[0])
			fprintf(f, "add element inet weir rs_%u_4 { %s : goto rs_%u_%s }\n", i,
				text, i, class_);
		else
			fprintf(f, "add element inet weir rs_%u_4 { %s : return }\n", i, text);
	}
	fclose(f);
	return nft(script);
}

/* --- a rule names a port: a tenth of the pods get another class in one ruleset ----------- */

static double rule_by_weir(struct weir_backend *b, bool port)
{
	const struct weir_ruleset r = { .id = 1,
					.direction = WEIR_INGRESS,
					.n_policies = 1,
					.policies = policies,
					.fallback = &deny };
	struct weir_class_change peer = { FIRST_IDENTITY, port ? allow_port : &allow };
	struct weir_ruleset_change change = { 1, &r, false, 1, &peer };
	struct weir_changes c = { .n_rulesets = 1, .rulesets = &change };

	return apply(b, &c);
}

static void write_elements(FILE *f, const char *verb, const char *target, uint32_t pods)
{
	char text[WEIR_ADDR_STRLEN];

	fprintf(f, "%s element inet weir rs_1_4 { ", verb);
	for (uint32_t i = 0; i < pods; i += IDENTITIES) {
		struct weir_addr a = addr_of(i);

		fprintf(f, "%s%s%s", i ? ", " : "", weir_addr_format(&a, text), target);
	}
	fprintf(f, " }\n");
}

static double rule_by_nft(const char *script, bool port, uint32_t pods)
{
	FILE *f = fopen(script, "w");

	if (!f)
		die(script, NULL);
	if (port)
		fprintf(f, "add chain inet weir port\nadd rule inet weir port tcp dport 80 return\n"
			   "add rule inet weir port goto rs_1_deny\n");
	write_elements(f, "delete", "", pods);
	write_elements(f, "add", port ? " : goto port" : " : return", pods);
	if (!port)
		fprintf(f, "delete chain inet weir port\n");
	fclose(f);
	return nft(script);
}

/* --- rounds ------------------------------------------------------------------------------- */

static int by_value(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(double *values)
{
	qsort(values, ROUNDS, sizeof(*values), by_value);
	return values[ROUNDS / 2];
}

static void report(const char *what, uint32_t pods, double *weir, double *peer)
{
	double w = median(weir), p = median(peer);

	printf("%s, %u pods known: weir %.3f ms, nft -f %.3f ms, ratio %.3f\n", what, pods, w, p,
	       w / p);
}

static struct weir_backend *begin(uint32_t pods, const struct weir_class *class_)
{
	struct weir_backend *b = NULL;
	struct weir_error err;

	if (weir_backend_open(&config, "nftables", &b, NULL, &err) < 0)
		die("open", &err);
	start(b, pods, class_);
	return b;
}

/* The kernel must hold what weir thinks after all that nft did and undid. */
static void end(struct weir_backend *b)
{
	struct weir_error err;

	if (weir_backend_verify(b, NULL, &err) != 0)
		die("verify", &err);
	weir_backend_close(&b);
	if (weir_backend_purge(&config, "nftables", &err) < 0)
		die("purge", &err);
}

/* The part of the name that a class has in all rulesets; "" without ports. */
static void class_name(char *ret, size_t size)
{
	FILE *f = popen(
		"nft -t list table inet weir | sed -n 's/.*chain rs_1_\\(p[0-9a-f]*\\).*/\\1/p'",
		"r");

	ret[0] = 0;
	if (f && fgets(ret, (int)size, f))
		ret[strcspn(ret, "\n")] = 0;
	if (f)
		pclose(f);
}

static void measure_pods(uint32_t pods, const char *script, const struct weir_class *class_,
			 const char *what)
{
	struct weir_backend *b = begin(pods, class_);
	double weir[ROUNDS], peer[ROUNDS];
	char name[64];

	class_name(name, sizeof(name));
	for (int i = 0; i < ROUNDS; i++) {
		weir[i] = pod_by_weir(b, pods, true);
		pod_by_weir(b, pods, false);
		peer[i] = pod_by_nft(script, pods, true, name);
		pod_by_nft(script, pods, false, name);
	}
	end(b);
	report(what, pods, weir, peer);
}

static void measure_rule(uint32_t pods, const char *script)
{
	struct weir_backend *b = begin(pods, &allow);
	double weir[ROUNDS], peer[ROUNDS];

	for (int i = 0; i < ROUNDS; i++) {
		weir[i] = rule_by_weir(b, true);
		rule_by_weir(b, false);
		peer[i] = rule_by_nft(script, true, pods);
		rule_by_nft(script, false, pods);
	}
	end(b);
	report("a rule names a port", pods, weir, peer);
}

static void measure(uint32_t pods, const char *script)
{
	measure_pods(pods, script, &allow, "one more pod, rules without ports");
	measure_pods(pods, script, allow_port, "one more pod, rules with ports");
	measure_rule(pods, script);
}

int main(int argc, char **argv)
{
	static const uint32_t sizes[] = { 10, 1000, 10000, 30000 };
	char script[] = "/tmp/weir-bench-XXXXXX";
	int fd;

	if (geteuid() != 0 || unshare(CLONE_NEWNET) < 0) {
		puts("skipped: needs root and a network namespace");
		return 77;
	}
	allow_port = calloc(1, sizeof(*allow_port) + sizeof(allow_port->ports[0]));
	fd = mkstemp(script);
	if (!allow_port || fd < 0)
		die("start", NULL);
	close(fd);
	allow_port->verdict = WEIR_DENIED;
	allow_port->n_ports = 1;
	allow_port->ports[0] = (struct weir_port_verdict){
		.first = 80, .last = 80, .protocol = WEIR_PROTO_TCP, .verdict = WEIR_ALLOWED
	};
	for (int i = 1; i < argc; i++)
		measure((uint32_t)atoi(argv[i]), script);
	for (size_t i = 0; argc < 2 && i < WEIR_ARRAY_SIZE(sizes); i++)
		measure(sizes[i], script);
	unlink(script);
	free(allow_port);
	return 0;
}
