/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which pod is it? Pods replaced under their name, addresses used again, pods
 * that the source does not know: all orders in which the news can come, judged
 * by the compiler as a node would judge.
 */
#include "daemon/cluster/cluster.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

static struct weir_pool *pool;
static struct weir_compiler *compiler;
static struct weir_cluster *cluster;

static int setup(void **state)
{
	assert_int_equal(weir_pool_new(&pool), 0);
	assert_int_equal(weir_compiler_new(&compiler), 0);
	assert_int_equal(weir_cluster_new(pool, compiler, &cluster), 0);
	assert_int_equal(weir_cluster_set_node_name(cluster, "here"), 0);
	return 0;
}

static int teardown(void **state)
{
	weir_compiler_free(&compiler);
	weir_cluster_free(&cluster);
	weir_pool_free(&pool);
	return 0;
}

/* --- what happens ----------------------------------------------------------------- */

/* A pod as the API server has it; uid 0: unknown. */
struct manifest {
	const char *name, *app, *node, *ip;
	int uid, created;
	bool terminating, finished;
};

static struct weir_uid uid_of(int number)
{
	struct weir_uid uid = { { (uint8_t)number } };

	return uid;
}

static struct weir_pod *decode(const struct manifest *m)
{
	struct weir_uid uid = uid_of(m->uid);
	char text[1024], uid_text[WEIR_UID_STRLEN];
	struct weir_error err = { "" };
	struct weir_pod *pod = NULL;
	cJSON *json;

	snprintf(text, sizeof(text),
		 "{\"apiVersion\":\"v1\",\"kind\":\"Pod\",\"metadata\":{\"name\":\"%s\","
		 "\"namespace\":\"shop\",\"uid\":\"%s\",\"labels\":{\"app\":\"%s\"},"
		 "\"creationTimestamp\":\"2026-01-01T00:00:%02dZ\"%s},"
		 "\"spec\":{\"nodeName\":\"%s\"},\"status\":{\"phase\":\"%s\",\"podIP\":\"%s\"}}",
		 m->name, weir_uid_format(&uid, uid_text), m->app, m->created,
		 m->terminating ? ",\"deletionTimestamp\":\"2026-01-01T00:01:00Z\"" : "",
		 m->node ?: "there", m->finished ? "Failed" : "Running", m->ip ?: "");
	json = cJSON_Parse(text);
	assert_non_null(json);
	if (weir_pod_decode(pool, json, &pod, &err) < 0)
		fail_msg("%s", err.text);
	cJSON_Delete(json);
	return pod;
}

static void set_pod(struct manifest m)
{
	assert_int_equal(weir_cluster_set_pod(cluster, decode(&m)), 0);
}
#define SET_POD(...) set_pod((struct manifest){ __VA_ARGS__ })

static void deleted(const char *name, int number)
{
	struct weir_uid uid = uid_of(number);

	weir_cluster_remove_pod_uid(cluster, "shop", name, &uid);
}

static void add(const char *name, int number, const char *ip, bool isolate)
{
	struct weir_uid uid = uid_of(number);
	struct weir_addr addr;

	assert_int_equal(weir_addr_parse(ip, &addr), 0);
	assert_int_equal(weir_cluster_set_local(cluster, "shop", name, &uid, &addr, 1, isolate), 0);
}

static void del(const char *name, int number)
{
	struct weir_uid uid = uid_of(number);

	weir_cluster_remove_local(cluster, "shop", name, &uid);
}

/* --- what follows ------------------------------------------------------------------- */

static void commit(void)
{
	struct weir_changes *changes = NULL;
	struct weir_error err = { "" };

	assert_int_equal(weir_compiler_commit(compiler, &changes, &err), 0);
	weir_changes_free(&changes);
	weir_cluster_reap(cluster);
}

static const struct weir_pod *at(const char *ip)
{
	struct weir_addr a;

	assert_int_equal(weir_addr_parse(ip, &a), 0);
	return weir_cluster_pod_by_addr(cluster, &a);
}

static const char *app_of(const struct weir_pod *pod)
{
	const char *key = weir_pool_find(pool, "app");
	const char *app = pod && key ? weir_labels_get(pod->labels, key) : NULL;

	if (!pod)
		return "nobody";
	return app ?: "none";
}

#define assert_app(ip, app) assert_string_equal(app_of(at(ip)), app)

static struct weir_judgement judge(const char *src, const char *dst)
{
	struct weir_connection conn = { .protocol = WEIR_PROTO_TCP, .dport = 80 };
	struct weir_judgement j;

	assert_int_equal(weir_addr_parse(src, &conn.src), 0);
	assert_int_equal(weir_addr_parse(dst, &conn.dst), 0);
	weir_compiler_judge(compiler, &conn, &j);
	return j;
}

static bool passes(const char *src, const char *dst)
{
	return judge(src, dst).verdict == WEIR_ALLOWED;
}

/* --- pods that the source does not know ----------------------------------------------- */

static void unknown_is_isolated(void **state)
{
	struct weir_judgement j;

	add("web", 1, "10.0.0.1", true);
	add("free", 2, "10.0.0.2", false);
	commit();
	assert_false(passes("10.0.0.1", "10.0.0.2"));
	assert_false(passes("10.0.0.2", "10.0.0.1"));
	assert_false(passes("10.0.0.1", "192.0.2.1"));
	assert_true(passes("10.0.0.2", "192.0.2.1"));
	j = judge("192.0.2.1", "10.0.0.1");
	assert_int_equal(j.sides[WEIR_INGRESS].reason, WEIR_REASON_RULE);
	assert_string_equal(j.sides[WEIR_INGRESS].rule->policy->name, "unknown-pod");
	assert_string_equal(j.sides[WEIR_INGRESS].rule->policy->kind, "weir");
	/* another pod of that name is not it */
	SET_POD("web", "old", "here", "10.0.0.9", .uid = 7);
	commit();
	assert_false(passes("192.0.2.1", "10.0.0.1"));
	SET_POD("web", "new", "here", NULL, .uid = 1);
	commit();
	assert_app("10.0.0.1", "new");
	assert_true(passes("192.0.2.1", "10.0.0.1"));
	assert_true(passes("10.0.0.1", "10.0.0.2"));
	/* once known, it is not isolated again */
	deleted("web", 1);
	commit();
	assert_true(passes("192.0.2.1", "10.0.0.1"));
	del("web", 1);
	del("free", 2);
	commit();
}

/* The label of ours cannot be had: as the value of anybody's label it is refused,
 * and the same key with a value that is not changes nothing. */
static void label_of_a_user(void **state)
{
	const char *values[] = { "true", "not known to the source yet" };

	add("web", 1, "10.0.0.1", true);
	for (int i = 0; i < 2; i++) {
		struct weir_error err = { "" };
		struct weir_pod *pod = NULL;
		char manifest[512];
		cJSON *json;

		snprintf(manifest, sizeof(manifest),
			 "{\"metadata\":{\"name\":\"p\",\"labels\":{\"weir.dev/unknown\":\"%s\"}},"
			 "\"status\":{\"podIP\":\"10.0.0.5\"},\"spec\":{\"nodeName\":\"here\"}}",
			 values[i]);
		json = cJSON_Parse(manifest);
		assert_int_equal(weir_pod_decode(pool, json, &pod, &err), i ? -EINVAL : 0);
		cJSON_Delete(json);
		if (!i)
			assert_int_equal(weir_cluster_set_pod(cluster, pod), 0);
	}
	commit();
	assert_true(passes("192.0.2.1", "10.0.0.5"));
	assert_false(passes("192.0.2.1", "10.0.0.1"));
}

/* --- all orders of the news ---------------------------------------------------------------- */

/* Streams of events that each come in their order, and in any order to one
 * another: check is called after each event, in each of the interleavings. */
struct streams {
	void (*begin)(void);
	void (*check)(void);
	void (*const *events[3])(void);
};

enum { EVENTS_MAX = 16 };

static void play(const struct streams *s, const unsigned *order, unsigned n)
{
	unsigned next[3] = { 0 };

	setup(NULL);
	s->begin();
	for (unsigned i = 0; i < n; i++) {
		s->events[order[i]][next[order[i]]++]();
		commit();
		s->check();
	}
	teardown(NULL);
}

static unsigned interleave(const struct streams *s, unsigned *order, unsigned n)
{
	unsigned used[3] = { 0 }, played = 0;
	bool more = false;

	for (unsigned i = 0; i < n; i++)
		used[order[i]]++;
	for (unsigned k = 0; k < 3; k++) {
		if (!s->events[k] || !s->events[k][used[k]])
			continue;
		more = true;
		assert_true(n < EVENTS_MAX);
		order[n] = k;
		played += interleave(s, order, n + 1);
	}
	if (!more)
		play(s, order, n);
	return played + !more;
}

static unsigned in_all_orders(const struct streams *s)
{
	unsigned order[EVENTS_MAX];

	return interleave(s, order, 0);
}

/* StatefulSet pod "db" is replaced: uid 1 by uid 2. What has happened: */
static struct {
	bool old_endpoint, new_endpoint, old_known, new_known;
} happened;

static void db_begins(void)
{
	memset(&happened, 0, sizeof(happened));
	SET_POD("db", "old", "here", "10.0.0.1", .uid = 1, .created = 1);
	add("db", 1, "10.0.0.1", true);
	happened.old_endpoint = happened.old_known = true;
}

static void old_terminates(void)
{
	SET_POD("db", "old", "here", "10.0.0.1", .uid = 1, .created = 1, .terminating = true);
}

static void old_is_deleted(void)
{
	deleted("db", 1);
}

static void old_del(void)
{
	del("db", 1);
	happened.old_endpoint = false;
}

static void new_is_seen(void)
{
	SET_POD("db", "new", "here", NULL, .uid = 2, .created = 9);
	happened.new_known = true;
}

static void new_add(void)
{
	add("db", 2, "10.0.0.2", true);
	happened.new_endpoint = true;
}

static void new_add_same_address(void)
{
	add("db", 2, "10.0.0.1", true);
	happened.new_endpoint = true;
}

static void check_replaced(void)
{
	if (happened.old_endpoint) {
		assert_app("10.0.0.1", "old");
		assert_true(passes("192.0.2.1", "10.0.0.1"));
	}
	if (!happened.new_endpoint) {
		assert_app("10.0.0.2", "nobody");
		return;
	}
	assert_app("10.0.0.2", happened.new_known ? "new" : "none");
	assert_int_equal(passes("192.0.2.1", "10.0.0.2"), happened.new_known);
	assert_int_equal(passes("10.0.0.2", "192.0.2.1"), happened.new_known);
}

/* The new one has it from its ADD on, whatever is still said of the old one. */
static void check_same_address(void)
{
	if (!happened.new_endpoint)
		return;
	assert_app("10.0.0.1", happened.new_known ? "new" : "none");
	assert_int_equal(passes("192.0.2.1", "10.0.0.1"), happened.new_known);
}

static void replaced_under_its_name(void **state)
{
	/* the watch, CNI, and somebody who asks for the new pod ahead of the watch */
	void (*const watch[])(void) = { old_terminates, old_is_deleted, new_is_seen, NULL };
	void (*const cni[])(void) = { old_del, new_add, NULL };
	void (*const other_cni[])(void) = { new_add, old_del, NULL };
	void (*const same[])(void) = { old_del, new_add_same_address, NULL };
	void (*const got[])(void) = { new_is_seen, NULL };

	teardown(state);
	assert_int_equal(
		in_all_orders(&(struct streams){ db_begins, check_replaced, { watch, cni } }), 10);
	in_all_orders(&(struct streams){ db_begins, check_replaced, { watch, other_cni } });
	in_all_orders(&(struct streams){ db_begins, check_replaced, { watch, cni, got } });
	in_all_orders(&(struct streams){ db_begins, check_replaced, { watch, other_cni, got } });
	in_all_orders(&(struct streams){ db_begins, check_same_address, { watch, same } });
	in_all_orders(&(struct streams){ db_begins, check_same_address, { watch, same, got } });
	setup(state);
}

/* --- an address that is used again, elsewhere in the cluster -----------------------------------
 */

static bool b_has_it, a_is_there;

static void a_runs(void)
{
	b_has_it = false;
	a_is_there = true;
	/* created later than b, which waited for its address */
	SET_POD("a", "a", NULL, "10.0.0.1", .uid = 1, .created = 5);
}

static void a_changes(void)
{
	SET_POD("a", "a2", NULL, "10.0.0.1", .uid = 1, .created = 5);
}

static void a_terminates(void)
{
	SET_POD("a", "a3", NULL, "10.0.0.1", .uid = 1, .created = 5, .terminating = true);
}

static void a_is_deleted(void)
{
	deleted("a", 1);
	a_is_there = false;
}

static void b_waits(void)
{
	SET_POD("b", "b", NULL, NULL, .uid = 2, .created = 1);
}

static void b_runs(void)
{
	SET_POD("b", "b", NULL, "10.0.0.1", .uid = 2, .created = 1);
	b_has_it = true;
}

static void b_changes(void)
{
	SET_POD("b", "b2", NULL, "10.0.0.1", .uid = 2, .created = 1, .terminating = true);
}

static void check_used_again(void)
{
	const struct weir_pod *pod = at("10.0.0.1");

	if (b_has_it)
		assert_string_equal(pod->name, "b");
	else if (a_is_there)
		assert_string_equal(pod->name, "a");
	else
		assert_null(pod);
}

static void address_used_again(void **state)
{
	void (*const a[])(void) = { a_changes, a_terminates, a_is_deleted, NULL };
	void (*const b[])(void) = { b_waits, b_runs, b_changes, NULL };

	teardown(state);
	in_all_orders(&(struct streams){ a_runs, check_used_again, { a, b } });
	setup(state);
}

/* After a list nobody knows who came first. */
static void order_unknown(void **state)
{
	for (int turn = 0; turn < 2; turn++) {
		weir_cluster_begin_list(cluster);
		for (int i = 0; i < 2; i++) {
			if (turn == i)
				SET_POD("late", "late", NULL, "10.0.0.1", .uid = 1, .created = 2);
			else
				SET_POD("early", "early", NULL, "10.0.0.1", .uid = 2, .created = 1);
			if (turn == i)
				SET_POD("ends", "ends", NULL, "10.0.0.2", .uid = 3, .created = 9,
					.terminating = true);
			else
				SET_POD("runs", "runs", NULL, "10.0.0.2", .uid = 4, .created = 1);
		}
		weir_cluster_end_list(cluster);
		commit();
		assert_app("10.0.0.1", "late");
		assert_app("10.0.0.2", "runs");
		/* a list says again what is known: the order is known, too */
		SET_POD("old", "old", NULL, "10.0.0.3", .uid = 5, .created = 8);
		SET_POD("young", "young", NULL, "10.0.0.3", .uid = 6, .created = 3);
		weir_cluster_begin_list(cluster);
		SET_POD("young", "young2", NULL, "10.0.0.3", .uid = 6, .created = 3);
		SET_POD("old", "old2", NULL, "10.0.0.3", .uid = 5, .created = 8);
		weir_cluster_end_list(cluster);
		commit();
		assert_app("10.0.0.3", "young2");
		teardown(state);
		setup(state);
	}
}

/* An endpoint's address is its own, whatever comes of others that had it. */
static void endpoint_before_stale(void **state)
{
	add("web", 1, "10.0.0.1", false);
	SET_POD("stale", "stale", NULL, "10.0.0.1", .uid = 2);
	commit();
	assert_string_equal(at("10.0.0.1")->name, "web");
	SET_POD("stale", "stale2", "here", "10.0.0.1", .uid = 2);
	commit();
	assert_string_equal(at("10.0.0.1")->name, "web");
	del("web", 1);
	commit();
	assert_string_equal(at("10.0.0.1")->name, "stale");
}

/* After DEL the manifest may stay for a while: it has no address any more, not
 * even when it is told again; with another address it is adopted. */
static void gone_stays_gone(void **state)
{
	SET_POD("web", "web", "here", "10.0.0.1", .uid = 1);
	add("web", 1, "10.0.0.1", false);
	commit();
	del("web", 1);
	commit();
	assert_app("10.0.0.1", "nobody");
	SET_POD("web", "web2", "here", "10.0.0.1", .uid = 1, .terminating = true);
	commit();
	assert_app("10.0.0.1", "nobody");
	assert_false(weir_cluster_pod(cluster, "shop", "web")->local);
	SET_POD("web", "web3", "here", "10.0.0.2", .uid = 1);
	commit();
	assert_app("10.0.0.2", "web3");
	assert_true(at("10.0.0.2")->local);
}

/* Where a side knows no uid, the name is enough. */
static void without_uid(void **state)
{
	SET_POD("file", "one", "here", "10.0.0.1", .uid = 0);
	add("file", 1, "10.0.0.1", true);
	add("ctr", 0, "10.0.0.2", true);
	commit();
	assert_app("10.0.0.1", "one");
	assert_app("10.0.0.2", "none");
	SET_POD("ctr", "two", "here", NULL, .uid = 5);
	SET_POD("file", "three", "here", NULL, .uid = 0);
	commit();
	assert_app("10.0.0.1", "three");
	assert_app("10.0.0.2", "two");
	/* two sandboxes, one manifest that does not say whose it is: of both */
	add("file", 2, "10.0.0.3", true);
	commit();
	assert_app("10.0.0.3", "three");
	del("file", 1);
	commit();
	assert_app("10.0.0.1", "nobody");
	assert_app("10.0.0.3", "three");
}

/* --- random events against a model --------------------------------------------------------------
 */

enum { NAMES = 3, UIDS = 4, ADDRESSES = 4, STEPS = 3000 };

static const char *const names[NAMES] = { "a", "b", "c" };
static const char *const ips[ADDRESSES] = { "10.0.0.1", "10.0.0.2", "10.0.0.3", "10.0.0.4" };

/* One pod, as one who was there would tell it. Index 0 of uid: not known. */
static struct actor {
	bool listed, sandbox, gone;
	int app, ip, sandbox_app, sandbox_ip; /* app 0: none; ip -1: none */
	unsigned since, sandbox_since;
} actors[NAMES][UIDS];
static unsigned now;

static void model_manifest(int name, int uid, int app, int ip)
{
	struct actor *a = &actors[name][uid];

	if (!a->listed || a->ip != ip) {
		a->since = ++now;
		a->gone = false;
	}
	for (int u = 1; u < UIDS; u++) /* the source has one of a name */
		actors[name][u].listed = u == uid;
	a->app = app;
	a->ip = ip;
	if (a->sandbox)
		a->sandbox_app = app;
}

static void model_add(int name, int uid, int ip)
{
	struct actor *a = &actors[name][uid];

	if (!a->sandbox || a->sandbox_ip != ip)
		a->sandbox_since = ++now;
	if (!a->sandbox)
		a->sandbox_app = 0;
	if (a->listed)
		a->sandbox_app = a->app;
	a->sandbox = true;
	a->sandbox_ip = ip;
}

static void model_del(int name, int uid)
{
	struct actor *a = &actors[name][uid];

	a->gone = a->sandbox || a->gone;
	a->sandbox = false;
}

/* Who has it: the last sandbox that got it; else the last manifest that claims
 * it and has no sandbox to say better. */
static int model_app(int ip)
{
	unsigned best_sandbox = 0, best = 0;
	int app = -1, sandbox_app = -1;

	for (int n = 0; n < NAMES; n++) {
		for (int u = 1; u < UIDS; u++) {
			const struct actor *a = &actors[n][u];

			if (a->sandbox && a->sandbox_ip == ip && a->sandbox_since > best_sandbox) {
				best_sandbox = a->sandbox_since;
				sandbox_app = a->sandbox_app;
			}
			if (a->listed && !a->sandbox && !a->gone && a->ip == ip &&
			    a->since > best) {
				best = a->since;
				app = a->app;
			}
		}
	}
	return best_sandbox ? sandbox_app : app;
}

static void random_event(void)
{
	int name = rand() % NAMES, uid = 1 + rand() % (UIDS - 1), ip = rand() % ADDRESSES;
	char app[16];

	switch (rand() % 5) {
	case 0:
	case 1:
		snprintf(app, sizeof(app), "%d", 1 + rand() % 9);
		SET_POD(names[name], app, "here", ips[ip], .uid = uid);
		model_manifest(name, uid, atoi(app), ip);
		break;
	case 2:
		add(names[name], uid, ips[ip], true);
		model_add(name, uid, ip);
		break;
	case 3:
		del(names[name], uid);
		model_del(name, uid);
		break;
	case 4:
		deleted(names[name], uid);
		actors[name][uid].listed = false;
		break;
	}
}

static void random_events(void **state)
{
	srand(3);
	memset(actors, 0, sizeof(actors));
	now = 0;
	for (int step = 0; step < STEPS; step++) {
		random_event();
		commit();
		for (int ip = 0; ip < ADDRESSES; ip++) {
			int want = model_app(ip);
			char app[16];

			snprintf(app, sizeof(app), "%d", want);
			assert_app(ips[ip], want > 0 ? app : want == 0 ? "none" : "nobody");
			if (want >= 0)
				assert_int_equal(passes("192.0.2.1", ips[ip]), want > 0);
		}
	}
}

int main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(unknown_is_isolated), TEST(label_of_a_user), TEST(replaced_under_its_name),
		TEST(address_used_again),  TEST(order_unknown),	  TEST(endpoint_before_stale),
		TEST(gone_stays_gone),	   TEST(without_uid),	  TEST(random_events),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
