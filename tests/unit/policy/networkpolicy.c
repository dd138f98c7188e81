/* SPDX-License-Identifier: Apache-2.0 */
/* NetworkPolicy manifests: what they come to, and every way to be refused. */
#include "tests/unit/policy/decoded.h"

#include <stdio.h>

#define HEAD "{'apiVersion':'networking.k8s.io/v1','kind':'NetworkPolicy',"
#define META "'metadata':{'name':'p','namespace':'n'}"

static struct weir_policy *policy_with(const char *spec)
{
	struct weir_policy *p = NULL;
	char text[2048];

	snprintf(text, sizeof(text), HEAD META ",'spec':%s}", spec);
	DECODE(weir_networkpolicy_decode, text, &p);
	return p;
}

static void test_name(void **state)
{
	struct weir_policy *p = NULL;

	DECODE(weir_networkpolicy_decode,
	       HEAD "'metadata':{'name':'p','generation':7},'spec':{'podSelector':{}}}", &p);
	assert_string_equal(p->kind, "NetworkPolicy");
	assert_string_equal(p->namespace_, "default");
	assert_string_equal(p->name, "p");
	assert_int_equal(p->generation, 7);
	assert_int_equal(p->tier, WEIR_TIER_NETWORK_POLICY);
	assert_false(p->staged);
	weir_policy_free(pool, &p);
	assert_null(p);
}

/* Without policyTypes: Ingress, and Egress when there are egress rules. */
static void test_types(void **state)
{
	static const struct {
		const char *spec;
		bool ingress, egress;
	} cases[] = {
		{ "{'podSelector':{}}", true, false },
		{ "{'podSelector':{},'policyTypes':[]}", true, false },
		{ "{'podSelector':{},'egress':[]}", true, false },
		{ "{'podSelector':{},'egress':[{}]}", true, true },
		{ "{'podSelector':{},'policyTypes':['Egress']}", false, true },
		{ "{'podSelector':{},'policyTypes':['Ingress','Egress']}", true, true },
		{ "{'podSelector':{},'policyTypes':['Ingress'],'egress':[{}]}", true, false },
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		struct weir_policy *p = policy_with(cases[i].spec);

		assert_int_equal(p->isolates[WEIR_INGRESS], cases[i].ingress);
		assert_int_equal(p->isolates[WEIR_EGRESS], cases[i].egress);
		weir_policy_free(pool, &p);
	}
}

/* No rule lets nobody in, an empty one everybody. */
static void test_empty_and_absent(void **state)
{
	struct weir_policy *p = policy_with("{'podSelector':{},'ingress':[]}");

	assert_int_equal(p->n_rules[WEIR_INGRESS], 0);
	weir_policy_free(pool, &p);
	p = policy_with("{'podSelector':{},'ingress':[{},{'from':[],'ports':[]},{'from':null}]}");
	assert_int_equal(p->n_rules[WEIR_INGRESS], 3);
	for (unsigned i = 0; i < 3; i++) {
		const struct weir_rule *r = &p->rules[WEIR_INGRESS][i];

		assert_true(r->any_peer && r->any_port);
		assert_int_equal(r->index, i);
		assert_ptr_equal(r->policy, p);
		assert_int_equal(r->action, WEIR_ACCEPT);
	}
	weir_policy_free(pool, &p);
}

static void test_peers(void **state)
{
	struct weir_policy *p = policy_with(
		"{'podSelector':{'matchLabels':{'app':'web'}},'ingress':[{'from':["
		"{'podSelector':{}},"
		"{'namespaceSelector':{}},"
		"{'namespaceSelector':{'matchLabels':{'team':'a'}},'podSelector':{'matchLabels':{'"
		"x':'y'}}},"
		"{'ipBlock':{'cidr':'10.1.2.3/8','except':['10.1.0.0/16','10.2.0.0/16']}},"
		"{'ipBlock':{'cidr':'2001:db8::/32'}}]}]}");
	const struct weir_rule *r = p->rules[WEIR_INGRESS];
	char buf[WEIR_PREFIX_STRLEN];

	assert_string_equal(p->pods.requirements[0].values[0], "web");
	assert_false(r->any_peer);
	assert_int_equal(r->n_peers, 5);
	assert_true(r->peers[0].own_namespace);
	assert_int_equal(r->peers[0].pods.n, 0);
	assert_false(r->peers[1].own_namespace);
	assert_int_equal(r->peers[1].namespaces.n, 0);
	assert_string_equal(r->peers[2].namespaces.requirements[0].key, "team");
	assert_string_equal(r->peers[2].pods.requirements[0].key, "x");
	assert_int_equal(r->peers[3].kind, WEIR_PEER_PREFIX);
	assert_string_equal(weir_prefix_format(&r->peers[3].prefix, buf), "10.0.0.0/8");
	assert_int_equal(r->peers[3].n_except, 2);
	assert_string_equal(weir_prefix_format(&r->peers[3].except[1], buf), "10.2.0.0/16");
	assert_string_equal(weir_prefix_format(&r->peers[4].prefix, buf), "2001:db8::/32");
	weir_policy_free(pool, &p);
}

static void test_ports(void **state)
{
	struct weir_policy *p = policy_with("{'podSelector':{},'ingress':[{'ports':[{'port':80},"
					    "{'port':1000,'endPort':2000,'protocol':'UDP'},"
					    "{'protocol':'SCTP'},{'port':'http'}]}]}");
	const struct weir_port *ports = p->rules[WEIR_INGRESS][0].ports;
	static const struct weir_port want[] = {
		{ .first = 80, .last = 80, .protocol = WEIR_PROTO_TCP },
		{ .first = 1000, .last = 2000, .protocol = WEIR_PROTO_UDP },
		{ .first = 0, .last = 65535, .protocol = WEIR_PROTO_SCTP },
	};

	assert_int_equal(p->rules[WEIR_INGRESS][0].n_ports, 4);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(want); i++) {
		assert_null(ports[i].name);
		assert_int_equal(ports[i].first, want[i].first);
		assert_int_equal(ports[i].last, want[i].last);
		assert_int_equal(ports[i].protocol, want[i].protocol);
	}
	assert_string_equal(ports[3].name, "http");
	weir_policy_free(pool, &p);
}

static void test_staged(void **state)
{
	static const struct {
		const char *mode;
		bool staged;
	} cases[] = { { "'staged'", true }, { "'enforced'", false }, { "null", false } };

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		struct weir_policy *p = NULL;
		char text[512];

		snprintf(text, sizeof(text),
			 HEAD "'metadata':{'name':'p','annotations':{'weir.dev/mode':%s}},"
			      "'spec':{'podSelector':{}}}",
			 cases[i].mode);
		DECODE(weir_networkpolicy_decode, text, &p);
		assert_int_equal(p->staged, cases[i].staged);
		weir_policy_free(pool, &p);
	}
}

static void test_refused_objects(void **state)
{
	static const struct {
		const char *text, *message;
	} cases[] = {
		{ "[]", "want an object" },
		{ "{'apiVersion':'v1'," META ",'spec':{'podSelector':{}}}",
		  "apiVersion: \"v1\" is not known for a NetworkPolicy: want "
		  "networking.k8s.io/v1" },
		{ HEAD META "}",
		  "spec: is missing: a NetworkPolicy has at least spec: {podSelector: {}}" },
		{ HEAD META ",'specc':{}}", "unknown field \"specc\": did you mean \"spec\"?" },
		{ HEAD "'metadata':{},'spec':{'podSelector':{}}}",
		  "metadata.name: is missing: every object has one" },
		{ HEAD "'metadata':{'name':'p','namespce':'n'},'spec':{'podSelector':{}}}",
		  "metadata: unknown field \"namespce\": did you mean \"namespace\"?" },
		{ HEAD "'metadata':{'name':7},'spec':{'podSelector':{}}}",
		  "metadata.name: want a string (put it in quotes)" },
		{ HEAD "'metadata':{'name':'p','annotations':{'weir.dev/mode':'off'}},"
		       "'spec':{'podSelector':{}}}",
		  "metadata.annotations: weir.dev/mode: \"off\" is not staged or enforced" },
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++)
		REFUSED(weir_networkpolicy_decode, struct weir_policy, cases[i].text,
			cases[i].message);
}

#define POD_SELECTOR "'podSelector':{}"
#define FROM(peer)   "{" POD_SELECTOR ",'ingress':[{'from':[" peer "]}]}"
#define PORTS(port)  "{" POD_SELECTOR ",'egress':[{},{'ports':[" port "]}]}"

static const struct {
	const char *spec, *message;
} refused_specs[] = {
	{ "[]", "spec: want an object (key: value)" },
	{ "{}", "spec.podSelector: is missing: write {} to select every pod" },
	{ "{'podSelctor':{}}",
	  "spec: unknown field \"podSelctor\": did you mean \"podSelector\"?" },
	{ "{" POD_SELECTOR ",'somethingElse':1}",
	  "spec: unknown field \"somethingElse\": the fields here are podSelector, policyTypes, "
	  "ingress, egress" },
	{ "{" POD_SELECTOR ",'ingress':{}}", "spec.ingress: want a list" },
	{ "{" POD_SELECTOR ",'ingress':[7]}",
	  "spec.ingress[0]: want an object with from and ports" },
	{ "{" POD_SELECTOR ",'egress':[{'from':[]}]}",
	  "spec.egress[0]: unknown field \"from\": the fields here are to, ports" },
	{ "{" POD_SELECTOR ",'policyTypes':['Ingress','ingress']}",
	  "spec.policyTypes[1]: \"ingress\" is not Ingress or Egress" },
	{ FROM("'a'"), "spec.ingress[0].from[0]: want podSelector, namespaceSelector or ipBlock" },
	{ FROM("{" POD_SELECTOR "},{}"),
	  "spec.ingress[0].from[1]: is empty: a peer has a podSelector, a namespaceSelector, both, "
	  "or an ipBlock" },
	{ FROM("{" POD_SELECTOR ",'ipBlock':{'cidr':'10.0.0.0/8'}}"),
	  "spec.ingress[0].from[0]: ipBlock cannot be combined with selectors: make two peers" },
	{ FROM("{'ipBlock':{}}"),
	  "spec.ingress[0].from[0].ipBlock.cidr: \"\" is not a CIDR (want e.g. 10.0.0.0/8 or "
	  "2001:db8::/32)" },
	{ FROM("{'ipBlock':{'cidr':'10.0.0.0/33'}}"),
	  "spec.ingress[0].from[0].ipBlock.cidr: \"10.0.0.0/33\" is not a CIDR (want e.g. "
	  "10.0.0.0/8 or 2001:db8::/32)" },
	{ FROM("{'ipBlock':{'cidr':'10.0.0.0/8','except':['11.0.0.0/16']}}"),
	  "spec.ingress[0].from[0].ipBlock.except[0]: \"11.0.0.0/16\" is not a smaller range "
	  "within "
	  "10.0.0.0/8" },
	{ FROM("{'ipBlock':{'cidr':'10.0.0.0/8','except':['10.0.0.0/8']}}"),
	  "spec.ingress[0].from[0].ipBlock.except[0]: \"10.0.0.0/8\" is not a smaller range within "
	  "10.0.0.0/8" },
	{ FROM("{'ipBlock':{'cidr':'10.0.0.0/8','exept':[]}}"),
	  "spec.ingress[0].from[0].ipBlock: unknown field \"exept\": did you mean \"except\"?" },
	{ PORTS("80"), "spec.egress[1].ports[0]: want an object with protocol and port" },
	{ PORTS("{'port':0}"), "spec.egress[1].ports[0].port: want a port number from 1 to 65535" },
	{ PORTS("{'port':65536}"),
	  "spec.egress[1].ports[0].port: want a port number from 1 to 65535" },
	{ PORTS("{'port':80.5}"),
	  "spec.egress[1].ports[0].port: want a port number from 1 to 65535" },
	{ PORTS("{'port':'80'}"),
	  "spec.egress[1].ports[0].port: \"80\": want a number without quotes, or a port name: at "
	  "most 15 lower case letters, digits and single '-', with at least one letter" },
	{ PORTS("{'protocol':'ICMP'}"),
	  "spec.egress[1].ports[0].protocol: \"ICMP\" is not TCP, UDP or SCTP" },
	{ PORTS("{'endPort':90}"),
	  "spec.egress[1].ports[0].endPort: needs a numeric port beside it" },
	{ PORTS("{'port':'http','endPort':90}"),
	  "spec.egress[1].ports[0].endPort: needs a numeric port beside it" },
	{ PORTS("{'port':90,'endPort':80}"),
	  "spec.egress[1].ports[0].endPort: 80 is less than port 90" },
	{ PORTS("{'ports':80}"),
	  "spec.egress[1].ports[0]: unknown field \"ports\": did you mean \"port\"?" },
	{ "{'podSelector':{'matchLabel':{}}}",
	  "spec.podSelector: unknown field \"matchLabel\": did you mean \"matchLabels\"?" },
	{ "{'podSelector':{'matchLabels':{'a':1}}}",
	  "spec.podSelector.matchLabels.a: want a string (put it in quotes)" },
	{ "{'podSelector':{'matchExpressions':[{'operator':'Exists'}]}}",
	  "spec.podSelector.matchExpressions[0].key: is missing" },
	{ "{'podSelector':{'matchExpressions':[{'key':'a','operator':'exists'}]}}",
	  "spec.podSelector.matchExpressions[0].operator: \"exists\": want In, NotIn, Exists or "
	  "DoesNotExist" },
	{ "{'podSelector':{'matchExpressions':[{'key':'a','operator':'In'}]}}",
	  "spec.podSelector.matchExpressions[0].values: In wants at least one value" },
	{ "{'podSelector':{'matchExpressions':[{'key':'a','operator':'Exists','values':['b']}]}}",
	  "spec.podSelector.matchExpressions[0].values: Exists takes no values" },
};

static void test_refused_specs(void **state)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(refused_specs); i++) {
		char text[1024];

		snprintf(text, sizeof(text), HEAD META ",'spec':%s}", refused_specs[i].spec);
		REFUSED(weir_networkpolicy_decode, struct weir_policy, text,
			refused_specs[i].message);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_name),
		cmocka_unit_test(test_types),
		cmocka_unit_test(test_empty_and_absent),
		cmocka_unit_test(test_peers),
		cmocka_unit_test(test_ports),
		cmocka_unit_test(test_staged),
		cmocka_unit_test(test_refused_objects),
		cmocka_unit_test(test_refused_specs),
	};

	return cmocka_run_group_tests(tests, open_pool, close_pool);
}
