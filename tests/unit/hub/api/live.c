/* SPDX-License-Identifier: Apache-2.0 */
/* Live streams: each client gets what it asked for, once; a slow one loses, and is told
 * exactly how much; none costs the thread that publishes. */
#include "hub/api/live.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <cmocka.h>

#include "hub/api/internal.h"
#include "hub/config/config.h"
#include "weir/cleanup.h"
#include "weir/ruleset.h"

#define QUEUE 100

static struct weir_hub_config config = {
	.live = { .max_clients = 3, .queue = QUEUE, .max_age_ms = 3600000, .memory = 16 << 20 },
};

/* A client of a test has no connection: nothing is suspended. */
static void join(struct weir_live *live, const char *namespace_, const char *scope, bool ndjson,
		 struct weir_live_client **ret)
{
	struct weir_request r = { .ndjson = ndjson };
	struct weir_error err = { "" };

	r.person = calloc(1, sizeof(*r.person));
	weir_scope_add(&r.person->scopes[WEIR_RIGHT_FLOWS], "*", scope);
	if (namespace_) {
		r.params[r.n_params++] = (struct weir_param){ "namespace", namespace_ };
		assert_int_equal(weir_ask_read(WEIR_ASK_FILTERS, r.params, 1, 1, 1, &r.ask, &err),
				 0);
	}
	if (weir_live_join(live, &r, ret, &err) < 0)
		fail_msg("%s", err.text);
	weir_ask_clear(&r.ask);
	weir_person_free(&r.person);
}

static struct weir_hub_flow flow(const char *namespace_, uint64_t seq)
{
	return (struct weir_hub_flow){
		.record = { .seq = seq,
			    .time = seq,
			    .type = WEIR_RECORD_OPEN,
			    .staged = WEIR_VERDICT_MAX,
			    .protocol = WEIR_PROTO_TCP,
			    .connections = 1,
			    .src = { .namespace_ = namespace_,
				     .pod = "a",
				     .port = (uint16_t)seq,
				     .addr = { AF_INET, { 10, 0, 0, 1 } } },
			    .dst = { .namespace_ = "other", .pod = "hidden", .port = 80 } },
		.cluster = "c1",
		.nodes = { [WEIR_EGRESS] = "n1" },
	};
}

static void publish(struct weir_live *live, const char *namespace_, uint64_t from, uint64_t to)
{
	for (uint64_t seq = from; seq <= to; seq++) {
		struct weir_hub_flow f = flow(namespace_, seq);

		weir_live_publish(live, &f, false);
	}
}

/* Until the thread has looked at so many flows. */
static void settle(struct weir_live *live, uint64_t flows)
{
	const struct timespec nap = { .tv_nsec = 2000000 };
	struct weir_live_stats s;

	for (unsigned i = 0; i < 5000; i++) {
		weir_live_stats(live, &s);
		if (s.flows >= flows)
			break;
		nanosleep(&nap, NULL);
	}
	assert_int_equal(s.flows, flows);
	nanosleep(&nap, NULL);
	weir_live_stats(live, &s);
}

static char *read_all(struct weir_live_client *c, size_t step)
{
	char *text = calloc(1, 1 << 20);
	size_t len = 0;
	long n;

	while ((n = weir_live_read(c, text + len, step)) > 0)
		len += (size_t)n;
	return text;
}

static unsigned times(const char *text, const char *word)
{
	unsigned n = 0;

	for (; (text = strstr(text, word)); text++)
		n++;
	return n;
}

static struct weir_live *start(void)
{
	struct weir_live *live;
	struct weir_error err;

	assert_int_equal(weir_live_start(&config, &live, &err), 0);
	return live;
}

static void filters_and_scope(void **state)
{
	struct weir_live *live = start();
	struct weir_live_client *all, *shop, *foreign;

	join(live, NULL, "*", true, &all);
	join(live, "shop", "shop", true, &shop);
	join(live, NULL, "nobody", true, &foreign);
	publish(live, "shop", 1, 5);
	publish(live, "pay", 6, 8);
	settle(live, 8);
	{
		WEIR_AUTO_FREE char *a = read_all(all, 100), *b = read_all(shop, 7),
				    *c = read_all(foreign, 4096);

		assert_int_equal(times(a, "\"seq\":"), 8);
		assert_int_equal(times(a, "hidden"), 8);
		assert_int_equal(times(b, "\"time\":"), 5);
		assert_int_equal(times(b, "\"seq\":"), 0); /* nor its node */
		assert_int_equal(times(b, "hidden"), 0);   /* the other end is not theirs */
		assert_string_equal(c, "\n");
	}
	weir_live_end(live);
	weir_live_leave(&all);
	weir_live_leave(&shop);
	weir_live_leave(&foreign);
	weir_live_free(&live);
}

static void slow_reader(void **state)
{
	struct weir_live *live = start();
	struct weir_live_client *slow, *quick;
	struct weir_live_stats s;
	char head[64] = "";

	join(live, NULL, "*", false, &slow);
	join(live, NULL, "*", false, &quick);
	assert_int_equal(weir_live_read(slow, head, sizeof(head)), 3);
	for (uint64_t i = 0; i < 10; i++) {
		publish(live, "shop", 50 * i + 1, 50 * i + 50);
		settle(live, 50 * i + 50);
		WEIR_AUTO_FREE char *text = read_all(quick, 4096);

		assert_int_equal(times(text, "event: flow\nid: "), 50);
		assert_int_equal(times(text, "event: lost"), 0);
	}
	WEIR_AUTO_FREE char *text = read_all(slow, 4096);

	assert_int_equal(times(text, "event: flow"), QUEUE);
	assert_int_equal(times(text, "event: lost\ndata: {\"lost\":400}\n\n"), 1);
	assert_non_null(strstr(text, "\nid: 500\n"));
	weir_live_stats(live, &s);
	assert_true(s.lost == 400 && s.groups == 1 && s.clients == 2);
	weir_live_end(live);
	weir_live_leave(&slow);
	weir_live_leave(&quick);
	weir_live_free(&live);
}

/* The second half of a connection is told to those who did not hear of the first. */
static void halves(void **state)
{
	struct weir_live *live = start();
	struct weir_live_client *all, *by_pod;
	struct weir_hub_flow f = flow("shop", 1);

	join(live, NULL, "*", true, &all);
	join(live, "late", "*", true, &by_pod);
	weir_live_publish(live, &f, false);
	f.nodes[WEIR_INGRESS] = "n2";
	f.record.dst.namespace_ = "late";
	weir_live_publish(live, &f, true);
	settle(live, 2);
	{
		WEIR_AUTO_FREE char *a = read_all(all, 4096), *b = read_all(by_pod, 4096);

		assert_int_equal(times(a, "\"seq\":1"), 1);
		assert_int_equal(times(b, "\"seq\":1"), 1);
		assert_non_null(strstr(b, "\"ingress\":\"n2\""));
	}
	weir_live_end(live);
	weir_live_leave(&all);
	weir_live_leave(&by_pod);
	weir_live_free(&live);
}

static void ends(void **state)
{
	struct weir_live *live = start();
	struct weir_live_client *c[3], *more;
	struct weir_request r = { .ndjson = true };
	struct weir_error err = { "" };
	char buf[64];

	for (unsigned i = 0; i < 3; i++)
		join(live, NULL, "*", true, &c[i]);
	r.person = calloc(1, sizeof(*r.person));
	assert_true(weir_live_join(live, &r, &more, &err) < 0);
	assert_non_null(strstr(err.text, "3 live streams"));
	weir_person_free(&r.person);
	weir_live_drop(live);
	assert_int_equal(weir_live_read(c[0], buf, sizeof(buf)), -1);
	weir_live_leave(&c[0]);
	join(live, NULL, "*", true, &c[0]); /* who comes again is let in */
	assert_int_equal(weir_live_read(c[0], buf, sizeof(buf)), 1);
	weir_live_end(live);
	for (unsigned i = 0; i < 3; i++)
		weir_live_leave(&c[i]);
	weir_live_free(&live);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(filters_and_scope),
		cmocka_unit_test(slow_reader),
		cmocka_unit_test(halves),
		cmocka_unit_test(ends),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
