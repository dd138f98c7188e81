/* SPDX-License-Identifier: Apache-2.0 */
/* What is taken from a DNS answer, and what is not. */
#include "daemon/dns/message.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

enum { A = 1, CNAME = 5, TXT = 16, AAAA = 28 };

static struct weir_dns_answer answer;

/* --- a message, written by hand ------------------------------------------------------ */

struct text {
	uint8_t bytes[65535];
	size_t len;
};

static void put16(struct text *t, unsigned v)
{
	t->bytes[t->len++] = (uint8_t)(v >> 8);
	t->bytes[t->len++] = (uint8_t)v;
}

static void put_name(struct text *t, const char *name)
{
	while (*name) {
		size_t n = strcspn(name, ".");

		t->bytes[t->len++] = (uint8_t)n;
		memcpy(t->bytes + t->len, name, n);
		t->len += n;
		name += n + (name[n] == '.');
	}
	t->bytes[t->len++] = 0;
}

static struct text ask(const char *name, unsigned type)
{
	struct text t = { .len = 0 };

	put16(&t, 0x1234);
	put16(&t, 0x8180); /* QR, RD, RA */
	put16(&t, 1);
	put16(&t, 0);
	put16(&t, 0);
	put16(&t, 0);
	put_name(&t, name);
	put16(&t, type);
	put16(&t, 1);
	return t;
}

static void put_head(struct text *t, const char *owner, unsigned type, uint32_t ttl)
{
	t->bytes[7]++;
	t->bytes[6] = (uint8_t)(t->bytes[6] + (t->bytes[7] == 0));
	if (owner)
		put_name(t, owner);
	else
		put16(t, 0xc00c); /* the question's name */
	put16(t, type);
	put16(t, 1);
	put16(t, ttl >> 16);
	put16(t, ttl & 0xffff);
}

static void put_addr(struct text *t, const char *owner, const char *addr, uint32_t ttl)
{
	struct weir_addr a;

	assert_int_equal(weir_addr_parse(addr, &a), 0);
	put_head(t, owner, a.family == AF_INET ? A : AAAA, ttl);
	put16(t, (unsigned)weir_addr_size(&a));
	memcpy(t->bytes + t->len, a.bytes, weir_addr_size(&a));
	t->len += weir_addr_size(&a);
}

static void put_alias(struct text *t, const char *owner, const char *alias, uint32_t ttl)
{
	size_t at;

	put_head(t, owner, CNAME, ttl);
	at = t->len;
	put16(t, 0);
	put_name(t, alias);
	t->bytes[at] = (uint8_t)((t->len - at - 2) >> 8);
	t->bytes[at + 1] = (uint8_t)(t->len - at - 2);
}

static int parse(const struct text *t)
{
	return weir_dns_parse(t->bytes, t->len, &answer);
}

static void expect_addr(size_t i, const char *addr, uint32_t ttl)
{
	char text[WEIR_ADDR_STRLEN];

	assert_true(i < answer.n_addrs);
	assert_string_equal(weir_addr_format(&answer.addrs[i].addr, text), addr);
	assert_int_equal(answer.addrs[i].ttl, ttl);
}

/* --- tests ---------------------------------------------------------------------------- */

static void test_addresses(void **state)
{
	struct text t = ask("API.Example.com", A);

	put_addr(&t, NULL, "192.0.2.1", 300);
	put_addr(&t, "api.EXAMPLE.com", "192.0.2.2", 60);
	put_addr(&t, NULL, "2001:db8::1", 1);
	assert_int_equal(parse(&t), 0);
	assert_int_equal(answer.n_names, 1);
	assert_string_equal(answer.names[0], "api.example.com");
	assert_int_equal(answer.ttls[0], UINT32_MAX);
	assert_int_equal(answer.n_addrs, 3);
	expect_addr(0, "192.0.2.1", 300);
	expect_addr(1, "192.0.2.2", 60);
	expect_addr(2, "2001:db8::1", 1);
}

static void test_chain(void **state)
{
	struct text t = ask("www.example.com", A);

	put_alias(&t, NULL, "cdn.example.net", 20);
	put_alias(&t, "cdn.example.net", "Edge7.cdn.example.net", 100);
	put_addr(&t, "edge7.cdn.example.net", "198.51.100.7", 50);
	assert_int_equal(parse(&t), 0);
	assert_int_equal(answer.n_names, 3);
	assert_string_equal(answer.names[1], "cdn.example.net");
	assert_string_equal(answer.names[2], "edge7.cdn.example.net");
	assert_int_equal(answer.ttls[0], 20);
	assert_int_equal(answer.ttls[1], 100);
	assert_int_equal(answer.ttls[2], UINT32_MAX);
	assert_int_equal(answer.n_addrs, 1);
	expect_addr(0, "198.51.100.7", 50);
}

static void test_chain_out_of_order(void **state)
{
	struct text t = ask("a.example", A);

	put_addr(&t, "c.example", "198.51.100.7", 50);
	put_alias(&t, "b.example", "c.example", 9);
	put_alias(&t, "a.example", "b.example", 8);
	assert_int_equal(parse(&t), 0);
	assert_int_equal(answer.n_names, 3);
	assert_int_equal(answer.ttls[0], 8);
	assert_int_equal(answer.ttls[1], 9);
	assert_int_equal(answer.n_addrs, 1);
}

static void test_what_is_not_of_the_chain(void **state)
{
	struct text t = ask("a.example", A);

	put_addr(&t, "bank.example", "203.0.113.66", 300);
	put_alias(&t, "bank.example", "evil.example", 300);
	put_addr(&t, NULL, "192.0.2.1", 300);
	assert_int_equal(parse(&t), 0);
	assert_int_equal(answer.n_names, 1);
	assert_int_equal(answer.n_addrs, 1);
	expect_addr(0, "192.0.2.1", 300);
}

static void test_loop(void **state)
{
	struct text t = ask("a.example", A);

	put_alias(&t, "a.example", "b.example", 9);
	put_alias(&t, "b.example", "a.example", 9);
	put_addr(&t, "b.example", "192.0.2.1", 1);
	assert_int_equal(parse(&t), -EBADMSG);
}

static void test_long_chain(void **state)
{
	struct text t = ask("a0.example", A);
	char from[32], to[32];

	for (int i = 0; i < WEIR_DNS_CHAIN_MAX; i++) {
		snprintf(from, sizeof(from), "a%d.example", i);
		snprintf(to, sizeof(to), "a%d.example", i + 1);
		put_alias(&t, from, to, 9);
	}
	put_addr(&t, to, "192.0.2.1", 1);
	assert_int_equal(parse(&t), -EBADMSG);
}

static void test_many_addresses(void **state)
{
	struct text t = ask("many.example", A);
	char addr[32];

	for (int i = 0; i < 1000; i++) {
		snprintf(addr, sizeof(addr), "10.1.%d.%d", i / 250, i % 250);
		put_addr(&t, NULL, addr, 60);
	}
	assert_int_equal(parse(&t), 0);
	assert_int_equal(answer.n_addrs, 1000);
	expect_addr(999, "10.1.3.249", 60);
}

static void test_strange_names(void **state)
{
	struct text t = ask("a.example", A);

	put_addr(&t, NULL, "192.0.2.1", 1);
	t.bytes[13] = '.'; /* the label is a dot: not the name "..example" */
	assert_int_equal(parse(&t), 0);
	assert_string_equal(answer.names[0], "\\..example");
}

static void test_ttl_with_its_top_bit(void **state)
{
	struct text t = ask("a.example", A);

	put_addr(&t, NULL, "192.0.2.1", 0x80000000u);
	assert_int_equal(parse(&t), 0);
	expect_addr(0, "192.0.2.1", 0);
}

static void test_no_addresses(void **state)
{
	struct text t = ask("a.example", A);

	assert_int_equal(parse(&t), -ENOMSG); /* NODATA */
	put_alias(&t, NULL, "b.example", 5);
	assert_int_equal(parse(&t), -ENOMSG);
	put_addr(&t, "b.example", "192.0.2.1", 1);
	assert_int_equal(parse(&t), 0);
	t.bytes[3] |= 3; /* NXDOMAIN */
	assert_int_equal(parse(&t), -ENOMSG);
	t.bytes[3] = 0x80;
	t.bytes[2] &= 0x7f; /* a query */
	assert_int_equal(parse(&t), -ENOMSG);
	t.bytes[2] |= 0x80 | 5 << 3; /* an update */
	assert_int_equal(parse(&t), -ENOMSG);
}

static void test_question_is_needed(void **state)
{
	struct text t = ask("a.example", A);

	put_addr(&t, NULL, "192.0.2.1", 1);
	t.bytes[5] = 0; /* the question counts as an answer now, and is none */
	assert_int_equal(parse(&t), -EBADMSG);
	t = ask("a.example", A);
	put_addr(&t, NULL, "192.0.2.1", 1);
	t.bytes[t.len - 16 - 1] = 3; /* class CHAOS */
	assert_int_equal(parse(&t), -ENOMSG);
}

static void test_wrong_length_of_an_address(void **state)
{
	struct text t = ask("a.example", A);

	put_head(&t, NULL, A, 60);
	put16(&t, 3);
	t.len += 3;
	assert_int_equal(parse(&t), -ENOMSG);
	put_addr(&t, NULL, "192.0.2.1", 1);
	assert_int_equal(parse(&t), 0);
	assert_int_equal(answer.n_addrs, 1);
}

static void test_compression_loop(void **state)
{
	struct text t = ask("a.example", A);

	put_addr(&t, NULL, "192.0.2.1", 1);
	t.bytes[12] = 0xc0; /* the name is where the name is */
	t.bytes[13] = 12;
	assert_int_equal(parse(&t), -EBADMSG);
}

/* However it is cut or bent: no crash, and never more than there was. */
static void test_cut_and_bent(void **state)
{
	struct text t = ask("www.example.com", A);

	put_alias(&t, NULL, "cdn.example.net", 20);
	put_addr(&t, "cdn.example.net", "198.51.100.7", 50);
	for (size_t len = 0; len < t.len; len++) {
		uint8_t *exact = test_malloc(len + 1);

		memcpy(exact, t.bytes, len);
		assert_true(weir_dns_parse(exact, len, &answer) < 0);
		test_free(exact);
	}
	for (size_t i = 0; i < t.len; i++) {
		uint8_t was = t.bytes[i];

		for (int v = 0; v < 256; v++) {
			t.bytes[i] = (uint8_t)v;
			if (parse(&t) == 0)
				assert_in_range(answer.n_addrs, 1, 1);
		}
		t.bytes[i] = was;
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_chain),
		cmocka_unit_test(test_chain_out_of_order),
		cmocka_unit_test(test_what_is_not_of_the_chain),
		cmocka_unit_test(test_loop),
		cmocka_unit_test(test_long_chain),
		cmocka_unit_test(test_many_addresses),
		cmocka_unit_test(test_strange_names),
		cmocka_unit_test(test_ttl_with_its_top_bit),
		cmocka_unit_test(test_no_addresses),
		cmocka_unit_test(test_question_is_needed),
		cmocka_unit_test(test_wrong_length_of_an_address),
		cmocka_unit_test(test_compression_loop),
		cmocka_unit_test(test_cut_and_bent),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
