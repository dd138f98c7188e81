/* SPDX-License-Identifier: Apache-2.0 */
/* Batches of two nodes into a real store: what is joined, what a hub that was cut off asks
 * for again, and that in the end each record is there once. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>

#include <errno.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "hub/ingest/ingest.h"
#include "hub/store/store.h"
#include "weir/policy.h"
#include "weir/ruleset.h"
#include "weir/wire.h"

#include <cmocka.h>

#define JOIN_MS 300

static char folder[64];
static struct weir_store *store;
static struct weir_ingest *ingest;
static atomic_ulong stored[2]; /* of nodes a, b */
static atomic_uint lives, joins;

static uint64_t now_ns(void)
{
	struct timespec t;

	clock_gettime(CLOCK_REALTIME, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

static void on_stored(void *data, const char *cluster, const char *node, const char *boot,
		      uint64_t seq)
{
	stored[node[0] - 'a'] = seq;
}

static void on_live(void *data, const struct weir_hub_flow *flow, bool joined)
{
	lives++;
	joins += joined;
	if (joined && flow->record.type != WEIR_RECORD_GAP)
		assert_non_null(flow->cluster);
}

static void open_hub(void)
{
	struct weir_store_config sc = { .type = "sqlite",
					.path = folder,
					.raw_ms = 86400000,
					.rollup_ms = 86400000,
					.partition_ms = 3600000 };
	struct weir_ingest_config ic = {
		.commit_ms = 50, .join_ms = JOIN_MS, .stored = on_stored, .live = on_live
	};
	struct weir_error err = { "" };

	if (weir_store_open(&sc, &store, &err) < 0)
		fail_msg("%s", err.text);
	ic.store = store;
	if (weir_ingest_new(&ic, &ingest, &err) < 0)
		fail_msg("%s", err.text);
	weir_ingest_node_up(ingest, "c", "a", true);
	weir_ingest_node_up(ingest, "c", "b", true);
}

static void close_hub(void)
{
	weir_ingest_free(&ingest);
	weir_store_close(&store);
}

/* --- batches -------------------------------------------------------------------------- */

enum half { EGRESS_HALF, INGRESS_HALF, WHOLE };

static struct weir_record record(enum half half, uint16_t port, int verdict)
{
	static const struct weir_record_policy policy = { "NetworkPolicy", "shop", "web" };
	struct weir_record_side nothing = { .reason = WEIR_REASON_NOT_ENDPOINT, .rule = -1 };
	struct weir_record_side rule = { .verdict = (uint8_t)verdict,
					 .reason = WEIR_REASON_RULE,
					 .n_policies = 1,
					 .policies = &policy };
	struct weir_record r = {
		.type = verdict == WEIR_DENIED ? WEIR_RECORD_DENIED : WEIR_RECORD_OPEN,
		.time = now_ns(),
		.flow = port,
		.verdict = (uint8_t)verdict,
		.staged = WEIR_VERDICT_MAX,
		.protocol = 6,
		.connections = 1,
		.src = { .port = port, .namespace_ = "shop", .pod = "cli", .node = "a" },
		.dst = { .port = 80, .namespace_ = "shop", .pod = "web", .node = "b" },
		.egress = half == INGRESS_HALF ? nothing : rule,
		.ingress = half == EGRESS_HALF ? nothing : rule
	};

	weir_addr_parse("10.0.0.1", &r.src.addr);
	weir_addr_parse("10.0.1.1", &r.dst.addr);
	if (half == WHOLE)
		r.dst.node = "a";
	return r;
}

static int send_batch(const char *node, uint64_t first, const struct weir_record *records, size_t n,
		      uint64_t *ret_expected)
{
	struct weir_batch_header h = {
		.node = node, .boot = "boot-1", .batch = 1, .first_seq = first, .time = now_ns()
	};
	struct weir_batch_encoder *e;
	struct weir_error err = { "" };
	uint8_t *msg;
	size_t len;
	int r;

	assert_int_equal(weir_batch_encoder_new(&e), 0);
	for (size_t i = 0; i < n; i++) {
		struct weir_record copy = records[i];

		copy.seq = first + i;
		assert_int_equal(weir_batch_add(e, &copy), 0);
	}
	assert_int_equal(weir_batch_finish(e, &h, &msg, &len), 0);
	weir_batch_encoder_free(&e);
	r = weir_ingest_batch(ingest, "c", node, msg, len, ret_expected, &err);
	free(msg);
	return r;
}

static void feed(const char *node, uint64_t first, const struct weir_record *records, size_t n)
{
	uint64_t expected;

	assert_int_equal(send_batch(node, first, records, n, &expected), 0);
	assert_int_equal(expected, first + n);
}

static void beat(void)
{
	uint64_t expected;

	for (int i = 0; i < 2; i++) {
		const char *node = i ? "b" : "a";

		send_batch(node, weir_ingest_next(ingest, "c", node, "boot-1", NULL) ?: 1, NULL, 0,
			   &expected);
	}
}

/* Until all that was sent is stored; beats move the nodes' clocks. */
static void settle(uint64_t a, uint64_t b)
{
	for (int i = 0; i < 100 && ((a && stored[0] != a) || (b && stored[1] != b)); i++) {
		usleep(50000);
		beat();
	}
	if (a)
		assert_int_equal(stored[0], a);
	if (b)
		assert_int_equal(stored[1], b);
}

/* --- what is there -------------------------------------------------------------------- */

struct seen {
	unsigned rows, both, denied, second, gaps;
	uint64_t connections, lost;
	uint64_t seqs; /* of all reporters: a joined row is two records */
};

static int look(void *data, const struct weir_hub_flow *f)
{
	struct seen *s = data;

	s->rows++;
	if (f->record.type == WEIR_RECORD_GAP) {
		s->gaps++;
		s->lost += f->record.lost;
		return 0;
	}
	s->both += f->nodes[0] && f->nodes[1] && strcmp(f->nodes[0], f->nodes[1]) != 0;
	s->denied += f->record.verdict == WEIR_DENIED;
	s->second += f->second;
	s->connections += f->record.connections;
	return 0;
}

static struct seen seen(void)
{
	struct weir_scope all = { 0 };
	struct weir_filter none = { 0 };
	struct weir_flow_query q = {
		.to = UINT64_MAX, .scope = &all, .filter = &none, .limit = 9999, .seconds = true
	};
	struct weir_answer_end end;
	struct seen s = { 0 };

	weir_scope_add(&all, "*", "*");
	assert_int_equal(store->ops->flows(store, &q, look, &s, &end, NULL), 0);
	weir_scope_clear(&all);
	return s;
}

/* --- tests ---------------------------------------------------------------------------- */

static void test_joined(void **state)
{
	struct weir_record out[3] = { record(EGRESS_HALF, 1001, WEIR_ALLOWED),
				      record(EGRESS_HALF, 1002, WEIR_ALLOWED),
				      record(EGRESS_HALF, 1003, WEIR_ALLOWED) };
	struct weir_record in[2] = { record(INGRESS_HALF, 1002, WEIR_ALLOWED),
				     record(INGRESS_HALF, 1001, WEIR_ALLOWED) };
	struct seen s;

	beat();
	feed("a", 1, out, 2);
	feed("b", 1, in, 2);
	feed("a", 3, out + 2, 1); /* the destination's half never comes */
	settle(4, 3);
	s = seen();
	assert_int_equal(s.rows, 3);
	assert_int_equal(s.both, 2);
	assert_int_equal(s.connections, 3);
	assert_int_equal(joins, 2);
}

/* The destination's node tells first; a connection that only it tells of counts. */
static void test_destination_first(void **state)
{
	struct weir_record in[2] = { record(INGRESS_HALF, 1001, WEIR_ALLOWED),
				     record(INGRESS_HALF, 1002, WEIR_ALLOWED) };
	struct weir_record out[1] = { record(EGRESS_HALF, 1001, WEIR_ALLOWED) };
	struct weir_record end = record(INGRESS_HALF, 1002, WEIR_ALLOWED);
	struct seen s;

	beat();
	feed("b", 1, in, 2);
	feed("a", 1, out, 1);
	settle(2, 3);
	end.type = WEIR_RECORD_END;
	feed("b", 3, &end, 1);
	end.flow = end.src.port = 1001;
	feed("b", 4, &end, 1);
	settle(0, 5);
	s = seen();
	assert_int_equal(s.rows, 4);
	assert_int_equal(s.both, 1);
	assert_int_equal(s.second, 1); /* the end of the joined one */
}

/* One denial of the destination's node answers as many openings as it counts. */
static void test_denied_at_the_other_end(void **state)
{
	struct weir_record out[3] = { record(EGRESS_HALF, 1001, WEIR_ALLOWED),
				      record(EGRESS_HALF, 1002, WEIR_ALLOWED),
				      record(EGRESS_HALF, 1003, WEIR_ALLOWED) };
	struct weir_record in = record(INGRESS_HALF, 1002, WEIR_DENIED);
	struct seen s;

	beat();
	in.connections = 4;
	feed("a", 1, out, 2);
	feed("b", 1, &in, 1);
	feed("a", 3, out + 2, 1);
	settle(4, 2);
	s = seen();
	assert_int_equal(s.connections, 4); /* three openings, and one that only b has seen */
	assert_int_equal(s.denied, 4);
	assert_int_equal(s.both, 3);
	assert_int_equal(s.rows, 4);
}

/* Halves that come when the other was given up: each connection still counts once. */
static void test_too_late(void **state)
{
	struct weir_record out[2] = { record(EGRESS_HALF, 1001, WEIR_ALLOWED),
				      record(EGRESS_HALF, 1002, WEIR_ALLOWED) };
	struct weir_record in = record(INGRESS_HALF, 1001, WEIR_ALLOWED);
	struct weir_record denied = record(INGRESS_HALF, 1002, WEIR_DENIED);
	struct weir_record ahead = record(INGRESS_HALF, 1003, WEIR_ALLOWED);
	struct weir_record behind = record(EGRESS_HALF, 1003, WEIR_ALLOWED);
	struct seen s;

	out[1].dst.port = denied.dst.port = 81; /* denials come without the source's port */
	beat();
	feed("a", 1, out, 2);
	feed("b", 1, &ahead, 1);
	settle(3, 2);
	denied.connections = 3;
	feed("b", 2, &in, 1);
	feed("b", 3, &denied, 1);
	feed("a", 3, &behind, 1);
	settle(4, 4);
	out[1].src.port = 1004; /* one of those that were denied */
	feed("a", 4, &out[1], 1);
	settle(5, 0);
	s = seen();
	assert_int_equal(s.rows, 7);
	assert_int_equal(s.second, 3);
	assert_int_equal(s.connections - s.second, 3 + 2); /* two denials are new */
}

static void test_sequence(void **state)
{
	struct weir_record r[4];
	uint64_t expected = 0;
	struct seen s;
	bool known;

	for (int i = 0; i < 4; i++)
		r[i] = record(WHOLE, (uint16_t)(2000 + i), WEIR_ALLOWED);
	assert_int_equal(weir_ingest_next(ingest, "c", "a", "boot-1", &known), 0);
	assert_false(known);
	feed("a", 5, r, 2); /* a new boot begins where it says */
	assert_int_equal(send_batch("a", 5, r, 2, &expected), -EALREADY);
	assert_int_equal(send_batch("a", 9, r, 1, &expected), -EAGAIN);
	assert_int_equal(expected, 7);
	assert_int_equal(weir_ingest_lost(ingest, "c", "a", "boot-1", 7, 8, NULL), 0);
	feed("a", 9, r + 2, 2);
	assert_int_equal(weir_ingest_lost(ingest, "c", "a", "boot-1", 20, 30, NULL), -EINVAL);
	settle(11, 0);
	s = seen();
	assert_int_equal(s.rows, 5);
	assert_int_equal(s.gaps, 1);
	assert_int_equal(s.lost, 2);
}

static void test_hostile(void **state)
{
	struct weir_record r = record(WHOLE, 1, WEIR_ALLOWED);
	struct weir_error err = { "" };
	uint64_t expected = 0;
	uint8_t rubbish[64];

	memset(rubbish, 0x93, sizeof(rubbish));
	assert_int_equal(
		weir_ingest_batch(ingest, "c", "a", rubbish, sizeof(rubbish), &expected, &err),
		-EBADMSG);
	assert_int_equal(send_batch("b", 1, &r, 1, &expected), 0);
	/* one node's batch in another's name */
	assert_int_equal(send_batch("a", 0, &r, 1, &expected), -EBADMSG);
}

/* A hub that dies at any moment: nodes send again from where it says, and in the end
 * each record is there once. */
static void test_killed(void **state)
{
	enum { N = 400 };
	struct weir_record out[N], in[N];
	uint64_t expected, a = 1, b = 1;
	struct seen s;

	for (int i = 0; i < N; i++) {
		out[i] = record(i % 3 ? EGRESS_HALF : WHOLE, (uint16_t)(3000 + i), WEIR_ALLOWED);
		in[i] = record(INGRESS_HALF, (uint16_t)(3000 + i), WEIR_ALLOWED);
	}
	beat();
	for (int round = 0; a <= N || b <= N; round++) {
		/* a crash: what was not stored is gone with the process; a child that ends without
		 * closing */
		a = weir_ingest_next(ingest, "c", "a", "boot-1", NULL) ?: 1;
		b = weir_ingest_next(ingest, "c", "b", "boot-1", NULL) ?: 1;
		for (int i = 0; i < 6; i++) {
			size_t some = 1 + (size_t)(rand() % 20);

			if (a <= N) {
				some = some < N + 1 - a ? some : N + 1 - a;
				send_batch("a", a, out + a - 1, some, &expected);
				a += some;
			}
			some = 1 + (size_t)(rand() % 20);
			if (b <= N && rand() % 3) {
				some = some < N + 1 - b ? some : N + 1 - b;
				for (size_t k = 0; k < some; k++) /* only halves of a */
					in[b - 1 + k].src.port = (uint16_t)(3000 + b - 1 + k);
				send_batch("b", b, in + b - 1, some, &expected);
				b += some;
			}
			usleep(20000);
		}
		weir_ingest_abandon(&ingest);
		weir_store_close(&store);
		open_hub();
		beat();
		a = weir_ingest_next(ingest, "c", "a", "boot-1", NULL) ?: 1;
		b = weir_ingest_next(ingest, "c", "b", "boot-1", NULL) ?: 1;
		assert_true(round < 300);
	}
	settle(0, 0);
	usleep(1000000);
	close_hub();
	open_hub();
	s = seen();
	/* a joined row is two records */
	assert_int_equal(s.rows + s.both, 2 * N);
	assert_true(s.both > 0);
}

static int set_up(void **state)
{
	strcpy(folder, "/tmp/weir-t-ingest-XXXXXX");
	if (!mkdtemp(folder))
		return -1;
	stored[0] = stored[1] = 0;
	lives = joins = 0;
	open_hub();
	return 0;
}

static int tear_down(void **state)
{
	char command[128];

	close_hub();
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, set_up, tear_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(test_joined),
		TEST(test_destination_first),
		TEST(test_denied_at_the_other_end),
		TEST(test_too_late),
		TEST(test_sequence),
		TEST(test_hostile),
		TEST(test_killed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
