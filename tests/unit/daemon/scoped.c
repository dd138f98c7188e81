/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys that see only some namespaces, over CURVE: every topic of theirs comes, not
 * one of another's, and of the other end of a flow no more than the rule allows.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>
#include <zmq.h>

#include <cmocka.h>

#include "daemon/publish/internal.h"
#include "weir/cleanup.h"
#include "weir/file.h"
#include "weir/log.h"
#include "weir/ruleset.h"

#define KEY	 (WEIR_CURVE_KEY_LEN + 1)
#define SEEN_MAX 8192

struct keys {
	char public_[KEY], secret[KEY];
};

static char dir[64], clients[128], secret[128], general[64], first[64], second[64];
static struct keys server, shop, bank, hub, plain;
static struct weir_publisher *publisher;

static void pick_address(char *ret)
{
	struct sockaddr_in a = { .sin_family = AF_INET };
	socklen_t len = sizeof(a);
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	a.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(bind(fd, (struct sockaddr *)&a, sizeof(a)), 0);
	assert_int_equal(getsockname(fd, (struct sockaddr *)&a, &len), 0);
	close(fd);
	snprintf(ret, 64, "tcp://127.0.0.1:%u", ntohs(a.sin_port));
}

static void write_client(const char *name, const struct keys *k, const char *lines)
{
	char path[256], text[1024];

	snprintf(path, sizeof(path), "%s/%s", clients, name);
	snprintf(text, sizeof(text), "%s\n%s", k->public_, lines);
	assert_int_equal(weir_file_replace(path, text, strlen(text), 0644, NULL), 0);
}

static void write_scoped(const char *name, const struct keys *k, const char *namespaces,
			 const char *address)
{
	char lines[512];

	snprintf(lines, sizeof(lines), "# a tenant\nnamespaces: %s\naddress: %s\n", namespaces,
		 address);
	write_client(name, k, lines);
}

/* Lets the publisher read its sockets and, after two seconds, the folder. */
static void turn(unsigned ms)
{
	for (unsigned i = 0; i < ms; i += 5) {
		weir_publisher_process(publisher, NULL);
		usleep(5000);
	}
}

static int set_up(void **state)
{
	struct weir_publish_endpoint endpoint = { .address = general };
	struct weir_publish_config config = { .node = "n1",
					      .boot = "b1",
					      .n_endpoints = 1,
					      .endpoints = &endpoint,
					      .curve_secret_file = secret,
					      .curve_clients_dir = clients,
					      .queue = 1000 };
	struct keys *all[] = { &server, &shop, &bank, &hub, &plain };
	struct weir_error err = { "" };

	strcpy(dir, "/tmp/weir-t-scoped-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(clients, sizeof(clients), "%s/clients", dir);
	snprintf(secret, sizeof(secret), "%s/secret", dir);
	assert_int_equal(mkdir(clients, 0700), 0);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(all); i++)
		assert_int_equal(zmq_curve_keypair(all[i]->public_, all[i]->secret), 0);
	assert_int_equal(weir_file_replace(secret, server.secret, KEY - 1, 0600, NULL), 0);
	pick_address(general);
	pick_address(first);
	pick_address(second);
	write_scoped("shop", &shop, "shop, cart-*", first);
	write_scoped("bank", &bank, "bank", second);
	write_client("hub", &hub, "role: hub\n");
	write_client("plain", &plain, "");
	if (weir_publisher_new(&config, &publisher, &err) < 0)
		fail_msg("%s", err.text);
	return 0;
}

static int tear_down(void **state)
{
	char command[128];

	weir_publisher_free(&publisher, 0);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

/* --- subscribers ------------------------------------------------------------------------ */

struct listener {
	void *context, *socket;
	char topics[SEEN_MAX], texts[SEEN_MAX * 8]; /* all that came */
};

static struct listener *listen_to(const struct keys *k, const char *address, const char *prefix)
{
	struct listener *l = calloc(1, sizeof(*l));
	int zero = 0;

	l->context = zmq_ctx_new();
	l->socket = zmq_socket(l->context, ZMQ_SUB);
	zmq_setsockopt(l->socket, ZMQ_LINGER, &zero, sizeof(zero));
	zmq_setsockopt(l->socket, ZMQ_SUBSCRIBE, prefix, strlen(prefix));
	zmq_setsockopt(l->socket, ZMQ_CURVE_SERVERKEY, server.public_, KEY - 1);
	zmq_setsockopt(l->socket, ZMQ_CURVE_PUBLICKEY, k->public_, KEY - 1);
	zmq_setsockopt(l->socket, ZMQ_CURVE_SECRETKEY, k->secret, KEY - 1);
	assert_int_equal(zmq_connect(l->socket, address), 0);
	return l;
}

static void take(struct listener *l)
{
	static char text[65536];
	int n, part = 0, more;
	size_t size = sizeof(more);

	while ((n = zmq_recv(l->socket, text, sizeof(text) - 1, ZMQ_DONTWAIT)) >= 0) {
		text[n] = 0;
		if (part == 0)
			strcat(strcat(l->topics, text), " ");
		else if (part == 1 && strlen(l->texts) + (size_t)n < sizeof(l->texts))
			strcat(l->texts, text);
		zmq_getsockopt(l->socket, ZMQ_RCVMORE, &more, &size);
		part = more ? part + 1 : 0;
	}
}

static void end(struct listener *l)
{
	zmq_close(l->socket);
	zmq_ctx_term(l->context);
	free(l);
}

static void say(const char *from, const char *to)
{
	static const struct weir_record_label labels[2] = { { "app", "secret-of-src" },
							    { "app", "secret-of-dst" } };
	static const struct weir_record_policy policies[2] = {
		{ "NetworkPolicy", "x", "pol-src" }, { "NetworkPolicy", "x", "pol-dst" }
	};
	struct weir_record r = { .staged = WEIR_VERDICT_MAX, .connections = 1, .flow = 77 };

	r.src = (struct weir_record_peer){ .addr = { AF_INET, { 10, 0, 0, 1 } },
					   .namespace_ = from,
					   .pod = "pod-src",
					   .workload = "work-src",
					   .node = "node-src",
					   .n_labels = 1,
					   .labels = &labels[0] };
	r.dst = (struct weir_record_peer){ .addr = { AF_INET, { 10, 0, 0, 2 } },
					   .namespace_ = to,
					   .pod = "pod-dst",
					   .workload = "work-dst",
					   .node = "node-dst",
					   .n_labels = 1,
					   .labels = &labels[1] };
	r.egress = (struct weir_record_side){ .reason = WEIR_REASON_RULE,
					      .n_policies = 1,
					      .policies = &policies[0] };
	r.ingress = (struct weir_record_side){ .reason = WEIR_REASON_RULE,
					       .n_policies = 1,
					       .policies = &policies[1] };
	assert_int_equal(weir_publisher_add(publisher, &r), 0);
}

static void say_all(void)
{
	say("shop", "shop-test");
	say("shop-test", "bank");
	say("cart-1", "cart-x");
	say("cart", "sho");
	say(NULL, "shop");
	say("bank", "shop");
}

static void test_only_theirs(void **state)
{
	struct listener *everything = listen_to(&shop, first, "");
	struct listener *one = listen_to(&shop, first, "ns.shop");
	struct listener *greedy = listen_to(&shop, first, "batch.v1");
	struct listener *theirs = listen_to(&bank, second, "");

	turn(500);
	say_all();
	turn(300);
	take(everything);
	take(one);
	take(greedy);
	take(theirs);
	assert_string_equal(everything->topics, "ns.shop ns.cart-1 ns.cart-x ns.shop ns.shop ");
	assert_string_equal(one->topics, "ns.shop ns.shop ns.shop ");
	assert_string_equal(greedy->topics, "");
	assert_string_equal(theirs->topics, "ns.bank ns.bank ");
	end(everything);
	end(one);
	end(greedy);
	end(theirs);
}

static void test_other_end(void **state)
{
	static const char *const hidden[] = { "pod-dst",  "secret-of-dst", "pol-dst",
					      "10.0.0.2", "node-dst",	   "\"flow\":77" };
	static const char *const shown[] = { "pod-src",	 "secret-of-src", "pol-src",
					     "10.0.0.1", "work-dst",	  "shop-test" };
	struct listener *l = listen_to(&shop, first, "ns.");

	turn(500);
	say("shop", "shop-test");
	turn(300);
	take(l);
	assert_string_equal(l->topics, "ns.shop ");
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(hidden); i++)
		if (strstr(l->texts, hidden[i]))
			fail_msg("%s is in %s", hidden[i], l->texts);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(shown); i++)
		if (!strstr(l->texts, shown[i]))
			fail_msg("%s is not in %s", shown[i], l->texts);
	end(l);
}

static void test_everything(void **state)
{
	const struct keys *all[] = { &hub, &plain };

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(all); i++) {
		struct listener *l = listen_to(all[i], general, "ns."),
				*batches = listen_to(all[i], general, "batch.v1");

		turn(500);
		say("shop", "shop-test");
		turn(300);
		take(l);
		take(batches);
		assert_string_equal(l->topics, "ns.shop ns.shop-test ");
		assert_non_null(strstr(l->texts, "secret-of-dst"));
		assert_non_null(strstr(batches->topics, "batch.v1"));
		end(l);
		end(batches);
	}
}

static void test_wrong_address(void **state)
{
	static const struct {
		const struct keys *keys;
		const char *address;
	} cases[] = { { &shop, general }, { &shop, second }, { &bank, first },
		      { &bank, general }, { &hub, first },   { &plain, second } };
	struct listener *l[WEIR_ARRAY_SIZE(cases)];

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++)
		l[i] = listen_to(cases[i].keys, cases[i].address, "");
	turn(700);
	say_all();
	turn(300);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		take(l[i]);
		if (*l[i]->topics)
			fail_msg("case %zu got %s", i, l[i]->topics);
		end(l[i]);
	}
}

static void test_gap(void **state)
{
	struct weir_record gap = { .type = WEIR_RECORD_GAP,
				   .lost = 4711,
				   .staged = WEIR_VERDICT_MAX };
	struct listener *l = listen_to(&shop, first, "ns.shop");

	turn(500);
	assert_int_equal(weir_publisher_add(publisher, &gap), 0);
	turn(300);
	take(l);
	assert_string_equal(l->topics, "ns.shop ");
	assert_non_null(strstr(l->texts, "gap"));
	assert_null(strstr(l->texts, "4711"));
	end(l);
}

/* Within seconds, also for who is connected: it is cut off, and connects anew. */
static void test_changed_and_removed(void **state)
{
	struct listener *before = listen_to(&shop, first, ""), *after;
	char path[256];

	turn(500);
	say("shop", "bank");
	turn(200);
	write_scoped("shop", &shop, "cart-*", first);
	turn(5000);
	after = listen_to(&shop, first, "");
	turn(500);
	say("shop", "bank");
	say("cart-9", "bank");
	turn(300);
	take(before);
	take(after);
	assert_true(!strcmp(before->topics, "ns.shop ") ||
		    !strcmp(before->topics, "ns.shop ns.cart-9 "));
	assert_string_equal(after->topics, "ns.cart-9 ");
	snprintf(path, sizeof(path), "%s/shop", clients);
	assert_int_equal(unlink(path), 0);
	turn(2300);
	say("cart-9", "bank");
	turn(300);
	after->topics[0] = 0;
	take(after);
	assert_string_equal(after->topics, "");
	end(before);
	end(after);
}

static void test_same_address(void **state)
{
	struct listener *a, *b;

	write_scoped("bank", &bank, "bank", first); /* where shop is, which sees other things */
	turn(2300);
	a = listen_to(&shop, first, "");
	b = listen_to(&bank, first, "");
	turn(700);
	say_all();
	turn(300);
	take(a);
	take(b);
	assert_string_equal(a->topics, "");
	assert_string_equal(b->topics, "");
	end(a);
	end(b);
}

static void test_broken_files(void **state)
{
	static const char *const lines[] = {
		"namespaces: shop\n",
		"address: tcp://127.0.0.1:1\n",
		"namespaces: shop\naddress: ipc:///x\n",
		"namespaces:\naddress: tcp://127.0.0.1:1\n",
		"role: king\n",
		"role: hub\nnamespaces: a\naddress: tcp://127.0.0.1:1\n",
		"namespace: shop\n"
	};
	struct weir_client c;
	struct weir_error err;
	char path[256];

	snprintf(path, sizeof(path), "%s/shop", clients);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(lines); i++) {
		write_client("shop", &shop, lines[i]);
		if (weir_client_read(path, &c, &err) == 0)
			fail_msg("taken: %s", lines[i]);
		assert_non_null(strstr(err.text, path));
	}
}

static void test_patterns(void **state)
{
	assert_true(weir_client_sees("a, b c", "a"));
	assert_true(weir_client_sees("a, b c", "b"));
	assert_true(weir_client_sees("a,b,c*", "cd"));
	assert_true(weir_client_sees("*", "x"));
	assert_false(weir_client_sees("a, b c", "ab"));
	assert_false(weir_client_sees("abc", "ab"));
	assert_false(weir_client_sees("a,b,c*", "bc"));
	assert_false(weir_client_sees("*", NULL));
	assert_false(weir_client_sees(" , ", ""));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_only_theirs),	  TEST(test_other_end),	   TEST(test_everything),
		TEST(test_wrong_address), TEST(test_gap),	   TEST(test_changed_and_removed),
		TEST(test_same_address),  TEST(test_broken_files), cmocka_unit_test(test_patterns),
	};

	weir_log_setup(getenv("VERBOSE") ? WEIR_LOG_DEBUG : WEIR_LOG_ERROR, WEIR_LOG_KV);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
