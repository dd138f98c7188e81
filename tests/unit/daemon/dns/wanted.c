/* SPDX-License-Identifier: Apache-2.0 */
/* Which names are asked for, and whose answers about them are believed. */
#include "daemon/dns/wanted.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/cluster/cluster.h"
#include "daemon/dns/resolver.h"
#include "daemon/dns/resolvers.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

static void test_patterns(void **state)
{
	struct weir_dns_wanted *w = NULL;

	assert_int_equal(weir_dns_wanted_new(&w), 0);
	assert_true(weir_dns_wanted_none(w));
	assert_int_equal(weir_dns_wants(w, "a.example"), WEIR_DNS_UNWANTED);
	assert_int_equal(weir_dns_wanted_add(w, "API.Example.com."), 0);
	assert_int_equal(weir_dns_wanted_add(w, "api.example.com"), 0);
	assert_int_equal(weir_dns_wanted_add(w, "*.Example.NET"), 0);
	assert_false(weir_dns_wanted_none(w));
	assert_int_equal(weir_dns_wants(w, "api.example.com"), WEIR_DNS_SPELT_OUT);
	assert_int_equal(weir_dns_wants(w, "x.api.example.com"), WEIR_DNS_UNWANTED);
	assert_int_equal(weir_dns_wants(w, "example.com"), WEIR_DNS_UNWANTED);
	assert_int_equal(weir_dns_wants(w, "a.example.net"), WEIR_DNS_WILDCARD);
	assert_int_equal(weir_dns_wants(w, "a.b.c.example.net"), WEIR_DNS_WILDCARD);
	assert_int_equal(weir_dns_wants(w, "example.net"), WEIR_DNS_UNWANTED);
	assert_int_equal(weir_dns_wants(w, "badexample.net"), WEIR_DNS_UNWANTED);
	assert_int_equal(weir_dns_wants(w, ".example.net"), WEIR_DNS_UNWANTED);
	assert_int_equal(weir_dns_wanted_add(w, "a.example.net"), 0);
	assert_int_equal(weir_dns_wants(w, "a.example.net"), WEIR_DNS_SPELT_OUT);
	assert_int_equal(weir_dns_wants(w, ""), WEIR_DNS_UNWANTED);
	weir_dns_wanted_free(&w);
}

static void test_one_pattern(void **state)
{
	assert_true(weir_dns_matches("API.example.com.", "api.example.com"));
	assert_false(weir_dns_matches("api.example.com", "xapi.example.com"));
	assert_true(weir_dns_matches("*.example.com", "a.b.example.com"));
	assert_false(weir_dns_matches("*.example.com", "example.com"));
	assert_false(weir_dns_matches("*.example.com", ".example.com"));
	assert_false(weir_dns_matches("*.example.com", "aexample.com"));
}

static void test_policy(void **state)
{
	const char *names[] = { "api.example.com", "*.cdn.net" };
	struct weir_peer peers[] = { { .kind = WEIR_PEER_PODS },
				     { .kind = WEIR_PEER_DOMAINS, .n_names = 2, .names = names } };
	struct weir_rule rules[] = { { .n_peers = 0 }, { .n_peers = 2, .peers = peers } };
	const struct weir_policy policy = { .n_rules = { [WEIR_EGRESS] = 2 },
					    .rules = { [WEIR_EGRESS] = rules } };
	struct weir_dns_wanted *w = NULL;

	assert_int_equal(weir_dns_wanted_new(&w), 0);
	assert_int_equal(weir_dns_wanted_add_policy(w, &policy), 0);
	assert_int_equal(weir_dns_wants(w, "api.example.com"), WEIR_DNS_SPELT_OUT);
	assert_int_equal(weir_dns_wants(w, "x.cdn.net"), WEIR_DNS_WILDCARD);
	weir_dns_wanted_free(&w);
}

static void test_resolver_words(void **state)
{
	static const char *const bad[] = { "",		 "nodes",    "10.0.0.0/33", "10.0.0.1/8",
					   "10.0.0.256", "kube-dns", "a/b/c",	    "/b",
					   "a/",	 "Kube/dns", "fe80::/129",  "a b/c" };
	struct weir_dns_resolver r;
	char text[WEIR_PREFIX_STRLEN];

	assert_int_equal(weir_dns_resolver_parse("node", &r), 0);
	assert_int_equal(r.kind, WEIR_DNS_NODE);
	assert_int_equal(weir_dns_resolver_parse("10.96.0.10", &r), 0);
	assert_string_equal(weir_prefix_format(&r.prefix, text), "10.96.0.10/32");
	assert_int_equal(weir_dns_resolver_parse("fd00::/64", &r), 0);
	assert_int_equal(r.kind, WEIR_DNS_PREFIX);
	assert_int_equal(r.prefix.len, 64);
	assert_int_equal(weir_dns_resolver_parse("kube-system/kube-dns", &r), 0);
	assert_int_equal(r.kind, WEIR_DNS_SERVICE);
	assert_string_equal(r.namespace_, "kube-system");
	assert_string_equal(r.name, "kube-dns");
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++)
		assert_int_equal(weir_dns_resolver_parse(bad[i], &r), -EINVAL);
}

static struct weir_service *service(struct weir_pool *pool, const char *json)
{
	struct weir_service *ret = NULL;
	struct weir_error err = { "" };
	cJSON *tree = cJSON_Parse(json);

	if (weir_service_decode(pool, tree, &ret, &err) < 0)
		fail_msg("%s", err.text);
	cJSON_Delete(tree);
	return ret;
}

static void expect(const struct weir_dns_resolvers *r, const char *want)
{
	char all[512] = "", text[WEIR_PREFIX_STRLEN];

	for (size_t i = 0; i < r->n; i++)
		snprintf(all + strlen(all), sizeof(all) - strlen(all), "%s ",
			 weir_prefix_format(&r->items[i], text));
	assert_string_equal(all, want);
}

static void test_resolver_list(void **state)
{
	char *items[] = { (char[]){ "kube-system/kube-dns" }, (char[]){ "192.0.2.0/24" },
			  (char[]){ "node" } };
	const struct weir_config_strings texts = { 3, items };
	char resolv[] = "/tmp/weir-t-resolv-XXXXXX";
	struct weir_dns_resolvers r = { 0 };
	struct weir_compiler *compiler = NULL;
	struct weir_cluster *cluster = NULL;
	struct weir_pool *pool = NULL;
	int fd = mkstemp(resolv);
	bool changed = false;

	assert_true(fd >= 0);
	dprintf(fd,
		"# nameserver 9.9.9.9\nsearch x\nnameserver 10.1.1.1\n nameserver\tfd00::1 # x\n"
		"nameserver nonsense\nnameserver fe80::1%%eth0\n");
	close(fd);
	assert_int_equal(weir_pool_new(&pool), 0);
	assert_int_equal(weir_compiler_new(&compiler), 0);
	assert_int_equal(weir_cluster_new(pool, compiler, &cluster), 0);
	assert_int_equal(weir_dns_resolvers_update(&r, &texts, cluster, resolv, &changed), 0);
	assert_true(changed);
	expect(&r, "10.1.1.1/32 192.0.2.0/24 fd00::1/128 ");
	assert_int_equal(
		weir_cluster_set_service(
			cluster, service(pool, "{\"metadata\":{\"namespace\":\"kube-system\","
					       "\"name\":\"kube-dns\"},\"spec\":{\"clusterIPs\":"
					       "[\"10.96.0.10\",\"fd96::10\"],\"ports\":[{\"port\":"
					       "53,\"protocol\":\"UDP\"}]}}")),
		0);
	assert_int_equal(weir_dns_resolvers_update(&r, &texts, cluster, resolv, &changed), 0);
	assert_true(changed);
	expect(&r, "10.1.1.1/32 10.96.0.10/32 192.0.2.0/24 fd00::1/128 fd96::10/128 ");
	assert_int_equal(weir_dns_resolvers_update(&r, &texts, cluster, resolv, &changed), 0);
	assert_false(changed);
	unlink(resolv);
	assert_int_equal(weir_dns_resolvers_update(&r, &texts, cluster, resolv, &changed), 0);
	assert_true(changed);
	expect(&r, "10.96.0.10/32 192.0.2.0/24 fd96::10/128 ");
	weir_dns_resolvers_free(&r);
	weir_compiler_free(&compiler);
	weir_cluster_free(&cluster);
	weir_pool_free(&pool);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_patterns),      cmocka_unit_test(test_one_pattern),
		cmocka_unit_test(test_policy),	      cmocka_unit_test(test_resolver_words),
		cmocka_unit_test(test_resolver_list),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
