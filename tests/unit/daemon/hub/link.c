/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Both ends of the link against each other: what a node offers comes to the hub
 * once and in order, or is said to be lost, exactly: while the hub is away, when the
 * spool is full, over restarts, reboots, kill -9 and torn files.
 */
#include "daemon/hub/hub.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <zmq.h>

#include <cmocka.h>

#include "daemon/config/config.h"
#include "hub/receive/internal.h"
#include "tests/unit/hub/receive/peer.h"
#include "weir/cleanup.h"
#include "weir/file.h"
#include "weir/log.h"
#include "weir/ruleset.h"
#include "weir/wire.h"

#define RECORDS 50u		/* of each batch */
#define BATCH	(RECORDS * 60u) /* bytes, at least */

static char dir[64], address[64], token_file[128], node_key[128], spool[128];
static struct weir_config config;
static struct weir_registry *registry;
static struct weir_receive *receive;
static struct weir_hub *node;
static uint64_t next_seq;
static const char *boot; /* that runs */

/* --- the hub's end ------------------------------------------------------------------ */

static void hub_up(void)
{
	static const char *const addresses[] = { address };
	struct weir_receive_config c = { .registry = registry, .listen = addresses, .n_listen = 1 };
	struct weir_error err = { "" };
	size_t size = sizeof(address);

	if (weir_receive_start(&c, &receive, &err) < 0)
		fail_msg("%s", err.text);
	zmq_getsockopt(receive->ends[0].socket, ZMQ_LAST_ENDPOINT, address, &size);
	fake_store(receive);
}

static void hub_down(void)
{
	fake_store(NULL);
	weir_receive_stop(&receive);
}

static void write_token(const char *name, uint64_t ttl_ms)
{
	WEIR_AUTO_FREE char *text = NULL;

	assert_int_equal(weir_registry_make_token(registry, "prod", name, ttl_ms, 1, &text, NULL),
			 0);
	assert_int_equal(weir_file_replace(token_file, text, strlen(text), 0600, NULL), 0);
}

/* --- the node's end ------------------------------------------------------------------- */

static struct weir_hub_status status(void)
{
	struct weir_hub_status s;

	weir_hub_status(node, &s);
	return s;
}

static void node_up(const char *new_boot)
{
	struct weir_error err = { "" };

	boot = new_boot;
	if (weir_hub_start(&config, boot, next_seq, &node, &err) < 0)
		fail_msg("%s", err.text);
}

static void node_down(void)
{
	weir_hub_stop(&node, next_seq);
}

static void await(bool (*done)(void), const char *what)
{
	uint64_t end = now_ms() + 8000;

	while (!done() && now_ms() < end)
		usleep(10000);
	if (!done())
		fail_msg("not in time: %s (state %s, error \"%s\", %llu wait)", what,
			 weir_hub_state_name(status().state), status().error,
			 (unsigned long long)status().waiting);
}

static bool is_connected(void)
{
	return status().connected;
}

static bool is_empty(void)
{
	return status().connected && status().waiting == 0 && fake_next("n1", boot) == next_seq;
}

static bool is_refused(void)
{
	return status().state == WEIR_HUB_REFUSED;
}

/* As the publisher would. */
static void offer(const char *of, unsigned batches)
{
	for (unsigned i = 0; i < batches; i++) {
		struct weir_batch_header header = { .node = "n1", .boot = of, .batch = 1 };
		struct weir_record record = { .staged = WEIR_VERDICT_MAX, .connections = 1 };
		struct weir_kept *k = calloc(1, sizeof(*k));
		struct weir_batch_encoder *e = NULL;
		uint64_t floor;

		assert_int_equal(weir_batch_encoder_new(&e), 0);
		for (unsigned r = 0; r < RECORDS; r++) {
			record.seq = next_seq++;
			record.time = record.seq * 1000003;
			record.has_counters = true;
			record.bytes[0] = record.bytes[1] = record.seq << 40;
			record.packets[0] = record.packets[1] = record.seq << 40;
			record.src.addr.family = record.dst.addr.family = AF_INET6;
			assert_int_equal(weir_batch_add(e, &record), 0);
		}
		k->first_seq = header.first_seq = next_seq - RECORDS;
		k->records = RECORDS;
		k->refs = 1;
		assert_int_equal(weir_batch_finish(e, &header, &k->bytes, &k->len), 0);
		assert_true(k->len > BATCH);
		floor = weir_hub_offer(node, k);
		if (next_seq < floor)
			next_seq = floor;
		weir_kept_unref(k);
		weir_batch_encoder_free(&e);
	}
}

static int set_up(void **state)
{
	struct weir_registry_config c = { .state_dir = dir, .address = address };

	strcpy(dir, "/tmp/weir-t-link-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(token_file, sizeof(token_file), "%s/token", dir);
	snprintf(spool, sizeof(spool), "%s/spool", dir);
	strcpy(address, "tcp://127.0.0.1:*");
	fake_reset(false);
	/* the address is known when the socket is open, and goes into tokens then */
	assert_int_equal(weir_registry_open(&c, &registry, NULL), 0);
	hub_up();
	free(registry->address);
	registry->address = strdup(address);
	memset(&config, 0, sizeof(config));
	config.node = (char *)"n1";
	config.state_dir = dir;
	config.hub.address = config.hub.listen = config.hub.server_key = (char *)"";
	config.hub.token_file = token_file;
	config.hub.window = 1 << 20;
	config.hub.spool.memory = 8 << 20;
	config.hub.spool.disk = 64 << 20;
	config.hub.spool.path = (char *)"";
	config.hub.key_file = node_key;
	snprintf(node_key, sizeof(node_key), "%s/node.key", dir);
	next_seq = 1;
	write_token(NULL, 60000);
	return 0;
}

static int tear_down(void **state)
{
	char command[128];

	node_down();
	hub_down();
	weir_registry_close(&registry);
	snprintf(command, sizeof(command), "rm -rf %s", dir);
	return system(command);
}

/* --- the tests -------------------------------------------------------------------------- */

static void assert_nothing_lost(const char *of)
{
	struct fake_lost lost;

	assert_int_equal(fake_lost(&lost), 0);
	assert_int_equal(fake_next("n1", of), next_seq);
	assert_int_equal(fake_taken(), next_seq - 1);
	assert_int_equal(status().lost, 0);
}

static void test_all_comes(void **state)
{
	node_up("b1");
	await(is_connected, "connected");
	assert_string_equal(status().cluster, "prod");
	assert_string_equal(status().address, address);
	offer("b1", 100);
	await(is_empty, "all acknowledged");
	assert_nothing_lost("b1");
	assert_int_equal(status().acknowledged, 100 * RECORDS);
	/* enrolled once: without the token it gets in, too */
	node_down();
	assert_int_equal(unlink(token_file), 0);
	node_up("b1");
	await(is_connected, "connected without a token");
	offer("b1", 3);
	await(is_empty, "all acknowledged");
	assert_nothing_lost("b1");
}

static void test_token_refused(void **state)
{
	write_token("another", 60000);
	node_up("b1");
	await(is_refused, "refused");
	assert_non_null(strstr(status().error, "another node"));
	offer("b1", 3);
	usleep(1100000); /* the time of the file is looked at, in full */
	write_token("n1", 60000);
	await(is_connected, "connected with a new token");
	await(is_empty, "all acknowledged");
	assert_nothing_lost("b1");
}

static bool has_no_handshake(void)
{
	return strstr(status().error, "hub.serverKey") != NULL;
}

static void test_wrong_hub(void **state)
{
	char public_[41], secret[41];

	assert_int_equal(zmq_curve_keypair(public_, secret), 0);
	config.hub.server_key = public_;
	node_up("b1");
	await(has_no_handshake, "says that the key is not the hub's");
}

static void test_hub_away(void **state)
{
	node_up("b1");
	await(is_connected, "connected");
	for (unsigned i = 0; i < 3; i++) {
		offer("b1", 50);
		hub_down();
		offer("b1", 50);
		hub_up();
		offer("b1", 50);
	}
	await(is_empty, "all acknowledged");
	assert_nothing_lost("b1");
}

/* The hub takes them, and dies before it has stored them. */
static void test_taken_and_forgotten(void **state)
{
	node_up("b1");
	await(is_connected, "connected");
	fake_store(NULL);
	offer("b1", 50);
	for (unsigned i = 0; i < 100 && fake_next("n1", "b1") != next_seq; i++)
		usleep(20000);
	assert_int_equal(fake_next("n1", "b1"), next_seq);
	assert_int_equal(status().waiting, 50 * RECORDS);
	hub_down();
	fake_reset(true);
	fake_set_next("n1", "b1", 1);
	hub_up();
	await(is_empty, "all acknowledged");
	assert_nothing_lost("b1");
}

static void test_hub_has_no_room(void **state)
{
	node_up("b1");
	await(is_connected, "connected");
	fake_answer(-ENOBUFS);
	offer("b1", 50);
	usleep(500000);
	fake_answer(0);
	await(is_empty, "all acknowledged");
	assert_nothing_lost("b1");
}

static void test_overflow(void **state)
{
	struct fake_lost lost;

	config.hub.spool.memory = 100 << 10;
	node_up("b1");
	await(is_connected, "connected");
	offer("b1", 10);
	await(is_empty, "all acknowledged");
	hub_down();
	usleep(300000);
	offer("b1", 500);
	hub_up();
	await(is_empty, "all acknowledged");
	assert_int_equal(fake_lost(&lost), 1);
	assert_int_equal(lost.from, 10 * RECORDS + 1);
	assert_true(lost.to > lost.from && lost.to < next_seq - RECORDS);
	assert_int_equal(fake_next("n1", "b1"), next_seq);
	assert_int_equal(fake_taken() + lost.to - lost.from + 1, next_seq - 1);
	assert_int_equal(status().lost, lost.to - lost.from + 1);
}

/* --- on disk ------------------------------------------------------------------------------- */

static unsigned files(char *ret_path)
{
	DIR *d = opendir(spool);
	struct dirent *e;
	unsigned n = 0;

	while (d && (e = readdir(d)))
		if (strstr(e->d_name, ".spool")) {
			n++;
			if (ret_path)
				snprintf(ret_path, 512, "%s/%s", spool, e->d_name);
		}
	if (d)
		closedir(d);
	return n;
}

static void test_disk_holds_more(void **state)
{
	config.hub.spool.path = spool;
	config.hub.spool.memory = 100 << 10;
	node_up("b1");
	await(is_connected, "connected");
	hub_down();
	offer("b1", 40);
	for (unsigned i = 0; i < 100; i++) {
		offer("b1", 40);
		usleep(5000);
	}
	usleep(200000);
	assert_true(status().memory <= 100 << 10);
	assert_true(status().disk > 4000 * BATCH);
	hub_up();
	await(is_empty, "all acknowledged");
	assert_nothing_lost("b1");
	node_down();
	assert_int_equal(files(NULL), 0);
}

static void test_restart_and_reboot(void **state)
{
	uint64_t first_boot;

	config.hub.spool.path = spool;
	node_up("b1");
	await(is_connected, "connected");
	hub_down();
	offer("b1", 20);
	node_down(); /* weird is restarted */
	node_up("b1");
	offer("b1", 20);
	node_down(); /* the node is rebooted */
	first_boot = next_seq;
	next_seq = 1;
	node_up("b2");
	offer("b2", 20);
	hub_up();
	await(is_empty, "all acknowledged");
	assert_int_equal(fake_next("n1", "b1"), first_boot);
	assert_int_equal(fake_next("n1", "b2"), next_seq);
	assert_int_equal(fake_taken(), first_boot - 1 + next_seq - 1);
	node_down();
	assert_int_equal(files(NULL), 0);
}

/* Without a folder a reboot loses what is not acknowledged: exactly that. */
static void test_reboot_in_memory(void **state)
{
	struct fake_lost lost;
	uint64_t first_boot;

	node_up("b1");
	await(is_connected, "connected");
	offer("b1", 10);
	await(is_empty, "all acknowledged");
	hub_down();
	usleep(300000);
	offer("b1", 20);
	node_down();
	first_boot = next_seq;
	next_seq = 1;
	node_up("b2");
	hub_up();
	offer("b2", 1);
	await(is_empty, "all acknowledged");
	usleep(300000);
	assert_int_equal(fake_lost(&lost), 1);
	assert_string_equal(lost.boot, "b1");
	assert_int_equal(lost.from, 10 * RECORDS + 1);
	assert_int_equal(lost.to, first_boot - 1);
}

static void offer_and_die(void)
{
	pid_t child = fork();
	int how;

	if (child == 0) {
		node_up("b1");
		offer("b1", 20);
		usleep(300000);
		raise(SIGKILL);
	}
	assert_true(child > 0);
	assert_int_equal(waitpid(child, &how, 0), child);
	assert_true(WIFSIGNALED(how));
	next_seq += 20 * RECORDS;
}

static void test_killed(void **state)
{
	node_up("b1"); /* is enrolled */
	await(is_connected, "connected");
	node_down();
	hub_down();
	config.hub.spool.path = spool;
	offer_and_die();
	offer_and_die();
	hub_up();
	node_up("b1");
	offer("b1", 5);
	await(is_empty, "all acknowledged");
	assert_nothing_lost("b1");
}

static void test_torn(void **state)
{
	struct fake_lost lost;
	char path[512];
	struct stat st;

	config.hub.spool.path = spool;
	node_up("b1");
	await(is_connected, "connected");
	offer("b1", 2);
	await(is_empty, "all acknowledged");
	hub_down();
	usleep(300000);
	offer("b1", 20);
	node_down();
	assert_int_equal(files(path), 1);
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(truncate(path, st.st_size - 7), 0);
	node_up("b1");
	offer("b1", 3);
	hub_up();
	await(is_empty, "all acknowledged");
	assert_int_equal(fake_lost(&lost), 1);
	assert_int_equal(lost.from, 21 * RECORDS + 1); /* the last batch of the torn file */
	assert_int_equal(lost.to, 22 * RECORDS);
	assert_int_equal(fake_next("n1", "b1"), next_seq);
	assert_int_equal(fake_taken(), next_seq - 1 - RECORDS);
}

/* A bit that has turned: that batch and those behind it in the file are not believed. */
static void test_rotten(void **state)
{
	char path[512];
	struct fake_lost lost;
	uint8_t byte;
	int fd;

	config.hub.spool.path = spool;
	node_up("b1");
	await(is_connected, "connected");
	hub_down();
	offer("b1", 20);
	node_down();
	assert_int_equal(files(path), 1);
	fd = open(path, O_RDWR);
	assert_int_equal(pread(fd, &byte, 1, 5000), 1);
	byte ^= 1;
	assert_int_equal(pwrite(fd, &byte, 1, 5000), 1);
	close(fd);
	node_up("b1");
	offer("b1", 1);
	hub_up();
	await(is_empty, "all acknowledged");
	assert_true(fake_lost(&lost) > 0);
	assert_int_equal(fake_next("n1", "b1"), next_seq);
	assert_int_equal(lost.to, 20 * RECORDS);
	assert_int_equal(fake_taken() + lost.to - lost.from + 1, next_seq - 1);
}

/* flows.state was removed: numbers begin anew, and the hub has others under them. */
static void test_numbers_lost(void **state)
{
	uint64_t had;

	node_up("b1");
	await(is_connected, "connected");
	offer("b1", 20);
	await(is_empty, "all acknowledged");
	had = next_seq;
	node_down();
	next_seq = 1;
	node_up("b1");
	offer("b1", 2); /* before it knows */
	await(is_connected, "connected");
	usleep(300000);
	offer("b1", 1); /* told with this one */
	assert_int_equal(next_seq, had);
	offer("b1", 5);
	await(is_empty, "all acknowledged");
	assert_int_equal(fake_next("n1", "b1"), had + 5 * RECORDS);
	assert_int_equal(fake_taken(), had - 1 + 5 * RECORDS);
	assert_in_range(status().lost, 2 * RECORDS, 3 * RECORDS);
}

static void test_disk_bounded(void **state)
{
	struct fake_lost lost;

	config.hub.spool.path = spool;
	config.hub.spool.memory = 64 << 10;
	config.hub.spool.disk = 9 << 20;
	node_up("b1");
	await(is_connected, "connected");
	offer("b1", 1);
	await(is_empty, "all acknowledged");
	hub_down();
	usleep(300000);
	for (unsigned i = 0; i < 400; i++) {
		offer("b1", 30);
		usleep(3000);
	}
	usleep(300000);
	assert_true(status().disk <= 9 << 20);
	assert_true(status().lost > 0);
	hub_up();
	await(is_empty, "all acknowledged");
	assert_true(fake_lost(&lost) > 0);
	assert_int_equal(fake_next("n1", "b1"), next_seq);
	assert_int_equal(fake_taken() + status().lost, next_seq - 1);
}

static void test_disk_full(void **state)
{
	struct rlimit all, some = { 8 << 10, RLIM_INFINITY };

	signal(SIGXFSZ, SIG_IGN);
	config.hub.spool.path = spool;
	node_up("b1");
	await(is_connected, "connected");
	hub_down();
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &all), 0);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &some), 0);
	offer("b1", 50);
	usleep(300000);
	assert_true(status().disk <= 8 << 10);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &all), 0);
	offer("b1", 50);
	usleep(300000);
	assert_true(status().disk > 8 << 10);
	hub_up();
	await(is_empty, "all acknowledged");
	assert_nothing_lost("b1");
}

static void test_node_listens(void **state)
{
	struct weir_receive_config c = { .registry = registry, .n_connect = 1 };
	const char *connect[] = { address };
	struct weir_error err;

	node_up("b1"); /* is enrolled */
	await(is_connected, "connected");
	node_down();
	hub_down();
	config.hub.listen = address; /* where the hub was */
	node_up("b1");
	offer("b1", 20);
	c.connect = connect;
	if (weir_receive_start(&c, &receive, &err) < 0)
		fail_msg("%s", err.text);
	fake_store(receive);
	await(is_empty, "all acknowledged");
	assert_nothing_lost("b1");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		TEST(test_all_comes),
		TEST(test_token_refused),
		TEST(test_hub_away),
		TEST(test_taken_and_forgotten),
		TEST(test_hub_has_no_room),
		TEST(test_overflow),
		TEST(test_disk_holds_more),
		TEST(test_restart_and_reboot),
		TEST(test_killed),
		TEST(test_reboot_in_memory),
		TEST(test_torn),
		TEST(test_rotten),
		TEST(test_disk_bounded),
		TEST(test_disk_full),
		TEST(test_node_listens),
		TEST(test_numbers_lost),
		TEST(test_wrong_hub),
	};

	weir_log_setup(getenv("VERBOSE") ? WEIR_LOG_DEBUG : WEIR_LOG_ERROR, WEIR_LOG_KV);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
