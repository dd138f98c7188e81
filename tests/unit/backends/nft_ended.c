/* SPDX-License-Identifier: Apache-2.0 */
/* What is blocked stands in the kernel's sets, can be read back and released, and is of no
 * concern to verify. */
#include "backends/nftables/ended.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <cmocka.h>

#include "tests/unit/backends/flow/traffic.h"

static struct weir_addr addr(const char *text)
{
	struct weir_addr a;

	assert_int_equal(weir_addr_parse(text, &a), 0);
	return a;
}

static struct weir_ending ending(uint8_t protocol, const char *src, const char *dialled,
				 const char *dst, uint16_t sport)
{
	return (struct weir_ending){
		.original = { addr(src), addr(dialled), sport, 80, protocol },
		.reply = { addr(dst), addr(src), 8080, sport, protocol },
	};
}

static void keys_and_back(void **state)
{
	const char *const pairs[][2] = { { "10.0.0.1", "10.0.1.2" }, { "fd00::1", "fd00:1::2" } };
	uint8_t key[NFT_TUPLE_KEY_MAX];

	for (size_t i = 0; i < 2; i++) {
		struct weir_tuple t = { addr(pairs[i][0]), addr(pairs[i][1]), 0x1234, 0x5678, 6 };
		struct weir_tuple back;
		size_t len = nft_tuple_key(&t, key);

		assert_int_equal(len, i ? 44 : 20);
		assert_true(nft_tuple_of_key(key, len, &back));
		assert_int_equal(weir_addr_compare(&back.src, &t.src), 0);
		assert_int_equal(weir_addr_compare(&back.dst, &t.dst), 0);
		assert_int_equal(back.sport, 0x1234);
		assert_int_equal(back.dport, 0x5678);
		assert_int_equal(back.protocol, 6);
		assert_false(nft_tuple_of_key(key, len - 4, &back));
	}
}

static struct weir_ending found[8];
static size_t n_found;

static void on_blocked(void *data, const struct weir_ending *e)
{
	assert_true(n_found < 8);
	found[n_found++] = *e;
}

static size_t blocked(struct weir_backend *b)
{
	struct weir_error err = { "" };

	n_found = 0;
	if (weir_backend_blocked(b, on_blocked, NULL, &err) < 0)
		fail_msg("%s", err.text);
	return n_found;
}

/* How many elements are in there, or -1. */
static int elements(const char *set)
{
	char command[128], line[256];
	int n = 0;
	FILE *f;

	snprintf(command, sizeof(command), "nft list set inet weir %s | grep -o expires", set);
	f = popen(command, "r");
	while (f && fgets(line, sizeof(line), f))
		n++;
	return f && pclose(f) >= 0 ? n : -1;
}

static struct weir_backend *open_backend(void)
{
	const struct weir_backend_config config = { .name = "test", .nflog_group = 7 };
	const struct weir_changes changes = { .full = true };
	struct weir_error note = { "" }, err = { "" };
	struct weir_backend *b = NULL;

	if (weir_backend_open(&config, "nftables", &b, &note, &err) < 0 ||
	    weir_backend_apply(b, &changes, &err) < 0)
		fail_msg("%s", err.text);
	return b;
}

static void block_and_release(void **state)
{
	const struct weir_ending list[] = {
		ending(WEIR_PROTO_TCP, "10.0.0.1", "10.96.0.1", "10.0.0.2", 1000),
		ending(WEIR_PROTO_UDP, "fd00::1", "fd00::2", "fd00::2", 2000),
		ending(WEIR_PROTO_ICMP, "10.0.0.1", "10.0.0.2", "10.0.0.2", 3),
	};
	struct weir_error err = { "" };
	struct weir_backend *b = open_backend();

	for (int again = 0; again < 2; again++)
		assert_int_equal(b->ops->block(b, list, 3, &err), 0);
	assert_int_equal(elements("ended4"), 3); /* there, back, as dialled */
	assert_int_equal(elements("ended6"), 1); /* the answers */
	assert_int_equal(weir_backend_verify(b, NULL, &err), 0);
	weir_backend_close(&b);
	b = open_backend(); /* they outlive the process */
	assert_int_equal(blocked(b), 2);
	for (size_t i = 0; i < 2; i++) {
		assert_int_equal(weir_addr_compare(&found[i].original.dst, &list[i].original.dst),
				 0);
		assert_int_equal(weir_addr_compare(&found[i].reply.src, &list[i].reply.src), 0);
		assert_int_equal(found[i].original.sport, list[i].original.sport);
		assert_int_equal(found[i].original.dport, 80);
		assert_int_equal(found[i].reply.sport, 8080);
	}
	assert_int_equal(weir_backend_verify(b, NULL, &err), 0);
	for (size_t i = 0; i < 3; i++) /* never of ICMP */
		assert_int_equal(weir_backend_still_blocked(b, &list[i], &err), i < 2);
	for (int again = 0; again < 2; again++)
		assert_int_equal(weir_backend_release(b, list, 3, &err), 0);
	assert_int_equal(blocked(b), 0);
	for (size_t i = 0; i < 3; i++)
		assert_int_equal(weir_backend_still_blocked(b, &list[i], &err), 0);
	assert_int_equal(elements("ended4") + elements("ended6"), 0);
	weir_backend_close(&b);
}

/* Ended twice, and another one that was dialled alike: the client took its port again. */
static void what_shares_a_tuple_is_released(void **state)
{
	const struct weir_ending list[] = {
		ending(WEIR_PROTO_TCP, "10.0.0.1", "10.96.0.1", "10.0.0.2", 1000),
		ending(WEIR_PROTO_TCP, "10.0.0.1", "10.96.0.1", "10.0.0.2", 1000),
		ending(WEIR_PROTO_TCP, "10.0.0.1", "10.96.0.1", "10.0.0.3", 1000),
	};
	struct weir_error err = { "" };
	struct weir_backend *b = open_backend();

	assert_int_equal(b->ops->block(b, list, 3, &err), 0);
	assert_int_equal(elements("ended4"), 5);
	assert_int_equal(weir_backend_release(b, list, 3, &err), 0);
	assert_int_equal(elements("ended4"), 0);
	weir_backend_close(&b);
}

int main(void)
{
	const struct CMUnitTest pure[] = { cmocka_unit_test(keys_and_back) };
	const struct CMUnitTest kernel[] = {
		cmocka_unit_test(block_and_release),
		cmocka_unit_test(what_shares_a_tuple_is_released),
	};
	int failed = cmocka_run_group_tests(pure, NULL, NULL);

	if (failed)
		return failed;
	if (!traffic_enter_namespace()) {
		fputs("needs root: a network namespace of its own\n", stderr);
		return 77;
	}
	return cmocka_run_group_tests(kernel, NULL, NULL);
}
