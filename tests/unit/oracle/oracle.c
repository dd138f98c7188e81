/* SPDX-License-Identifier: Apache-2.0 */
/* The oracle against answers that were worked out by hand from the API documentation. */
#include "tests/oracle/oracle.h"

#include <netinet/in.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "tests/oracle/world.h"
#include "weir/doc.h"

#define POD(ns, name, addrs, labels, ports)                                                        \
	"{apiVersion: v1, kind: Pod, metadata: {namespace: " ns ", name: " name                    \
	", labels: {" labels "}}, spec: {containers: [{name: c, ports: [" ports                    \
	"]}]}, status: {podIPs: [" addrs "]}}\n---\n"
#define CLUSTER                                                                                    \
	"--- \n{apiVersion: v1, kind: Namespace, metadata: {name: shop, labels: {team: red}}}\n"   \
	"---\n{apiVersion: v1, kind: Namespace, metadata: {name: bank}}\n---\n" POD(               \
		"shop", "web", "{ip: 10.0.0.2}, {ip: 'fd00::2'}", "app: web",                      \
		"{name: http, containerPort: 80}")                                                 \
		POD("shop", "db", "{ip: 10.0.0.3}", "app: db, old: ''",                            \
		    "{name: http, containerPort: 81}")                                             \
			POD("bank", "web", "{ip: 10.0.0.4}, {ip: 'fd00::4'}", "app: web",          \
			    "{name: http, containerPort: 80, protocol: UDP}")

#define POLICY(ns, spec)                                                                           \
	"--- \n{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {namespace: " ns  \
	", name: p}, spec: " spec "}\n"

#define WEB  "10.0.0.2"
#define DB   "10.0.0.3"
#define BANK "10.0.0.4"
#define NODE "10.0.0.1"
#define OUT  "192.0.2.1"

struct expectation {
	const char *policy; /* text; NULL: the one before */
	const char *src, *dst;
	uint8_t protocol;
	uint16_t port;
	bool egress, ingress;
};

#define TCP WEIR_PROTO_TCP
#define UDP WEIR_PROTO_UDP

static const struct expectation expectations[] = {
	/* without a policy everything passes */
	{ "", WEB, DB, TCP, 80, true, true },
	/* isolation by an empty selector, in one direction and one namespace */
	{ POLICY("shop", "{podSelector: {}}"), BANK, WEB, TCP, 80, true, false },
	{ NULL, WEB, BANK, TCP, 80, true, true },
	{ NULL, WEB, DB, TCP, 80, true, false },
	{ NULL, OUT, WEB, WEIR_PROTO_ICMP, 0, true, false },
	{ NULL, NODE, WEB, TCP, 80, true, true },
	{ NULL, WEB, WEB, TCP, 80, true, true },
	{ NULL, "fd00::4", "fd00::2", TCP, 80, true, false },
	{ NULL, "fd00::2", "fd00::2", TCP, 80, true, true },
	/* policyTypes: egress alone */
	{ POLICY("shop", "{podSelector: {}, policyTypes: [Egress]}"), WEB, NODE, TCP, 80, false,
	  true },
	{ NULL, WEB, DB, TCP, 80, false, true },
	{ NULL, BANK, WEB, TCP, 80, true, true },
	/* default policyTypes: an egress rule isolates both ways */
	{ POLICY("shop", "{podSelector: {}, egress: [{}]}"), WEB, DB, TCP, 80, true, false },
	/* an empty list of rules is not an empty rule */
	{ POLICY("shop", "{podSelector: {}, ingress: []}"), BANK, WEB, TCP, 1, true, false },
	{ POLICY("shop", "{podSelector: {}, ingress: [{}]}"), BANK, WEB, TCP, 1, true, true },
	{ POLICY("shop", "{podSelector: {}, ingress: [{from: [], ports: []}]}"), OUT, WEB,
	  WEIR_PROTO_ICMP, 0, true, true },
	/* the selectors of a peer */
	{ POLICY("shop", "{podSelector: {}, ingress: [{from: [{podSelector: {}}]}]}"), WEB, DB, TCP,
	  1, true, true },
	{ NULL, BANK, DB, TCP, 1, true, false },
	{ NULL, OUT, DB, TCP, 1, true, false },
	{ POLICY("shop", "{podSelector: {}, ingress: [{from: [{namespaceSelector: {}}]}]}"), BANK,
	  DB, TCP, 1, true, true },
	{ NULL, OUT, DB, TCP, 1, true, false },
	{ POLICY("shop",
		 "{podSelector: {}, ingress: [{from: [{namespaceSelector: {matchExpressions:"
		 " [{key: team, operator: NotIn, values: [red]}]}}]}]}"),
	  BANK, DB, TCP, 1, true, true },
	{ NULL, WEB, DB, TCP, 1, true, false },
	{ POLICY("shop", "{podSelector: {matchLabels: {old: ''}}}"), BANK, DB, TCP, 1, true,
	  false },
	{ NULL, BANK, WEB, TCP, 1, true, true },
	/* blocks hold pods too; except takes away, also the longer prefix of another family not */
	{ POLICY("shop", "{podSelector: {}, ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/29,"
			 " except: [10.0.0.4/31]}}]}]}"),
	  WEB, DB, TCP, 1, true, true },
	{ NULL, BANK, WEB, TCP, 1, true, false },
	{ NULL, "10.0.0.7", WEB, TCP, 1, true, true },
	{ NULL, "10.0.0.8", WEB, TCP, 1, true, false },
	{ NULL, "fd00::4", "fd00::2", TCP, 1, true, false },
	/* ports: default protocol, range, protocol without a number, names of the destination */
	{ POLICY("shop", "{podSelector: {}, ingress: [{ports: [{port: 80, endPort: 82}]}]}"), BANK,
	  WEB, TCP, 82, true, true },
	{ NULL, BANK, WEB, TCP, 83, true, false },
	{ NULL, BANK, WEB, UDP, 80, true, false },
	{ NULL, BANK, WEB, WEIR_PROTO_ICMP, 0, true, false },
	{ POLICY("shop", "{podSelector: {}, ingress: [{ports: [{protocol: UDP}]}]}"), BANK, WEB,
	  UDP, 9, true, true },
	{ NULL, BANK, WEB, TCP, 9, true, false },
	{ POLICY("shop", "{podSelector: {}, ingress: [{ports: [{port: http}]}]}"), BANK, WEB, TCP,
	  80, true, true },
	{ NULL, BANK, DB, TCP, 80, true, false },
	{ NULL, BANK, DB, TCP, 81, true, true },
	{ POLICY("bank", "{podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port:"
			 " http}]}]}"),
	  BANK, DB, TCP, 81, true, true },
	{ NULL, BANK, WEB, TCP, 81, false, true },
	{ NULL, BANK, OUT, TCP, 80, false, true },
	/* policies add up, and both ends have a say */
	{ POLICY("shop", "{podSelector: {}, policyTypes: [Ingress, Egress]}") POLICY(
		  "shop", "{podSelector: {matchLabels: {app: db}}, ingress: [{from: [{podSelector:"
			  " {matchLabels: {app: web}}}]}]}"),
	  WEB, DB, TCP, 5, false, true },
	{ NULL, DB, WEB, TCP, 5, false, false },
};

static void load(struct world *w, const char *policy)
{
	static char text[16384];
	struct weir_error err = { "" };
	struct weir_doc **docs;
	size_t n;

	snprintf(text, sizeof(text), "%s%s", CLUSTER, policy);
	assert_int_equal(world_open(w), 0);
	if (weir_docs_parse(text, strlen(text), "test", &docs, &n, &err) < 0)
		fail_msg("%s", err.text);
	for (size_t i = 0; i < n; i++)
		if (world_add(w, weir_doc_root(docs[i]), &err) < 0)
			fail_msg("%s\n%s", err.text, policy);
	weir_docs_free(&docs, n);
}

static void check(const struct world *w, const char *policy, const struct expectation *e)
{
	struct oracle_world view = world_view(w);
	struct oracle_connection c = { .protocol = e->protocol, .port = e->port };
	struct oracle_answer answer;
	struct weir_addr node;

	assert_int_equal(weir_addr_parse(NODE, &node), 0);
	assert_int_equal(weir_addr_parse(e->src, &c.src), 0);
	assert_int_equal(weir_addr_parse(e->dst, &c.dst), 0);
	view.node = &node;
	view.n_node = 1;
	oracle_judge(&view, &c, &answer);
	if (answer.egress != e->egress || answer.ingress != e->ingress)
		fail_msg("%s -> %s %u/%u: egress %d, ingress %d\n%s", e->src, e->dst, e->port,
			 e->protocol, answer.egress, answer.ingress, policy);
}

static void test_by_hand(void **state)
{
	const char *policy = "";
	struct world w;

	load(&w, policy);
	for (size_t i = 0; i < sizeof(expectations) / sizeof(expectations[0]); i++) {
		if (expectations[i].policy) {
			policy = expectations[i].policy;
			world_close(&w);
			load(&w, policy);
		}
		check(&w, policy, &expectations[i]);
	}
	world_close(&w);
}

/* A pod on the host's network is its node, one that has ended nobody. */
static void test_no_pods(void **state)
{
	struct expectation e = { NULL, "10.0.0.9", DB, TCP, 1, true, false };
	struct world w;

	load(&w,
	     "--- \n{apiVersion: v1, kind: Pod, metadata: {namespace: shop, name: h}, spec: {"
	     "hostNetwork: true}, status: {podIP: 10.0.0.9}}\n" POLICY(
		     "shop", "{podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{from:"
			     " [{podSelector: {}}]}]}"));
	check(&w, "from host network", &e);
	w.pods[w.n_pods - 1]->host_network = false;
	e.egress = false;
	e.ingress = true;
	check(&w, "the same with its own", &e);
	w.pods[w.n_pods - 1]->finished = true;
	e.egress = true;
	e.ingress = false;
	check(&w, "the same, ended", &e);
	world_close(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_by_hand),
		cmocka_unit_test(test_no_pods),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
