/* SPDX-License-Identifier: Apache-2.0 */
/* Messages of the link come back as they went; what lacks a member, or has one
 * that is too long, of another type or out of bounds, is refused by name. */
#include "weir/link.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "weir/base64url.h"
#include "weir/cleanup.h"

static struct weir_link_message filled(void)
{
	struct weir_link_message m = { .node = "n1.example",
				       .cluster = "prod",
				       .version = "1.2 (\"x\")",
				       .token = "secret",
				       .why = "no such token",
				       .window = 1 << 20,
				       .n_boots = 2 };

	strcpy(m.boots[0].boot, "11111111-2222-3333-4444-555555555555");
	strcpy(m.boots[1].boot, "b2");
	m.boots[0].seq = 17;
	m.boots[0].next = 9007199254740991;
	m.boots[1].seq = m.boots[1].next = 1;
	return m;
}

static int read_text(enum weir_link_kind kind, const char *text, struct weir_link_message *ret,
		     struct weir_error *err)
{
	size_t len = strlen(text);
	WEIR_AUTO_FREE char *exact = malloc(len ? len : 1); /* one byte too far is seen */

	memcpy(exact, text, len);
	return weir_link_read(kind, exact, len, ret, err);
}

static void test_kinds(void **state)
{
	for (unsigned k = 0; k < WEIR_LINK_KIND_MAX; k++) {
		const char *name = weir_link_kind_name(k);

		assert_int_equal(weir_link_kind_of(name, strlen(name)), k);
		assert_int_equal(weir_link_kind_of(name, strlen(name) - 1), WEIR_LINK_KIND_MAX);
		assert_int_equal(weir_link_kind_of(name, strlen(name) + 1), WEIR_LINK_KIND_MAX);
	}
	assert_int_equal(weir_link_kind_of("", 0), WEIR_LINK_KIND_MAX);
}

static void test_there_and_back(void **state)
{
	struct weir_link_message m = filled(), back;
	struct weir_error err;

	for (unsigned k = 0; k < WEIR_LINK_KIND_MAX; k++) {
		WEIR_AUTO_FREE char *text = NULL, *again = NULL;

		if (k == WEIR_LINK_BATCH)
			continue;
		text = weir_link_write(k, &m);
		assert_non_null(text);
		assert_int_equal(read_text(k, text, &back, &err), 0);
		again = weir_link_write(k, &back);
		assert_string_equal(text, again);
	}
	assert_int_equal(read_text(WEIR_LINK_BATCH, "{}", &back, &err), -EBADMSG);
}

static void test_hello(void **state)
{
	struct weir_link_message m = filled(), back;
	WEIR_AUTO_FREE char *text = weir_link_write(WEIR_LINK_HELLO, &m);

	assert_int_equal(read_text(WEIR_LINK_HELLO, text, &back, NULL), 0);
	assert_string_equal(back.node, m.node);
	assert_string_equal(back.version, m.version);
	assert_string_equal(back.token, "");
	assert_int_equal(back.n_boots, 2);
	assert_string_equal(back.boots[0].boot, m.boots[0].boot);
	assert_int_equal(back.boots[0].seq, 17);
	assert_true(back.boots[0].next == 9007199254740991);
	assert_int_equal(back.boots[1].next, 1);
}

/* What lost says may be a hole of unknown size: from > to. */
static void test_lost(void **state)
{
	struct weir_link_message back;

	assert_int_equal(
		read_text(WEIR_LINK_LOST, "{\"boot\":\"b\",\"from\":1,\"to\":0} \n", &back, NULL),
		0);
	assert_int_equal(back.n_boots, 1);
	assert_int_equal(back.boots[0].seq, 1);
	assert_int_equal(back.boots[0].next, 0);
}

static void test_refused(void **state)
{
	static const struct {
		enum weir_link_kind kind;
		const char *text, *word;
	} cases[] = {
		{ WEIR_LINK_ACK, "", "not a JSON object" },
		{ WEIR_LINK_ACK, "[]", "not a JSON object" },
		{ WEIR_LINK_ACK, "{\"boot\":\"b\",\"seq\":1}x", "not a JSON object" },
		{ WEIR_LINK_ACK, "{\"boot\":\"b\",\"seq\":1", "not a JSON object" },
		{ WEIR_LINK_ACK, "{\"seq\":1}", "ack: boot: must be a text" },
		{ WEIR_LINK_ACK, "{\"boot\":7,\"seq\":1}", "boot: must be a text" },
		{ WEIR_LINK_ACK, "{\"boot\":\"\",\"seq\":1}", "boot: has characters" },
		{ WEIR_LINK_ACK, "{\"boot\":\"../x\",\"seq\":1}", "boot: has characters" },
		{ WEIR_LINK_ACK,
		  "{\"boot\":\"0123456789012345678901234567890123456789\",\"seq\":1}",
		  "boot: longer than 39 bytes" },
		{ WEIR_LINK_ACK, "{\"boot\":\"b\"}", "seq: must be a number" },
		{ WEIR_LINK_ACK, "{\"boot\":\"b\",\"seq\":\"1\"}", "seq: must be a number" },
		{ WEIR_LINK_ACK, "{\"boot\":\"b\",\"seq\":0}", "seq: must be a number" },
		{ WEIR_LINK_ACK, "{\"boot\":\"b\",\"seq\":-1}", "seq: must be a number" },
		{ WEIR_LINK_ACK, "{\"boot\":\"b\",\"seq\":1.5}", "seq: must be a number" },
		{ WEIR_LINK_ACK, "{\"boot\":\"b\",\"seq\":9007199254740992}",
		  "seq: must be a number" },
		{ WEIR_LINK_ACK, "{\"boot\":\"b\",\"seq\":1e999}", "seq: must be a number" },
		{ WEIR_LINK_WELCOME, "{\"window\":0,\"boots\":[]}", "window: must be a number" },
		{ WEIR_LINK_WELCOME, "{\"window\":1,\"boots\":{}}", "boots: must be a list" },
		{ WEIR_LINK_WELCOME, "{\"window\":1,\"boots\":[1]}", "boots: 0: boot" },
		{ WEIR_LINK_WELCOME,
		  "{\"window\":1,\"boots\":[{\"boot\":\"b\",\"seq\":1},{\"boot\":\"b\",\"seq\":1}]"
		  "}",
		  "boots: 1: b: twice" },
		{ WEIR_LINK_HELLO, "{\"link\":1,\"node\":\"n\",\"version\":\"1\",\"boots\":[]}",
		  "boots: must not be empty" },
		{ WEIR_LINK_HELLO,
		  "{\"link\":1,\"node\":\"n\",\"version\":\"1\","
		  "\"boots\":[{\"boot\":\"b\",\"first\":2,\"next\":1}]}",
		  "next: must not be below first" },
		{ WEIR_LINK_HELLO, "{\"link\":2}", "speaks version 2" },
		{ WEIR_LINK_ENROL, "{\"link\":1,\"token\":\"t\",\"node\":\"a\\nb\"}",
		  "node: has characters" },
		{ WEIR_LINK_ENROL, "{\"link\":1,\"token\":\"a\\u0007\",\"node\":\"n\"}",
		  "token: has characters" },
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		struct weir_link_message m = { .window = 99 };
		struct weir_error err = { "" };

		assert_true(read_text(cases[i].kind, cases[i].text, &m, &err) < 0);
		if (!strstr(err.text, cases[i].word))
			fail_msg("%s: says \"%s\"", cases[i].text, err.text);
		assert_int_equal(m.window, 99);
	}
}

static void test_too_long(void **state)
{
	struct weir_link_message m;
	struct weir_error err = { "" };
	size_t len = WEIR_LINK_TEXT_MAX + 1;
	WEIR_AUTO_FREE char *text = malloc(len);

	memset(text, ' ', len);
	memcpy(text, "{\"why\":\"w\"}", 11);
	assert_int_equal(weir_link_read(WEIR_LINK_REFUSED, text, len - 1, &m, &err), 0);
	assert_int_equal(weir_link_read(WEIR_LINK_REFUSED, text, len, &m, &err), -EBADMSG);
}

static void test_boots_max(void **state)
{
	struct weir_link_message m = { .window = 1, .n_boots = WEIR_LINK_BOOTS_MAX }, back;
	char text[4096] = "{\"window\":1,\"boots\":[", one[64];
	WEIR_AUTO_FREE char *full = NULL;
	struct weir_error err;

	for (unsigned i = 0; i <= WEIR_LINK_BOOTS_MAX; i++) {
		snprintf(one, sizeof(one), "%s{\"boot\":\"b%u\",\"seq\":1}", i ? "," : "", i);
		strcat(text, one);
		if (i == WEIR_LINK_BOOTS_MAX)
			break;
		snprintf(m.boots[i].boot, sizeof(m.boots[i].boot), "b%u", i);
		m.boots[i].seq = 1;
	}
	strcat(text, "]}");
	full = weir_link_write(WEIR_LINK_WELCOME, &m);
	assert_int_equal(read_text(WEIR_LINK_WELCOME, full, &back, &err), 0);
	assert_int_equal(read_text(WEIR_LINK_WELCOME, text, &back, &err), -EBADMSG);
	assert_non_null(strstr(err.text, "more than 16"));
}

static struct weir_link_token a_token(const char *address)
{
	struct weir_link_token t = { .address = "" };
	uint8_t bytes[32];

	for (size_t i = 0; i < sizeof(bytes); i++)
		bytes[i] = (uint8_t)(i * 37);
	snprintf(t.address, sizeof(t.address), "%s", address);
	strcpy(t.server_key, "rq:rM>}U?@Lns47E1%kR.o@n%FcmmsL/@{H8]yf7");
	weir_base64url_encode(bytes, sizeof(bytes), t.secret);
	return t;
}

static void test_token(void **state)
{
	static const char *const addresses[] = { "tcp://hub.example:9572", "",
						 "tcp://[2001:db8::1]:9572" };

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(addresses); i++) {
		struct weir_link_token t = a_token(addresses[i]), back;
		WEIR_AUTO_FREE char *text = weir_link_token_write(&t), *line = NULL;

		assert_true(asprintf(&line, "%s\r\n", text) > 0);
		assert_int_equal(weir_link_token_read(line, &back, NULL), 0);
		assert_string_equal(back.address, t.address);
		assert_string_equal(back.server_key, t.server_key);
		assert_string_equal(back.secret, t.secret);
		assert_int_equal(strspn(text, "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
					      "0123456789-_."),
				 strlen(text));
	}
}

static void test_token_broken(void **state)
{
	struct weir_link_token t = a_token("tcp://hub:1"), back = { .address = "x" };
	WEIR_AUTO_FREE char *text = weir_link_token_write(&t);
	struct weir_error err;

	for (size_t len = 0; len < strlen(text); len++) {
		WEIR_AUTO_FREE char *cut = strndup(text, len);

		assert_int_equal(weir_link_token_read(cut, &back, &err), -EINVAL);
		assert_string_equal(back.address, "x");
	}
	assert_non_null(strstr(err.text, "weirctl hub enrol"));
	t = a_token("ipc:///x");
	free(weir_take(text));
	text = weir_link_token_write(&t);
	assert_int_equal(weir_link_token_read(text, &back, &err), -EINVAL);
}

static void test_base64url(void **state)
{
	static const char *const pairs[][2] = { { "", "" },	      { "f", "Zg" },
						{ "fo", "Zm8" },      { "foo", "Zm9v" },
						{ "foob", "Zm9vYg" }, { "\xfb\xff", "-_8" } };
	uint8_t bytes[8];
	char text[16];
	size_t len;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(pairs); i++) {
		size_t n = strlen(pairs[i][0]);

		weir_base64url_encode(pairs[i][0], n, text);
		assert_string_equal(text, pairs[i][1]);
		assert_int_equal(strlen(text), WEIR_BASE64URL_LEN(n));
		assert_int_equal(weir_base64url_decode(text, strlen(text), bytes, n, &len), 0);
		assert_int_equal(len, n);
		assert_memory_equal(bytes, pairs[i][0], n);
	}
	assert_int_equal(weir_base64url_decode("Zh", 2, bytes, 8, &len), -EINVAL);
	assert_int_equal(weir_base64url_decode("Z", 1, bytes, 8, &len), -EINVAL);
	assert_int_equal(weir_base64url_decode("Zg==", 4, bytes, 8, &len), -EINVAL);
	assert_int_equal(weir_base64url_decode("Zm9v", 4, bytes, 2, &len), -ENOSPC);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_kinds),	     cmocka_unit_test(test_there_and_back),
		cmocka_unit_test(test_hello),	     cmocka_unit_test(test_lost),
		cmocka_unit_test(test_refused),	     cmocka_unit_test(test_too_long),
		cmocka_unit_test(test_boots_max),    cmocka_unit_test(test_token),
		cmocka_unit_test(test_token_broken), cmocka_unit_test(test_base64url),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
