/* SPDX-License-Identifier: Apache-2.0 */
/* What becomes of kernel events: each connection is one OPEN record, part of a
 * DENIED one, or counted as lost. */
#include "daemon/flow/follow.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/unit/daemon/flow/fakes.h"

#define LOCAL  "10.0.0.1"
#define REMOTE "10.0.1.1"
#define SECOND 1000000000ull

static struct weir_follow f;
static uint64_t n[WEIR_RECORD_TYPE_MAX], lost, denied, flow_number[WEIR_RECORD_TYPE_MAX];
static struct weir_record last;
static char names[8][64]; /* of the last record; its strings die with the call */

static bool refuse;

static void keep(unsigned i, const char *text)
{
	snprintf(names[i], sizeof(names[i]), "%s", text ? text : "-");
}

static int on_record(void *data, struct weir_record *r)
{
	if (refuse)
		return -1;
	n[r->type]++;
	flow_number[r->type] = r->flow;
	lost += r->type == WEIR_RECORD_GAP ? r->lost : 0;
	denied += r->type == WEIR_RECORD_DENIED ? r->connections : 0;
	last = *r;
	keep(0, r->src.pod);
	keep(1, r->dst.pod);
	keep(2, r->dst.service);
	keep(3, r->ingress.n_policies ? r->ingress.policies[0].name : NULL);
	keep(4, r->src.node);
	keep(5, r->dst.n_labels ? r->dst.labels[0].value : NULL);
	return 0;
}

static int open_follow(uint32_t max_connections, uint32_t max_denied)
{
	struct weir_pipeline_config config = { .interval_ms = 10000,
					       .denied_ms = 1000,
					       .max_connections = max_connections,
					       .max_denied = max_denied };

	memset(n, 0, sizeof(n));
	lost = denied = 0;
	fake_world_open();
	return weir_follow_init(&f, &config, &fake_world, on_record, NULL, 500);
}

static int setup(void **state)
{
	return open_follow(1000, 10);
}

static int teardown(void **state)
{
	weir_follow_done(&f);
	fake_world_close();
	return 0;
}

static void give(struct weir_flow flow)
{
	weir_follow_flow(&f, &flow, 0);
}

static struct weir_flow with_counters(struct weir_flow flow, uint64_t packets)
{
	flow.has_counters = true;
	flow.packets[0] = flow.packets[1] = packets;
	flow.bytes[0] = flow.bytes[1] = packets * 100;
	return flow;
}

static struct weir_flow in(enum weir_flow_event event, uint32_t id)
{
	return fake_flow(event, id, REMOTE, (uint16_t)(1000 + id), LOCAL, 80);
}

static void give_lost(enum weir_flow_event what, uint64_t count)
{
	give((struct weir_flow){ .event = WEIR_FLOW_LOST,
				 .lost_at = what == WEIR_FLOW_DENIED ? WEIR_LOSS_NFLOG
								     : WEIR_LOSS_CONNTRACK,
				 .lost_event = what,
				 .lost = count });
}

static void poll_with(unsigned from, unsigned to)
{
	weir_follow_poll(&f, true);
	for (unsigned id = from; id < to; id++)
		give(with_counters(in(WEIR_FLOW_COUNTERS, id), 5));
	give((struct weir_flow){ .event = WEIR_FLOW_POLLED });
}

static void a_staged_verdict(void **state)
{
	fake_world_staged_denies(true);
	give(in(WEIR_FLOW_NEW, 1));
	fake_world_staged_denies(false);
	assert_int_equal(last.verdict, WEIR_ALLOWED);
	assert_int_equal(last.staged, WEIR_DENIED);
	assert_int_equal(last.ingress.reason, WEIR_REASON_RULE);
	assert_int_equal(last.staged_ingress.reason, WEIR_REASON_ISOLATED);
	assert_int_equal(last.staged_egress.reason, WEIR_REASON_NOT_ENDPOINT);
	assert_string_equal(last.staged_ingress.policies[0].name, "deny");
	give(in(WEIR_FLOW_END, 1)); /* as it was when it began */
	assert_int_equal(last.type, WEIR_RECORD_END);
	assert_int_equal(last.staged, WEIR_DENIED);
	/* one that the staged policies decide as the others do */
	fake_world_staged_denies(true);
	give(in(WEIR_FLOW_NEW, 2));
	assert_int_equal(last.staged, WEIR_DENIED);
	fake_world_allow_all(true);
	give(in(WEIR_FLOW_NEW, 3));
	assert_int_equal(last.verdict, WEIR_ALLOWED);
	assert_int_equal(last.staged, WEIR_VERDICT_MAX);
}

static void a_life(void **state)
{
	struct weir_flow end = with_counters(in(WEIR_FLOW_END, 1), 7);

	give(in(WEIR_FLOW_NEW, 1));
	assert_int_equal(n[WEIR_RECORD_OPEN], 1);
	assert_string_equal(names[0], "remote");
	assert_string_equal(names[1], "local");
	assert_string_equal(names[3], "deny");
	assert_string_equal(names[5], "local");
	assert_int_equal(last.ingress.reason, WEIR_REASON_RULE);
	assert_int_equal(last.ingress.rule, 0);
	assert_int_equal(last.egress.reason, WEIR_REASON_NOT_ENDPOINT);
	assert_int_equal(last.staged, WEIR_VERDICT_MAX);
	poll_with(1, 2);
	assert_int_equal(n[WEIR_RECORD_UPDATE], 1);
	assert_int_equal(last.packets[0], 5);
	poll_with(1, 2); /* nothing has moved */
	assert_int_equal(n[WEIR_RECORD_UPDATE], 1);
	end.time = 9000;
	end.expired = true;
	give(end);
	assert_int_equal(n[WEIR_RECORD_END], 1);
	assert_int_equal(last.end, WEIR_END_TIMEOUT);
	assert_int_equal(last.packets[1], 7);
	assert_int_equal(last.start, 1000);
	assert_int_equal(last.time, 9000);
	assert_int_equal(flow_number[WEIR_RECORD_OPEN], flow_number[WEIR_RECORD_END]);
	assert_int_equal(weir_tracker_count(f.tracker), 0);
}

static void tcp_end_waits_for_counters(void **state)
{
	struct weir_flow closing = in(WEIR_FLOW_CLOSING, 1);

	closing.tcp_end = WEIR_TCP_FIN;
	closing.time = 5000;
	give(in(WEIR_FLOW_NEW, 1));
	give(closing);
	assert_int_equal(n[WEIR_RECORD_END], 0);
	assert_true(weir_follow_wants_poll(&f));
	poll_with(1, 2);
	assert_int_equal(n[WEIR_RECORD_END], 1);
	assert_int_equal(last.end, WEIR_END_FIN);
	assert_int_equal(last.time, 5000);
	assert_int_equal(last.packets[0], 5);
	assert_false(weir_follow_wants_poll(&f));
	give(with_counters(in(WEIR_FLOW_END, 1), 5));
	assert_int_equal(n[WEIR_RECORD_END], 1);
	assert_int_equal(weir_tracker_count(f.tracker), 0);
}

static void names_outlive_the_policy(void **state)
{
	give(in(WEIR_FLOW_NEW, 1));
	fake_world_replace_policy();
	give(with_counters(in(WEIR_FLOW_END, 1), 2));
	assert_string_equal(names[3], "deny");
}

static void service_and_nat(void **state)
{
	struct weir_flow flow = fake_flow(WEIR_FLOW_NEW, 1, LOCAL, 5, "10.96.0.1", 80);

	flow.reply.src = in(WEIR_FLOW_NEW, 1).original.src; /* DNAT to remote:8080 */
	flow.reply.sport = 8080;
	weir_addr_parse("192.168.0.1", &flow.reply.dst); /* SNAT */
	flow.reply.dport = 6000;
	give(flow);
	assert_string_equal(names[0], "local");
	assert_string_equal(names[1], "remote");
	assert_string_equal(names[2], "shop/web");
	assert_int_equal(last.dst.port, 8080);
	assert_int_equal(last.dst.nat_port, 80);
	assert_int_equal(last.src.port, 5);
	assert_int_equal(last.src.nat_port, 6000);
}

static void own_node_and_strangers(void **state)
{
	give(fake_flow(WEIR_FLOW_NEW, 1, "192.168.0.1", 5, LOCAL, 9999));
	assert_int_equal(last.ingress.reason, WEIR_REASON_OWN_NODE);
	assert_int_equal(last.ingress.verdict, WEIR_ALLOWED);
	assert_string_equal(names[4], "here");
	give(fake_flow(WEIR_FLOW_NEW, 2, "192.168.0.1", 5, "8.8.8.8", 53));
	give(fake_flow(WEIR_FLOW_NEW, 3, REMOTE, 5, "8.8.8.8", 53));
	assert_int_equal(n[WEIR_RECORD_OPEN], 1); /* no end is a pod of this node */
}

static void tuple_used_again_before_its_end(void **state)
{
	give(in(WEIR_FLOW_NEW, 1));
	give(in(WEIR_FLOW_NEW, 1));
	assert_int_equal(n[WEIR_RECORD_OPEN], 2);
	give(with_counters(in(WEIR_FLOW_END, 1), 3));
	assert_int_equal(last.packets[0], 3);
	give(with_counters(in(WEIR_FLOW_END, 1), 4));
	assert_int_equal(last.packets[0], 4);
	assert_int_equal(n[WEIR_RECORD_END], 2);
	assert_int_equal(weir_tracker_count(f.tracker), 0);
}

static void losses_are_counted_once(void **state)
{
	give(in(WEIR_FLOW_NEW, 1));
	give_lost(WEIR_FLOW_NEW, 10); /* 2..11 */
	assert_true(weir_follow_wants_poll(&f));
	weir_follow_tick(&f, 5 * SECOND, 0);
	assert_int_equal(n[WEIR_RECORD_GAP], 0);      /* a poll may find them again */
	give(with_counters(in(WEIR_FLOW_END, 2), 1)); /* found again by its end */
	poll_with(1, 2);
	assert_int_equal(n[WEIR_RECORD_OPEN], 2);
	assert_int_equal(lost, 9);
	give_lost(WEIR_FLOW_NEW, 10); /* 12..21 */
	poll_with(1, 16); /* 3..11 were reported as lost already; four or more come back */
	assert_int_equal(n[WEIR_RECORD_OPEN] + lost, 21);
	assert_int_equal(f.stats.lost[WEIR_LOSS_CONNTRACK], lost);
	give_lost(WEIR_FLOW_NEW, 0);
	poll_with(1, 16);
	assert_int_equal(last.type, WEIR_RECORD_GAP);
	assert_int_equal(last.lost, 0); /* nobody knows how many */
}

static void unseen_ends_are_found(void **state)
{
	give(in(WEIR_FLOW_NEW, 1));
	give(in(WEIR_FLOW_NEW, 2));
	poll_with(1, 3);
	give_lost(WEIR_FLOW_END, 1);
	poll_with(1, 2);
	assert_int_equal(n[WEIR_RECORD_END], 0); /* one dump may miss it */
	poll_with(1, 2);
	assert_int_equal(n[WEIR_RECORD_END], 1);
	assert_int_equal(last.end, WEIR_END_UNKNOWN);
	assert_int_equal(last.packets[0], 5);
	assert_int_equal(n[WEIR_RECORD_GAP], 0);
	assert_int_equal(weir_tracker_count(f.tracker), 1);
}

static void dump_under_way_revives_nothing(void **state)
{
	give(in(WEIR_FLOW_NEW, 1));
	weir_follow_poll(&f, true);
	give(with_counters(in(WEIR_FLOW_END, 1), 3));
	give(with_counters(in(WEIR_FLOW_COUNTERS, 1), 2)); /* of before its end */
	give((struct weir_flow){ .event = WEIR_FLOW_POLLED });
	assert_int_equal(n[WEIR_RECORD_END], 1);
	assert_int_equal(n[WEIR_RECORD_UPDATE], 0);
	assert_int_equal(weir_tracker_count(f.tracker), 0);
}

static void older_connections_after_a_restart(void **state)
{
	struct weir_flow old = with_counters(in(WEIR_FLOW_COUNTERS, 1), 3), done = old;

	old.start = 100; /* before we began */
	done.id = 2;
	done.tcp_end = WEIR_TCP_FIN;
	give_lost(WEIR_FLOW_NEW, 1);
	weir_follow_poll(&f, true);
	give(old);
	done.start = 100;
	give(done);
	give((struct weir_flow){ .event = WEIR_FLOW_POLLED });
	assert_int_equal(n[WEIR_RECORD_UPDATE], 1);
	assert_int_equal(n[WEIR_RECORD_OPEN], 0);
	assert_int_equal(n[WEIR_RECORD_END], 0);
	assert_int_equal(lost, 1);
	/* the same number as the process before gave it, from a NEW 3 us earlier */
	assert_int_equal(flow_number[WEIR_RECORD_UPDATE],
			 weir_flow_number(1, &old.original, old.start + 3000));
}

static void more_than_can_be_followed(void **state)
{
	teardown(state);
	open_follow(10, 10);
	for (unsigned id = 1; id <= 25; id++)
		give(in(WEIR_FLOW_NEW, id));
	weir_follow_tick(&f, 5 * SECOND, 0);
	assert_int_equal(n[WEIR_RECORD_OPEN], 10);
	assert_int_equal(lost, 15);
	assert_int_equal(last.lost_at, WEIR_LOSS_QUEUE);
	for (unsigned id = 1; id <= 25; id++)
		give(with_counters(in(WEIR_FLOW_END, id), 1));
	assert_int_equal(n[WEIR_RECORD_OPEN], 10);
	assert_int_equal(weir_tracker_count(f.tracker), 0);
}

static struct weir_flow deny(uint16_t sport, uint16_t dport)
{
	struct weir_flow flow = fake_flow(WEIR_FLOW_DENIED, 0, REMOTE, sport, LOCAL, dport);

	flow.direction = WEIR_INGRESS;
	flow.ruleset = fake_ruleset_tag();
	flow.length = 60;
	return flow;
}

static void denied_flood(void **state)
{
	for (unsigned i = 0; i < 30000; i++)
		give(deny((uint16_t)(1000 + i), 22));
	assert_int_equal(n[WEIR_RECORD_DENIED], 1); /* the first at once */
	assert_int_equal(last.verdict, WEIR_DENIED);
	assert_int_equal(last.ingress.reason, WEIR_REASON_ISOLATED);
	assert_string_equal(names[3], "deny");
	assert_int_equal(weir_follow_next(&f), SECOND);
	weir_follow_tick(&f, SECOND, 0);
	assert_int_equal(n[WEIR_RECORD_DENIED], 2);
	assert_int_equal(denied, 30000);
	assert_int_equal(last.packets[0], 29999);
	assert_int_equal(last.bytes[0], 29999 * 60);
	give(deny(1000, 22)); /* a retransmission is no new attempt */
	weir_follow_tick(&f, 2 * SECOND, 0);
	assert_int_equal(n[WEIR_RECORD_DENIED], 3);
	assert_int_equal(denied, 30000);
	assert_int_equal(last.packets[0], 1);
	weir_follow_tick(&f, 3 * SECOND, 0);
	assert_int_equal(weir_follow_next(&f), UINT64_MAX); /* the kind is forgotten */
	assert_int_equal(f.stats.denied_packets, 30001);
	assert_int_equal(f.stats.policy_race, 0);
}

static void denied_more_kinds_than_room(void **state)
{
	for (uint16_t port = 100; port < 200; port++)
		give(deny(5, port));
	weir_follow_tick(&f, 2 * SECOND, 0);
	assert_int_equal(denied, 10);
	assert_int_equal(lost, 90);
}

static void denied_in_spite_of_the_tables(void **state)
{
	struct weir_flow pending = deny(7, 23);

	fake_world_allow_all(true);
	give(deny(6, 22));
	assert_int_equal(last.ingress.verdict, WEIR_DENIED);
	assert_int_equal(last.ingress.reason, WEIR_REASON_ISOLATED);
	assert_string_equal(names[3], "deny");
	weir_follow_tick(&f, 0, 0);
	assert_int_equal(f.stats.policy_race, 1);
	pending.pending = true;
	pending.ruleset = 0;
	give(pending);
	assert_int_equal(last.ingress.reason, WEIR_REASON_PENDING);
}

static void the_end_tells_all(void **state)
{
	give(deny(6, 22));
	give(deny(7, 22));
	give_lost(WEIR_FLOW_NEW, 3);
	give_lost(WEIR_FLOW_DENIED, 4);
	give(in(WEIR_FLOW_NEW, 1));
	weir_follow_done(&f);
	assert_int_equal(denied, 2);
	assert_int_equal(lost, 7);
	fake_world_close();
	setup(state);
}

static void refused_records_are_counted(void **state)
{
	refuse = true;
	give(in(WEIR_FLOW_NEW, 1));
	give(deny(6, 22));
	give_lost(WEIR_FLOW_DENIED, 4);
	weir_follow_tick(&f, SECOND / 2, 0); /* the gap is refused too */
	refuse = false;
	weir_follow_tick(&f, 3 * SECOND, 0);
	assert_int_equal(n[WEIR_RECORD_OPEN] + denied, 0);
	assert_int_equal(lost, 6);
}

static uint32_t suspected;

static void on_suspect(void *data, const struct weir_flow *flow)
{
	assert_ptr_equal(data, &suspected);
	suspected = flow->id;
}

static void suspects_are_told(void **state)
{
	f.suspect = on_suspect;
	f.suspect_data = &suspected;
	suspected = 0;
	give(in(WEIR_FLOW_NEW, 1));
	assert_int_equal(suspected, 0);
	give(fake_flow(WEIR_FLOW_NEW, 2, REMOTE, 1000, LOCAL, 81));
	assert_int_equal(suspected, 2);
	poll_with(3, 4); /* one that was there before */
	assert_int_equal(suspected, 2);
	fake_world_allow_all(true);
	give(fake_flow(WEIR_FLOW_NEW, 5, REMOTE, 1001, LOCAL, 81));
	assert_int_equal(suspected, 2);
}

static void ended_by_a_policy(void **state)
{
	struct weir_flow flow = in(WEIR_FLOW_NEW, 1);
	struct weir_judgement why;

	give(flow);
	assert_int_equal(last.verdict, WEIR_ALLOWED);
	flow.reply.sport = 81; /* what the policy denies */
	weir_annotate_judge(&fake_world, &flow.original, &flow.reply, &why);
	weir_follow_ended(&f, weir_tracker_find(f.tracker, &flow, false), &why);
	give(with_counters(in(WEIR_FLOW_END, 1), 7));
	assert_int_equal(last.type, WEIR_RECORD_END);
	assert_int_equal(last.end, WEIR_END_POLICY);
	assert_int_equal(last.verdict, WEIR_DENIED);
	assert_int_equal(last.ingress.reason, WEIR_REASON_ISOLATED);
	assert_string_equal(names[3], "deny");
	assert_int_equal(last.packets[0], 7);
}

static void count_track(void *data, struct weir_track *track)
{
	++*(unsigned *)data;
}

static void a_walk_meets_each_once(void **state)
{
	uint32_t place = 0;
	unsigned met = 0, steps = 0;

	for (unsigned id = 1; id <= 100; id++)
		give(in(WEIR_FLOW_NEW, id));
	give(in(WEIR_FLOW_END, 50)); /* a hole */
	do
		weir_tracker_walk(f.tracker, &place, 7, count_track, &met);
	while (++steps < 1000 && place);
	assert_int_equal(met, 99);
	assert_int_equal(steps, 100 / 7 + 1);
	weir_tracker_walk(f.tracker, &place, 100, count_track, &met);
	assert_int_equal(met, 198);
	assert_int_equal(place, 0);
}

static void entries_are_small(void **state)
{
	assert_true(sizeof(struct weir_track) + 2 * sizeof(uint32_t) <= 232);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(a_life),
		TEST(a_staged_verdict),
		TEST(tcp_end_waits_for_counters),
		TEST(names_outlive_the_policy),
		TEST(service_and_nat),
		TEST(own_node_and_strangers),
		TEST(tuple_used_again_before_its_end),
		TEST(losses_are_counted_once),
		TEST(unseen_ends_are_found),
		TEST(dump_under_way_revives_nothing),
		TEST(older_connections_after_a_restart),
		TEST(more_than_can_be_followed),
		TEST(denied_flood),
		TEST(denied_more_kinds_than_room),
		TEST(denied_in_spite_of_the_tables),
		TEST(the_end_tells_all),
		TEST(refused_records_are_counted),
		TEST(suspects_are_told),
		TEST(ended_by_a_policy),
		TEST(a_walk_meets_each_once),
		TEST(entries_are_small),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
