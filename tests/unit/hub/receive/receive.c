/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The hub's end of the link against nodes that do what they should, and against
 * nodes that do all that they should not: over TCP and CURVE.
 */
#include "hub/receive/receive.h"

#include <errno.h>
#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>
#include <zmq.h>

#include <cmocka.h>

#include "hub/receive/internal.h"
#include "tests/unit/hub/receive/peer.h"
#include "weir/cleanup.h"
#include "weir/log.h"

#define BOOT "11111111-2222"
#define SOON 3000

static char dir[64], address[64];
static struct weir_registry *registry;
static struct weir_receive *receive;
static unsigned port;

static void start(void)
{
	static const char *const addresses[] = { address };
	struct weir_receive_config config = { .registry = registry,
					      .listen = addresses,
					      .n_listen = 1,
					      .window = 64 << 10,
					      .node_messages = 500,
					      .cut_off_ms = 400,
					      .silent_ms = 1000 };
	struct weir_error err = { "" };
	size_t size = sizeof(address);

	if (weir_receive_start(&config, &receive, &err) < 0)
		fail_msg("%s", err.text);
	zmq_getsockopt(receive->ends[0].socket, ZMQ_LAST_ENDPOINT, address, &size);
	port = (unsigned)atoi(strrchr(address, ':') + 1);
}

static int set_up(void **state)
{
	struct weir_registry_config config = { .state_dir = dir };

	strcpy(dir, "/tmp/weir-t-receive-XXXXXX");
	assert_non_null(mkdtemp(dir));
	assert_int_equal(weir_registry_open(&config, &registry, NULL), 0);
	strcpy(address, "tcp://127.0.0.1:*");
	fake_reset(false);
	start();
	return 0;
}

static int tear_down(void **state)
{
	char command[128];

	weir_receive_stop(&receive);
	weir_registry_close(&registry);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

static void dial(struct peer *p)
{
	peer_open(p, weir_registry_server_key(registry), &port, false);
}

static void say_token(struct peer *p, const char *node, const char *of)
{
	struct weir_link_message m = { .n_boots = 0 };
	struct weir_link_token token;
	WEIR_AUTO_FREE char *text = NULL;

	assert_int_equal(weir_registry_make_token(registry, "prod", of, 60000, 1, &text, NULL), 0);
	assert_int_equal(weir_link_token_read(text, &token, NULL), 0);
	dial(p);
	strcpy(m.token, token.secret);
	strcpy(m.node, node);
	peer_tell(p, WEIR_LINK_ENROL, &m);
}

/* Enrolled and connected, nothing said yet. */
static struct peer enrolled(const char *name)
{
	struct weir_link_message m;
	struct peer p = { .socket = NULL };

	peer_keys(&p, name);
	say_token(&p, name, NULL);
	assert_true(peer_wait(&p, WEIR_LINK_ENROLLED, &m, SOON));
	assert_string_equal(m.cluster, "prod");
	assert_string_equal(m.node, name);
	return p;
}

static struct peer welcomed(const char *name)
{
	struct peer p = enrolled(name);
	struct weir_link_message m;

	peer_hello(&p, BOOT, 1, 1);
	assert_true(peer_wait(&p, WEIR_LINK_WELCOME, &m, SOON));
	return p;
}

static struct weir_node_state state_of(const char *name)
{
	WEIR_AUTO_FREE struct weir_node_state *all = NULL;
	struct weir_node_state ret = { .connected = false };
	size_t n = 0;

	assert_int_equal(weir_registry_list(registry, &all, &n), 0);
	for (size_t i = 0; i < n; i++)
		if (!strcmp(all[i].node, name))
			ret = all[i];
	return ret;
}

static void test_in_order(void **state)
{
	struct peer p = enrolled("n1");
	struct weir_link_message m;
	struct weir_node_state s;

	peer_hello(&p, BOOT, 7, 17);
	assert_true(peer_wait(&p, WEIR_LINK_WELCOME, &m, SOON));
	assert_int_equal(m.window, 64 << 10);
	assert_int_equal(m.n_boots, 1);
	assert_string_equal(m.boots[0].boot, BOOT);
	assert_int_equal(m.boots[0].seq, 7); /* a new node: where it begins */
	assert_true(fake_is_up("n1"));
	peer_batch(&p, BOOT, 7, 10);
	assert_int_equal(peer_hear(&p, &m, 300), WEIR_LINK_KIND_MAX); /* not stored yet */
	assert_int_equal(fake_next("n1", BOOT), 17);
	weir_receive_stored(receive, "prod", "n1", BOOT, 17);
	assert_true(peer_wait(&p, WEIR_LINK_ACK, &m, SOON));
	assert_int_equal(m.boots[0].seq, 17);
	peer_batch(&p, BOOT, 7, 10); /* again: acknowledged again */
	assert_true(peer_wait(&p, WEIR_LINK_ACK, &m, SOON));
	peer_batch(&p, BOOT, 17, 0); /* the beat is answered */
	assert_true(peer_wait(&p, WEIR_LINK_ACK, &m, SOON));
	s = state_of("n1");
	assert_true(s.connected && s.last_seen_ms && s.behind_ms < 5000);
	assert_int_equal(s.records, 10);
	assert_int_equal(s.batches, 1);
	assert_int_equal(s.duplicates, 1);
	assert_int_equal(s.next_seq, 17);
	assert_string_equal(s.boot, BOOT);
	peer_close(&p);
}

static void test_hole(void **state)
{
	struct peer p = welcomed("n1");
	struct weir_link_message m;

	peer_batch(&p, BOOT, 1, 3);
	for (unsigned i = 0; i < 20; i++) /* asked for once, not twenty times */
		peer_batch(&p, BOOT, 7 + i, 1);
	assert_true(peer_wait(&p, WEIR_LINK_AGAIN, &m, SOON));
	assert_int_equal(m.boots[0].seq, 4);
	peer_batch(&p, BOOT, 4, 3);
	assert_int_equal(peer_hear(&p, &m, 500), WEIR_LINK_KIND_MAX);
	assert_int_equal(fake_next("n1", BOOT), 7);
	peer_close(&p);
}

static void test_no_room(void **state)
{
	struct peer p = welcomed("n1");
	struct weir_link_message m;

	fake_answer(-ENOBUFS);
	peer_batch(&p, BOOT, 1, 3);
	assert_true(peer_wait(&p, WEIR_LINK_AGAIN, &m, SOON));
	assert_int_equal(m.boots[0].seq, 1);
	fake_answer(0);
	peer_batch(&p, BOOT, 1, 3);
	assert_int_equal(peer_hear(&p, &m, 400), WEIR_LINK_KIND_MAX);
	assert_int_equal(fake_next("n1", BOOT), 4);
	peer_close(&p);
}

static void test_lost(void **state)
{
	struct peer p = enrolled("n1");
	struct weir_link_message m = { .n_boots = 1 }, heard;
	struct fake_lost lost;

	fake_set_next("n1", BOOT, 5);
	peer_hello(&p, BOOT, 9, 20);
	assert_true(peer_wait(&p, WEIR_LINK_WELCOME, &heard, SOON));
	assert_int_equal(heard.boots[0].seq, 5);
	strcpy(m.boots[0].boot, BOOT);
	m.boots[0].seq = 2; /* what is stored is not lost */
	m.boots[0].next = 8;
	peer_tell(&p, WEIR_LINK_LOST, &m);
	peer_tell(&p, WEIR_LINK_LOST, &m);
	peer_batch(&p, BOOT, 9, 2);
	usleep(300000);
	assert_int_equal(fake_lost(&lost), 1);
	assert_int_equal(lost.from, 5);
	assert_int_equal(lost.to, 8);
	assert_int_equal(fake_next("n1", BOOT), 11);
	m.boots[0].seq = 100; /* nobody knows how many, up to 99 */
	m.boots[0].next = 99;
	peer_tell(&p, WEIR_LINK_LOST, &m);
	peer_tell(&p, WEIR_LINK_LOST, &m);
	usleep(300000);
	assert_int_equal(fake_lost(&lost), 2);
	assert_true(lost.from > lost.to);
	assert_int_equal(fake_next("n1", BOOT), 100);
	assert_int_equal(state_of("n1").lost, 4);
	peer_close(&p);
}

/* A boot that is new of a node that is not: what it had before it could say so is lost. */
static void test_new_boot(void **state)
{
	struct peer p = welcomed("n1");
	struct weir_link_message m;
	struct fake_lost lost;

	peer_batch(&p, BOOT, 1, 3);
	usleep(300000);
	fake_set_next("n1", "b2", 0);
	peer_hello(&p, "b2", 1, 1); /* not a word of the boot before: an end unknown */
	assert_true(peer_wait(&p, WEIR_LINK_WELCOME, &m, SOON));
	assert_int_equal(fake_lost(&lost), 1);
	assert_string_equal(lost.boot, BOOT);
	assert_true(lost.from > lost.to && lost.to == 3);
	peer_hello(&p, "b2", 1, 1); /* said once */
	assert_true(peer_wait(&p, WEIR_LINK_WELCOME, &m, SOON));
	assert_int_equal(fake_lost(&lost), 1);
	peer_close(&p);
}

static void test_known_node_new_boot(void **state)
{
	struct peer p = enrolled("n1");
	struct weir_link_message m;
	struct fake_lost lost;

	fake_reset(true);
	peer_hello(&p, BOOT, 11, 21);
	assert_true(peer_wait(&p, WEIR_LINK_WELCOME, &m, SOON));
	assert_int_equal(m.boots[0].seq, 11);
	assert_int_equal(fake_lost(&lost), 1);
	assert_true(lost.from == 1 && lost.to == 10);
	peer_close(&p);
}

static void test_strangers(void **state)
{
	struct weir_link_message m = { .n_boots = 0 };
	struct weir_receive_stats stats;
	struct peer p = { .socket = NULL };

	peer_keys(&p, "n1");
	dial(&p); /* no token is open: not even a handshake */
	peer_hello(&p, BOOT, 1, 1);
	assert_int_equal(peer_hear(&p, &m, 300), WEIR_LINK_KIND_MAX);
	weir_receive_stats(receive, &stats);
	assert_true(stats.refused_handshakes > 0);
	assert_int_equal(stats.messages, 0);
	peer_close(&p);
	say_token(&p, "n1", NULL);
	assert_true(peer_wait(&p, WEIR_LINK_ENROLLED, &m, SOON));
	peer_close(&p);
	peer_keys(&p, "n2");
	say_token(&p, "n1", NULL); /* n1 has another key */
	assert_true(peer_wait(&p, WEIR_LINK_REFUSED, &m, SOON));
	assert_non_null(strstr(m.why, "another key"));
	peer_hello(&p, BOOT, 1, 1); /* may only enrol */
	peer_batch(&p, BOOT, 1, 1);
	assert_int_equal(peer_hear(&p, &m, 300), WEIR_LINK_KIND_MAX);
	weir_receive_stats(receive, &stats);
	assert_true(stats.ignored > 0);
	assert_int_equal(stats.enrolled, 1);
	assert_int_equal(stats.refused_enrolments, 1);
	assert_int_equal(fake_next("n1", BOOT), 0);
	peer_close(&p);
}

static void test_revoked(void **state)
{
	struct peer p = welcomed("n1"), other = welcomed("n2");
	struct weir_link_message m;

	peer_batch(&p, BOOT, 1, 3);
	usleep(200000);
	assert_int_equal(weir_registry_revoke(registry, "prod", "n1", NULL), 0);
	peer_batch(&p, BOOT, 4, 3);
	peer_hello(&p, BOOT, 1, 4);
	assert_false(peer_wait(&p, WEIR_LINK_WELCOME, &m, 500));
	assert_int_equal(fake_next("n1", BOOT), 4);
	assert_false(fake_is_up("n1"));
	assert_false(state_of("n1").connected);
	peer_close(&p);
	dial(&p);
	peer_hello(&p, BOOT, 1, 4);
	assert_int_equal(peer_hear(&p, &m, 300), WEIR_LINK_KIND_MAX);
	peer_close(&p);
	say_token(&p, "n1", "n1"); /* enrolled anew */
	assert_true(peer_wait(&p, WEIR_LINK_ENROLLED, &m, SOON));
	peer_hello(&p, BOOT, 1, 4);
	assert_true(peer_wait(&p, WEIR_LINK_WELCOME, &m, SOON));
	peer_hello(&other, BOOT, 1, 1);
	assert_true(peer_wait(&other, WEIR_LINK_WELCOME, &m, SOON));
	peer_close(&p);
	peer_close(&other);
}

/* Cut off, out for a while, then in again; the second time for longer. */
static void test_cut_off(void **state)
{
	struct peer p = welcomed("n1");
	struct weir_link_message m;

	for (unsigned times = 1; times <= 2; times++) {
		uint64_t since = now_ms();

		peer_send(&p, WEIR_LINK_BATCH, "junk", 4);
		usleep(100000);
		assert_false(fake_is_up("n1"));
		assert_int_equal(state_of("n1").cut_off, times);
		assert_true(state_of("n1").cut_off_until_ms > 0);
		do { /* libzmq gives up after a refusal */
			peer_close(&p);
			dial(&p);
			peer_hello(&p, BOOT, 1, 1);
		} while (!peer_wait(&p, WEIR_LINK_WELCOME, &m, 200) && now_ms() < since + 5000);
		assert_true(fake_is_up("n1"));
		assert_true(now_ms() - since >= 400 * times);
	}
	peer_close(&p);
}

static void send_kind(struct peer *p, const char *kind, size_t frames)
{
	int ms = 1000;

	zmq_setsockopt(p->socket, ZMQ_SNDTIMEO, &ms, sizeof(ms));
	zmq_send(p->socket, kind, strlen(kind), frames > 1 ? ZMQ_SNDMORE : 0);
	for (size_t i = 1; i < frames; i++)
		zmq_send(p->socket, "{}", 2, i + 1 < frames ? ZMQ_SNDMORE : 0);
}

static bool is_cut_off(const struct peer *p)
{
	return state_of(p->name).cut_off;
}

static void many_boots(struct peer *p)
{
	char boot[16];

	for (unsigned i = 0; i < 100 && !is_cut_off(p); i++) {
		snprintf(boot, sizeof(boot), "b%u", i);
		peer_hello(p, boot, 1, 1);
	}
}

static void more_than_window(struct peer *p)
{
	for (unsigned i = 0; i < 40 && !is_cut_off(p); i++)
		peer_batch(p, BOOT, 1 + i * 1000, 1000);
}

static void another_name(struct peer *p)
{
	strcpy(p->name, "n9");
	peer_batch(p, BOOT, 1, 1);
}

static void too_long(struct peer *p)
{
	size_t len = WEIR_LINK_TEXT_MAX + 1;
	WEIR_AUTO_FREE char *text = calloc(1, len);

	peer_send(p, WEIR_LINK_HELLO, text, len);
}

static void unknown_kind(struct peer *p)
{
	send_kind(p, "nonsense", 2);
}

static void hubs_kind(struct peer *p)
{
	send_kind(p, "ack", 2);
}

static void one_frame(struct peer *p)
{
	send_kind(p, "hello", 1);
}

static void many_frames(struct peer *p)
{
	send_kind(p, "hello", 1000);
}

static void unnamed_boot(struct peer *p)
{
	peer_batch(p, "other-boot", 1, 1);
}

static void lost_for_ever(struct peer *p)
{
	struct weir_link_message m = { .n_boots = 1 };

	strcpy(m.boots[0].boot, BOOT);
	m.boots[0].seq = 1;
	m.boots[0].next = 1ull << 50;
	peer_tell(p, WEIR_LINK_LOST, &m);
}

static void test_hostile(void **state)
{
	static void (*const acts[])(struct peer *) = { many_boots,   more_than_window, another_name,
						       too_long,     unknown_kind,     hubs_kind,
						       one_frame,    many_frames,      unnamed_boot,
						       lost_for_ever };
	struct peer good = welcomed("good");
	struct weir_link_message m;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(acts); i++) {
		char name[16];
		struct peer p;

		snprintf(name, sizeof(name), "bad%zu", i);
		p = welcomed(name);
		acts[i](&p);
		for (unsigned k = 0; k < 30 && !state_of(name).cut_off; k++)
			usleep(20000);
		if (state_of(name).cut_off != 1 || fake_is_up(name))
			fail_msg("act %zu: not cut off", i);
		peer_close(&p);
	}
	peer_hello(&good, BOOT, 1, 1);
	assert_true(peer_wait(&good, WEIR_LINK_WELCOME, &m, SOON));
	peer_close(&good);
}

/* --- a message without end ------------------------------------------------------------ */

static int dial_raw(void)
{
	static const uint8_t greeting[64] = { 0xff, 0,	  0, 0, 0,   0,	  0,   0,
					      1,    0x7f, 3, 0, 'N', 'U', 'L', 'L' };
	static const char ready[] = "\x04\x1c\x05READY\x0bSocket-Type\0\0\0\x06"
				    "DEALER";
	struct sockaddr_in to = { .sin_family = AF_INET, .sin_port = htons((uint16_t)port) };
	int fd = socket(AF_INET, SOCK_STREAM, 0);

	to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	assert_int_equal(connect(fd, (struct sockaddr *)&to, sizeof(to)), 0);
	assert_int_equal(send(fd, greeting, sizeof(greeting), 0), sizeof(greeting));
	usleep(100000);
	assert_int_equal(send(fd, ready, sizeof(ready) - 1, 0), sizeof(ready) - 1);
	usleep(100000);
	return fd;
}

static void note_fd(void *data, int fd)
{
	++*(unsigned *)data;
}

/* Frames that more shall follow: libzmq hands nothing out and lets them grow. */
static void test_endless_message(void **state)
{
	static uint8_t frame[9 + 60000] = { 3, 0, 0, 0, 0, 0, 0, 60000 >> 8, 60000 & 255 };
	void *context = zmq_ctx_new(), *router = zmq_socket(context, ZMQ_ROUTER);
	struct weir_watch *watch = NULL;
	unsigned ended = 0;
	size_t sent = 0, size = sizeof(address);
	int fd;

	assert_int_equal(weir_watch_new(context, 2, 1 << 20, &watch), 0);
	weir_watch_socket(watch, router);
	assert_int_equal(zmq_bind(router, "tcp://127.0.0.1:*"), 0);
	zmq_getsockopt(router, ZMQ_LAST_ENDPOINT, address, &size);
	port = (unsigned)atoi(strrchr(address, ':') + 1);
	fd = dial_raw();
	for (unsigned i = 0; i < 100; i++) {
		weir_watch_read(watch);
		weir_watch_unread(watch, note_fd, &ended);
		if (ended)
			break;
		assert_int_equal(send(fd, frame, sizeof(frame), MSG_NOSIGNAL), sizeof(frame));
		usleep(5000);
		sent += sizeof(frame);
	}
	assert_int_equal(ended, 1);
	assert_true(sent > 1 << 20 && sent < 3 << 20);
	close(fd);
	weir_watch_free(&watch);
	zmq_close(router);
	zmq_ctx_term(context);
}

/* Four nodes send as fast as they can; how long does the fifth wait? */
static void *flood(void *data)
{
	static const char junk[] = "{\"boot\":\"" BOOT "\",\"from\":1,\"to\":0}";
	struct peer *p = data;
	uint64_t end = now_ms() + 2000;
	int none = 0;

	zmq_setsockopt(p->socket, ZMQ_SNDTIMEO, &none, sizeof(none));
	while (now_ms() < end)
		for (unsigned i = 0; i < 1000; i++)
			if (zmq_send(p->socket, "lost", 4, ZMQ_SNDMORE | ZMQ_DONTWAIT) >= 0)
				zmq_send(p->socket, junk, sizeof(junk) - 1, ZMQ_DONTWAIT);
	return NULL;
}

static void test_flood(void **state)
{
	struct peer bad[4], good;
	struct weir_link_message m;
	pthread_t threads[4];
	uint64_t worst = 0, since;

	for (unsigned i = 0; i < 4; i++) {
		char name[16];

		snprintf(name, sizeof(name), "bad%u", i);
		bad[i] = welcomed(name);
	}
	good = welcomed("good");
	fake_store(receive);
	for (unsigned i = 0; i < 4; i++)
		pthread_create(&threads[i], NULL, flood, &bad[i]);
	for (unsigned i = 0; i < 30; i++) {
		usleep(50000);
		since = now_ms();
		peer_batch(&good, BOOT, 1 + i * 100, 100);
		assert_true(peer_wait(&good, WEIR_LINK_ACK, &m, SOON));
		if (now_ms() - since > worst)
			worst = now_ms() - since;
	}
	for (unsigned i = 0; i < 4; i++) {
		pthread_join(threads[i], NULL);
		peer_close(&bad[i]);
	}
	print_message("the worst wait of a good node among four that flood: %llu ms\n",
		      (unsigned long long)worst);
	assert_true(worst < 1000);
	assert_true(state_of("bad0").throttled > 0 || state_of("bad0").cut_off > 0);
	assert_int_equal(state_of("good").throttled, 0);
	peer_close(&good);
}

static void test_silence(void **state)
{
	struct peer p = welcomed("n1");

	for (unsigned i = 0; i < 3; i++) {
		usleep(600000);
		assert_true(fake_is_up("n1"));
		peer_batch(&p, BOOT, 1, 0);
	}
	for (unsigned i = 0; i < 20 && fake_is_up("n1"); i++)
		usleep(100000);
	assert_false(fake_is_up("n1"));
	peer_batch(&p, BOOT, 1, 0);
	for (unsigned i = 0; i < 50 && !fake_is_up("n1"); i++)
		usleep(20000);
	assert_true(fake_is_up("n1"));
	peer_close(&p);
}

/* The node listens, the hub dials, and is the CURVE server all the same. */
static void test_hub_connects(void **state)
{
	struct peer p = welcomed("n1");
	struct weir_receive_config config = { .registry = registry, .n_connect = 1 };
	const char *connect[] = { address };
	struct weir_link_message m;
	struct weir_error err;

	weir_receive_stop(&receive);
	peer_close(&p);
	peer_open(&p, weir_registry_server_key(registry), &port, true);
	snprintf(address, sizeof(address), "tcp://127.0.0.1:%u", port);
	config.connect = connect;
	if (weir_receive_start(&config, &receive, &err) < 0)
		fail_msg("%s", err.text);
	usleep(300000);
	peer_hello(&p, BOOT, 1, 1);
	assert_true(peer_wait(&p, WEIR_LINK_WELCOME, &m, SOON));
	peer_batch(&p, BOOT, 1, 5);
	usleep(300000);
	assert_int_equal(fake_next("n1", BOOT), 6);
	peer_close(&p);
}

static void test_restart(void **state)
{
	struct peer p = welcomed("n1");
	struct weir_link_message m;
	uint64_t since;

	weir_receive_stop(&receive);
	assert_false(fake_is_up("n1"));
	start();
	for (since = now_ms(); now_ms() < since + SOON;) {
		peer_hello(&p, BOOT, 1, 1); /* libzmq connects anew by itself */
		if (peer_wait(&p, WEIR_LINK_WELCOME, &m, 200))
			break;
	}
	assert_true(fake_is_up("n1"));
	peer_close(&p);
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_in_order),	 TEST(test_hole),     TEST(test_no_room),
		TEST(test_lost),	 TEST(test_new_boot), TEST(test_known_node_new_boot),
		TEST(test_strangers),	 TEST(test_revoked),  TEST(test_cut_off),
		TEST(test_hostile),	 TEST(test_flood),    TEST(test_endless_message),
		TEST(test_hub_connects), TEST(test_restart),  TEST(test_silence),
	};

	weir_log_setup(WEIR_LOG_ERROR, WEIR_LOG_KV);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
