/* SPDX-License-Identifier: Apache-2.0 */
/* Cluster-wide policies of both versions: what they come to, what fails closed,
 * and every way to be refused. */
#include "tests/unit/policy/decoded.h"

#include <stdio.h>

#define CNP "{'apiVersion':'policy.networking.k8s.io/v1alpha2','kind':'ClusterNetworkPolicy',"
#define ANP "{'apiVersion':'policy.networking.k8s.io/v1alpha1','kind':'AdminNetworkPolicy',"
#define BANP                                                                                       \
	"{'apiVersion':'policy.networking.k8s.io/v1alpha1','kind':'BaselineAdminNetworkPolicy',"
#define META  "'metadata':{'name':'p'}"
#define ADMIN "'tier':'Admin','priority':5,'subject':{'namespaces':{}}"

/* The only egress rule of a policy that has nothing else. */
static const struct weir_rule *egress_rule(struct weir_policy **p, const char *rule)
{
	char text[2048];

	snprintf(text, sizeof(text), CNP META ",'spec':{" ADMIN ",'egress':[%s]}}", rule);
	DECODE(weir_clusternetworkpolicy_decode, text, p);
	assert_int_equal((*p)->n_rules[WEIR_EGRESS], 1);
	return (*p)->rules[WEIR_EGRESS];
}

static void test_head(void **state)
{
	struct weir_policy *p = NULL;

	DECODE(weir_clusternetworkpolicy_decode,
	       CNP
	       "'metadata':{'name':'p','generation':7,'annotations':{'weir.dev/mode':'staged'}},"
	       "'spec':{'tier':'Baseline','priority':1000,'subject':{'pods':{"
	       "'namespaceSelector':{'matchLabels':{'a':'b'}},'podSelector':{'matchLabels':"
	       "{'c':'d','e':'f'}}}}}}",
	       &p);
	assert_string_equal(p->kind, "ClusterNetworkPolicy");
	assert_null(p->namespace_);
	assert_int_equal(p->generation, 7);
	assert_int_equal(p->tier, WEIR_TIER_BASELINE);
	assert_int_equal(p->priority, 1000);
	assert_true(p->staged);
	assert_int_equal(p->namespaces.n, 1);
	assert_int_equal(p->pods.n, 2);
	assert_int_equal(p->n_rules[WEIR_INGRESS] + p->n_rules[WEIR_EGRESS], 0);
	assert_false(p->isolates[WEIR_INGRESS] || p->isolates[WEIR_EGRESS]);
	weir_policy_free(pool, &p);
}

static void test_peers(void **state)
{
	struct weir_policy *p = NULL;
	const struct weir_rule *r = egress_rule(
		&p, "{'name':'r','action':'Pass','to':[{'namespaces':{'matchLabels':{'a':'b'}}},"
		    "{'pods':{'podSelector':{}}},{'nodes':{'matchLabels':{'x':'y'}}},"
		    "{'networks':['10.0.0.0/8','fd00::/8']}]}");

	assert_string_equal(r->name, "r");
	assert_int_equal(r->action, WEIR_PASS);
	assert_true(r->any_port);
	assert_false(r->any_peer || r->closed);
	assert_int_equal(r->n_peers, 5);
	assert_int_equal(r->peers[0].kind, WEIR_PEER_PODS);
	assert_int_equal(r->peers[0].namespaces.n, 1);
	assert_false(r->peers[1].own_namespace);
	assert_int_equal(r->peers[1].namespaces.n, 0);
	assert_int_equal(r->peers[2].kind, WEIR_PEER_NODES);
	assert_int_equal(r->peers[2].nodes.n, 1);
	assert_int_equal(r->peers[3].prefix.len, 8);
	assert_int_equal(r->peers[4].prefix.addr.family, AF_INET6);
	assert_false(weir_rule_warning(r, (char[8]){ 0 }, 8));
	weir_policy_free(pool, &p);
}

static void test_protocols(void **state)
{
	struct weir_policy *p = NULL;
	const struct weir_rule *r =
		egress_rule(&p, "{'action':'Accept','to':[{'namespaces':{}}],'protocols':["
				"{'tcp':{'destinationPort':{'number':80}}},"
				"{'udp':{'destinationPort':{'range':{'start':1,'end':65535}}}},"
				"{'destinationNamedPort':'http'}]}");
	static const uint8_t protocols[] = { WEIR_PROTO_TCP, WEIR_PROTO_UDP, WEIR_PROTO_TCP,
					     WEIR_PROTO_UDP, WEIR_PROTO_SCTP };

	assert_false(r->any_port || r->closed);
	assert_int_equal(r->n_ports, 5);
	for (unsigned i = 0; i < r->n_ports; i++) {
		assert_int_equal(r->ports[i].protocol, protocols[i]);
		assert_int_equal(r->ports[i].name != NULL, i > 1);
	}
	assert_int_equal(r->ports[0].last, 80);
	assert_int_equal(r->ports[1].last, 65535);
	weir_policy_free(pool, &p);
}

/* A newer CRD has peers and protocols that this code does not know. */
static void test_fails_closed(void **state)
{
	static const char *const unknown[] = {
		"'to':[{'namespaces':{}},{'planets':{}}]",
		"'to':[{}]",
		"'to':[{'nodes':{},'planets':{}}]",
		"'to':[{'pods':null}]",
		"'to':[{'nodes':{}}],'protocols':[{'tcp':{'destinationPort':{'number':1}}},{}]",
		"'to':[{'namespaces':{}}],'protocols':[{'icmp':{}}]",
		"'to':[{'namespaces':{}}],'protocols':[{'tcp':{}}]",
		"'to':[{'namespaces':{}}],'protocols':[{'tcp':{'flags':1}}]",
		"'to':[{'namespaces':{}}],'protocols':[{'tcp':{'destinationPort':{}}}]",
	};
	static const char *const actions[] = { "Accept", "Deny", "Pass" };
	char text[512], warning[WEIR_RULE_WARNING_MAX];

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(unknown) * 3; i++) {
		bool accept = i % 3 == 0;
		struct weir_policy *p = NULL;
		const struct weir_rule *r;

		snprintf(text, sizeof(text), "{'name':'n','action':'%s',%s}", actions[i % 3],
			 unknown[i / 3]);
		r = egress_rule(&p, text);
		assert_true(r->closed);
		assert_int_equal(r->n_peers + r->n_ports, 0);
		assert_int_equal(r->any_peer, !accept);
		assert_int_equal(r->any_port, !accept);
		assert_int_equal(r->action, accept ? WEIR_ACCEPT : WEIR_DENY);
		assert_true(weir_rule_warning(r, warning, sizeof(warning)));
		assert_non_null(strstr(warning, "egress[0] (n) has a peer"));
		assert_non_null(strstr(warning, accept ? "matches nothing" : "denies everything"));
		weir_policy_free(pool, &p);
	}
}

/* Nodes, networks and names of domains are peers of egress rules only. */
static void test_ingress_peers(void **state)
{
	static const char *const egress_only[] = { "'nodes':{}", "'networks':['10.0.0.0/8']",
						   "'domainNames':['a.b']" };

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(egress_only); i++) {
		struct weir_policy *p = NULL;
		char text[512];

		snprintf(text, sizeof(text),
			 CNP META ",'spec':{" ADMIN
				  ",'ingress':[{'action':'Accept','from':[{%s}]}]}}",
			 egress_only[i]);
		DECODE(weir_clusternetworkpolicy_decode, text, &p);
		assert_true(p->rules[WEIR_INGRESS][0].closed);
		weir_policy_free(pool, &p);
	}
}

static void test_domains(void **state)
{
	char warning[WEIR_RULE_WARNING_MAX];
	struct weir_policy *p = NULL;
	const struct weir_rule *r = egress_rule(
		&p, "{'action':'Accept','to':[{'domainNames':['*.Example.com','a-b.c_d.E.']},"
		    "{'networks':['10.0.0.0/8']}]}");

	assert_false(r->closed || r->any_peer);
	assert_int_equal(r->n_peers, 2);
	assert_int_equal(r->peers[0].kind, WEIR_PEER_DOMAINS);
	assert_int_equal(r->peers[0].n_names, 2);
	assert_string_equal(r->peers[0].names[0], "*.example.com");
	assert_string_equal(r->peers[0].names[1], "a-b.c_d.e"); /* whatever the case, no dot */
	assert_false(weir_rule_warning(r, warning, sizeof(warning)));
	weir_policy_free(pool, &p);

	r = egress_rule(&p, "{'action':'Deny','to':[{'domainNames':['example.com']}]}");
	assert_true(r->closed && r->any_peer);
	weir_policy_free(pool, &p);
}

static void test_equal(void **state)
{
	static const char *const rules[] = {
		"{'action':'Accept','to':[{'nodes':{}}]}",
		"{'action':'Accept','to':[{'nodes':{'matchLabels':{'a':'b'}}}]}",
		"{'action':'Accept','to':[{'domainNames':['a.b']}]}",
		"{'action':'Accept','to':[{'domainNames':['a.c']}]}",
		"{'action':'Accept','to':[{'networks':['10.0.0.0/8']}]}",
		"{'action':'Accept','to':[{}]}",
		"{'action':'Deny','to':[{}]}",
	};
	enum { N = WEIR_ARRAY_SIZE(rules) };

	for (size_t i = 0; i < N * N; i++) {
		struct weir_policy *a = NULL, *b = NULL;

		egress_rule(&a, rules[i / N]);
		egress_rule(&b, rules[i % N]);
		assert_int_equal(weir_policy_equal(a, b), i / N == i % N);
		weir_policy_free(pool, &a);
		weir_policy_free(pool, &b);
	}
}

/* A list of so many, each the same. */
static const char *many(char *buf, unsigned n, const char *item)
{
	char *at = buf;

	for (unsigned i = 0; i < n; i++)
		at += sprintf(at, "%s%s", i ? "," : "", item);
	return buf;
}

static bool takes(const char *rules)
{
	struct weir_policy *p = NULL;
	struct weir_error err = { "" };
	cJSON *json;
	char *text;
	bool ok;

	assert_true(asprintf(&text, CNP META ",'spec':{" ADMIN ",'egress':[%s]}}", rules) > 0);
	json = json_of(text);
	ok = weir_clusternetworkpolicy_decode(pool, json, &p, &err) == 0;
	weir_policy_free(pool, &p);
	cJSON_Delete(json);
	free(text);
	return ok;
}

/* 25 rules of 25 peers with 25 networks, 25 protocols; not one more of any. */
static void test_limits(void **state)
{
	static char networks[4096], peers[65536], protocols[8192], rule[90000], all[2300000];

	for (unsigned over = 0; over < 6; over++) {
		snprintf(peers, sizeof(peers), "{'networks':[%s]}",
			 many(networks, 25 + (over == 1), "'10.0.0.0/8'"));
		WEIR_AUTO_FREE char *peer = strdup(peers);
		unsigned name = over == 5 ? 101 : 100;

		many(peers, 25 + (over == 2), peer);
		many(protocols, 25 + (over == 3), "{'destinationNamedPort':'http'}");
		snprintf(rule, sizeof(rule),
			 "{'name':'%0*d','action':'Deny','to':[%s],'protocols':[%s]}", (int)name, 0,
			 peers, protocols);
		assert_int_equal(takes(many(all, 25 + (over == 4), rule)), over == 0);
	}
}

static void test_v1alpha1(void **state)
{
	struct weir_policy *p = NULL;
	const struct weir_rule *r;

	DECODE(weir_adminnetworkpolicy_decode,
	       ANP META ",'spec':{'priority':3,'subject':{'namespaces':{}},'egress':[{"
			"'action':'Allow','to':[{'nodes':{}}],'ports':[{'portNumber':{'port':80}},"
			"{'portRange':{'protocol':'UDP','start':5,'end':5}},"
			"{'portNumber':{'protocol':'','port':81}},{'namedPort':'http'}]}]}}",
	       &p);
	assert_string_equal(p->kind, "AdminNetworkPolicy");
	assert_int_equal(p->tier, WEIR_TIER_ADMIN);
	assert_int_equal(p->priority, 3);
	r = p->rules[WEIR_EGRESS];
	assert_int_equal(r->action, WEIR_ACCEPT);
	assert_int_equal(r->n_ports, 6);
	assert_int_equal(r->ports[0].protocol, WEIR_PROTO_TCP);
	assert_int_equal(r->ports[1].protocol, WEIR_PROTO_UDP);
	assert_int_equal(r->ports[2].protocol, WEIR_PROTO_TCP);
	weir_policy_free(pool, &p);

	DECODE(weir_baselineadminnetworkpolicy_decode,
	       BANP "'metadata':{'name':'default'},'spec':{'subject':{'namespaces':{}},"
		    "'egress':[{'action':'Allow','to':[{'domainNames':['a.b']}]}]}}",
	       &p);
	assert_int_equal(p->tier, WEIR_TIER_BASELINE);
	assert_int_equal(p->priority, WEIR_PRIORITY_LAST);
	assert_true(p->rules[WEIR_EGRESS][0].closed); /* no domains in this kind */
	weir_policy_free(pool, &p);
}

#define REFUSED_CNP(manifest, want)                                                                \
	REFUSED(weir_clusternetworkpolicy_decode, struct weir_policy, manifest, want)

struct refused {
	const char *spec, *want;
};

static void refuse_all(const struct refused *cases, size_t n)
{
	char text[1024];

	for (size_t i = 0; i < n; i++) {
		snprintf(text, sizeof(text), CNP META ",'spec':{%s}}", cases[i].spec);
		REFUSED_CNP(text, cases[i].want);
	}
}

static void test_refused_tiers_and_subjects(void **state)
{
	static const struct refused cases[] = {
		{ "'priority':1,'subject':{'namespaces':{}}",
		  "spec.tier: \"\" is not Admin or Baseline" },
		{ "'tier':'NetworkPolicy'",
		  "spec.tier: \"NetworkPolicy\" is not Admin or Baseline" },
		{ "'tier':'Admin'", "spec.priority: want a number from 0 to 1000, 0 comes first" },
		{ "'tier':'Admin','priority':1001",
		  "spec.priority: want a number from 0 to 1000, 0 comes first" },
		{ "'tier':'Admin','priority':-1",
		  "spec.priority: want a number from 0 to 1000, 0 comes first" },
		{ "'tier':'Admin','priority':1.5",
		  "spec.priority: want a number from 0 to 1000, 0 comes first" },
		{ "'tier':'Admin','priority':1",
		  "spec.subject: want namespaces: {} (a selector) or pods: {namespaceSelector: {}, "
		  "podSelector: {}}" },
		{ "'tier':'Admin','priority':1,'subject':{'pod':{}}",
		  "spec.subject: unknown field \"pod\": did you mean \"pods\"?" },
		{ "'tier':'Admin','priority':1,'subject':{'namespaces':{},'pods':{'podSelector':{}}"
		  "}",
		  "spec.subject: has 2 fields: make an entry of each" },
		{ "'tier':'Admin','priority':1,'subject':{'pods':{'namespaceSelector':{}}}",
		  "spec.subject.pods.podSelector: is missing: write {} for every pod" },
	};

	refuse_all(cases, WEIR_ARRAY_SIZE(cases));
}

static void test_refused_rules(void **state)
{
	static const struct refused cases[] = {
		{ ADMIN ",'egres':[]", "spec: unknown field \"egres\": did you mean \"egress\"?" },
		{ ADMIN ",'egress':[{'action':'Allow','to':[{'namespaces':{}}]}]",
		  "spec.egress[0].action: \"Allow\" is not Accept, Pass or Deny" },
		{ ADMIN ",'egress':[{'action':'Deny'}]",
		  "spec.egress[0].to: want a list with at least one entry" },
		{ ADMIN ",'ingress':[{'action':'Deny','from':[]}]",
		  "spec.ingress[0].from: want a list with at least one entry" },
		{ ADMIN ",'ingress':[{'action':'Deny','to':[]}]",
		  "spec.ingress[0]: unknown field \"to\": the fields here are name, action, from, "
		  "protocols" },
	};

	refuse_all(cases, WEIR_ARRAY_SIZE(cases));
}

static void test_refused_peers(void **state)
{
	static const struct refused cases[] = {
		{ ADMIN ",'egress':[{'action':'Deny','to':[{'namespaces':{},'nodes':{}}]}]",
		  "spec.egress[0].to[0]: has 2 fields: make an entry of each" },
		{ ADMIN ",'egress':[{'action':'Deny','to':[{'namespaces':'all'}]}]",
		  "spec.egress[0].to[0].namespaces: want an object (key: value)" },
		{ ADMIN ",'egress':[{'action':'Deny','to':[{'networks':['10.0.0.0']}]}]",
		  "spec.egress[0].to[0].networks[0]: \"10.0.0.0\" is not a CIDR (want e.g. "
		  "10.0.0.0/8 "
		  "or 2001:db8::/32)" },
		{ ADMIN ",'egress':[{'action':'Deny','to':[{'networks':[]}]}]",
		  "spec.egress[0].to[0].networks: want a list with 1 to 25 entries" },
		{ ADMIN ",'egress':[{'action':'Accept','to':[{'domainNames':['a.*.b']}]}]",
		  "spec.egress[0].to[0].domainNames[0]: \"a.*.b\" is not a domain name, nor *. and "
		  "one" },
		{ ADMIN ",'egress':[{'action':'Accept','to':[{'domainNames':['com']}]}]",
		  "spec.egress[0].to[0].domainNames[0]: \"com\" is not a domain name, nor *. and "
		  "one" },
	};

	refuse_all(cases, WEIR_ARRAY_SIZE(cases));
}

static void test_refused_ports(void **state)
{
	static const struct refused cases[] = {
		{ ADMIN ",'egress':[{'action':'Deny','to':[{'namespaces':{}}],'protocols':[]}]",
		  "spec.egress[0].protocols: want a list with at least one entry" },
		{ ADMIN ",'egress':[{'action':'Deny','to':[{'nodes':{}}],'protocols':"
			"[{'tcp':{'destinationPort':{'number':0}}}]}]",
		  "spec.egress[0].protocols[0].tcp.destinationPort.number: want a port number from "
		  "1 "
		  "to 65535" },
		{ ADMIN ",'egress':[{'action':'Deny','to':[{'nodes':{}}],'protocols':"
			"[{'tcp':{'destinationPort':{'range':{'start':9,'end':9}}}}]}]",
		  "spec.egress[0].protocols[0].tcp.destinationPort.range: start must be less than "
		  "end" },
		{ ADMIN ",'egress':[{'action':'Deny','to':[{'nodes':{}}],'protocols':"
			"[{'udp':{'destinationPort':{'range':{'start':9,'end':8}}}}]}]",
		  "spec.egress[0].protocols[0].udp.destinationPort.range: end 8 is less than start "
		  "9" },
		{ ADMIN ",'egress':[{'action':'Deny','to':[{'nodes':{}}],'protocols':"
			"[{'destinationNamedPort':'-'}]}]",
		  "spec.egress[0].protocols[0].destinationNamedPort: \"-\" is not a name of a "
		  "port: at most 15 lower case letters, digits and single '-', with at least one "
		  "letter" },
	};

	refuse_all(cases, WEIR_ARRAY_SIZE(cases));
}

static void test_refused_frames(void **state)
{
	REFUSED_CNP(CNP META "}", "spec: is missing: a ClusterNetworkPolicy has at least spec: "
				  "{tier: Admin, priority: 0, subject: {namespaces: {}}}");
	REFUSED_CNP(
		CNP "'metadata':{'name':'p','namespace':'n'},'spec':{" ADMIN "}}",
		"metadata: namespace is set, but a ClusterNetworkPolicy is of the whole cluster: "
		"select namespaces in spec.subject");
	REFUSED_CNP(
		"{'apiVersion':'policy.networking.k8s.io/v1','kind':'ClusterNetworkPolicy'," META
		",'spec':{" ADMIN "}}",
		"apiVersion: \"policy.networking.k8s.io/v1\" is not known for a "
		"ClusterNetworkPolicy: want policy.networking.k8s.io/v1alpha2");
	REFUSED(weir_baselineadminnetworkpolicy_decode, struct weir_policy,
		BANP META ",'spec':{'subject':{'namespaces':{}}}}",
		"metadata.name: \"p\": the only one of this kind is named default");
	REFUSED(weir_baselineadminnetworkpolicy_decode, struct weir_policy,
		BANP "'metadata':{'name':'default'},'spec':{'subject':{'namespaces':{}},'egress':"
		     "[{'action':'Pass','to':[{'nodes':{}}]}]}}",
		"spec.egress[0].action: \"Pass\" is not Allow or Deny");
	REFUSED(weir_adminnetworkpolicy_decode, struct weir_policy,
		ANP META
		",'spec':{'priority':1,'subject':{'namespaces':{}},'egress':"
		"[{'action':'Pass','to':[{'nodes':{}}],'ports':[{'portNumber':{'ports':8}}]}"
		"]}}",
		"spec.egress[0].ports[0].portNumber: unknown field \"ports\": did you mean "
		"\"port\"?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_head),
		cmocka_unit_test(test_peers),
		cmocka_unit_test(test_protocols),
		cmocka_unit_test(test_fails_closed),
		cmocka_unit_test(test_ingress_peers),
		cmocka_unit_test(test_domains),
		cmocka_unit_test(test_equal),
		cmocka_unit_test(test_limits),
		cmocka_unit_test(test_v1alpha1),
		cmocka_unit_test(test_refused_tiers_and_subjects),
		cmocka_unit_test(test_refused_rules),
		cmocka_unit_test(test_refused_peers),
		cmocka_unit_test(test_refused_ports),
		cmocka_unit_test(test_refused_frames),
	};

	return cmocka_run_group_tests(tests, open_pool, close_pool);
}
