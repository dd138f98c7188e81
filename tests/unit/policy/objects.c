/* SPDX-License-Identifier: Apache-2.0 */
/* Namespaces, pods, nodes and services: the few fields that weir reads. */
#include "tests/unit/policy/decoded.h"

#include <stdio.h>

static void expect_addr(const struct weir_addr *addr, const char *text)
{
	char buf[WEIR_ADDR_STRLEN];

	assert_string_equal(weir_addr_format(addr, buf), text);
}

static const char *label(const struct weir_labels *labels, const char *key)
{
	const char *interned = weir_pool_find(pool, key);

	return interned ? weir_labels_get(labels, interned) : NULL;
}

/* The label with the name is there, and cannot be another namespace's. */
static void test_namespace(void **state)
{
	struct weir_namespace *ns = NULL;

	DECODE(weir_namespace_decode, "{'metadata':{'name':'a'}}", &ns);
	assert_string_equal(label(ns->labels, "kubernetes.io/metadata.name"), "a");
	weir_namespace_free(pool, &ns);
	DECODE(weir_namespace_decode,
	       "{'metadata':{'name':'a','labels':{'kubernetes.io/metadata.name':'b','t':'u'}}}",
	       &ns);
	assert_string_equal(label(ns->labels, "kubernetes.io/metadata.name"), "a");
	assert_string_equal(label(ns->labels, "t"), "u");
	weir_namespace_free(pool, &ns);
	REFUSED(weir_namespace_decode, struct weir_namespace,
		"{'metadata':{'name':'a','labels':{'t':true}}}",
		"metadata.labels: value of \"t\": want a string (put it in quotes)");
}

static void test_pod(void **state)
{
	struct weir_pod *p = NULL;

	DECODE(weir_pod_decode,
	       "{'metadata':{'name':'p','namespace':'n','labels':{'app':'web'}},"
	       "'spec':{'nodeName':'node-1','hostNetwork':true},"
	       "'status':{'phase':'Running','podIP':'10.0.0.1',"
	       "'podIPs':[{'ip':'10.0.0.1'},{'ip':'fd00::1'}]}}",
	       &p);
	assert_string_equal(p->namespace_, "n");
	assert_string_equal(p->node, "node-1");
	assert_string_equal(label(p->labels, "app"), "web");
	assert_true(p->host_network);
	assert_false(p->finished || p->local);
	assert_int_equal(p->n_addrs, 2);
	expect_addr(&p->addrs[0], "10.0.0.1");
	expect_addr(&p->addrs[1], "fd00::1");
	assert_null(p->workload);
	weir_pod_free(pool, &p);
	DECODE(weir_pod_decode, "{'metadata':{'name':'p'},'status':{'phase':'Failed'}}", &p);
	assert_string_equal(p->namespace_, "default");
	assert_true(p->finished);
	assert_int_equal(p->n_addrs, 0);
	weir_pod_free(pool, &p);
}

static void expect_uid(const char *text, const char *as_uuid)
{
	struct weir_uid uid = weir_uid_parse(text);
	char buf[WEIR_UID_STRLEN];

	assert_string_equal(weir_uid_format(&uid, buf), as_uuid);
}

static void test_uid(void **state)
{
	struct weir_uid none = weir_uid_parse(""), a, b;

	expect_uid(NULL, "");
	expect_uid("", "");
	expect_uid("6ba7b810-9dad-11d1-80b4-00C04fd430c8", "6ba7b810-9dad-11d1-80b4-00c04fd430c8");
	expect_uid("6ba7b8109dad11d180b400c04fd430c8", "6ba7b810-9dad-11d1-80b4-00c04fd430c8");
	/* anything else is somebody, always the same, and never the unknown one */
	a = weir_uid_parse("00000000-0000-0000-0000-000000000000");
	b = weir_uid_parse("6ba7b810-9dad-11d1-80b4-00c04fd430cg");
	assert_true(weir_uid_known(&a) && weir_uid_known(&b) && !weir_uid_known(&none));
	assert_false(weir_uid_equal(&a, &b) || weir_uid_fits(&a, &b));
	assert_true(weir_uid_fits(&a, &none) && weir_uid_fits(&none, &b));
	none = weir_uid_parse("00000000-0000-0000-0000-000000000000");
	assert_true(weir_uid_equal(&a, &none));
}

/* The mirror pod of a static one is known by the static one's uid. */
static void test_pod_life(void **state)
{
	struct weir_pod *p = NULL;
	char buf[WEIR_UID_STRLEN];

	DECODE(weir_pod_decode,
	       "{'metadata':{'name':'p','uid':'6ba7b810-9dad-11d1-80b4-00c04fd430c8',"
	       "'creationTimestamp':'2026-01-02T03:04:05Z'}}",
	       &p);
	assert_string_equal(weir_uid_format(&p->uid, buf), "6ba7b810-9dad-11d1-80b4-00c04fd430c8");
	assert_int_equal(p->created, 20260102030405);
	assert_false(p->terminating);
	weir_pod_free(pool, &p);
	DECODE(weir_pod_decode,
	       "{'metadata':{'name':'p','uid':'6ba7b810-9dad-11d1-80b4-00c04fd430c8',"
	       "'deletionTimestamp':'2026-01-02T03:04:05Z','creationTimestamp':'yesterday',"
	       "'annotations':{'kubernetes.io/config.mirror':'0123456789abcdef0123456789abcdef'}}}",
	       &p);
	assert_string_equal(weir_uid_format(&p->uid, buf), "01234567-89ab-cdef-0123-456789abcdef");
	assert_int_equal(p->created, 0);
	assert_true(p->terminating);
	weir_pod_free(pool, &p);
	REFUSED(weir_pod_decode, struct weir_pod, "{'metadata':{'name':'p','uid':7}}",
		"metadata.uid: want a string (put it in quotes)");
}

/* Sorted by name; of init containers only those that go on running. */
static void test_pod_ports(void **state)
{
	struct weir_pod *p = NULL;

	DECODE(weir_pod_decode,
	       "{'metadata':{'name':'p'},'spec':{"
	       "'containers':[{'ports':[{'name':'web','containerPort':80},{'containerPort':81},"
	       "{'name':'dns','containerPort':53,'protocol':'UDP'}]}],"
	       "'initContainers':[{'ports':[{'name':'once','containerPort':1}]},"
	       "{'restartPolicy':'Always','ports':[{'name':'side','containerPort':2}]}]}}",
	       &p);
	assert_int_equal(p->workload->n_ports, 3);
	assert_string_equal(p->workload->ports[0].name, "dns");
	assert_int_equal(p->workload->ports[0].port, 53);
	assert_int_equal(p->workload->ports[0].protocol, WEIR_PROTO_UDP);
	assert_string_equal(p->workload->ports[1].name, "side");
	assert_string_equal(p->workload->ports[2].name, "web");
	weir_pod_free(pool, &p);
}

/* Replicas share what they have in common. */
static void test_replicas(void **state)
{
	static const char text[] =
		"{'metadata':{'name':'p','ownerReferences':[{'controller':true,'kind':'DaemonSet',"
		"'name':'d'}]},'spec':{'containers':[{'ports':[{'name':'web','containerPort':80}]}]"
		"}}";
	struct weir_pod *p = NULL, *q = NULL;

	DECODE(weir_pod_decode, text, &p);
	DECODE(weir_pod_decode, text, &q);
	assert_ptr_equal(p->workload, q->workload);
	weir_pod_free(pool, &p);
	assert_string_equal(q->workload->name, "d");
	assert_string_equal(q->workload->ports[0].name, "web");
	weir_pod_free(pool, &q);
	assert_null(weir_pool_find(pool, "DaemonSet"));
}

/* A ReplicaSet NAME-HASH whose pods carry HASH is a Deployment's. */
static void test_workload(void **state)
{
	static const struct {
		const char *owner, *kind, *name;
	} cases[] = {
		{ "{'controller':true,'kind':'ReplicaSet','name':'web-abc12'}", "Deployment",
		  "web" },
		{ "{'controller':true,'kind':'ReplicaSet','name':'web-other'}", "ReplicaSet",
		  "web-other" },
		{ "{'controller':true,'kind':'StatefulSet','name':'db'}", "StatefulSet", "db" },
		{ "{'kind':'StatefulSet','name':'db'}", NULL, NULL },
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		struct weir_pod *p = NULL;
		char text[512];

		snprintf(text, sizeof(text),
			 "{'metadata':{'name':'p','labels':{'pod-template-hash':'abc12'},"
			 "'ownerReferences':[%s]}}",
			 cases[i].owner);
		DECODE(weir_pod_decode, text, &p);
		if (cases[i].kind) {
			assert_string_equal(p->workload->kind, cases[i].kind);
			assert_string_equal(p->workload->name, cases[i].name);
		} else {
			assert_null(p->workload);
		}
		weir_pod_free(pool, &p);
	}
}

static void test_refused_pods(void **state)
{
	static const struct {
		const char *rest, *message;
	} cases[] = {
		{ "'status':{'podIP':'10.0.0'}", "status.podIP: \"10.0.0\" is not an IP address" },
		{ "'status':{'podIPs':[{'ip':'10.0.0.1'},{'ip':'x'}]}",
		  "status.podIPs[1]: \"x\" is not an IP address" },
		{ "'spec':{'containers':{}}", "spec.containers: want a list" },
		{ "'spec':{'containers':[{'ports':[{'name':'a'}]}]}",
		  "spec.containers[0].ports[0].containerPort: is missing" },
		{ "'spec':{'containers':[{},{'ports':[{'name':'a','containerPort':0}]}]}",
		  "spec.containers[1].ports[0].containerPort: want a port number from 1 to 65535" },
	};

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(cases); i++) {
		char text[512];

		snprintf(text, sizeof(text), "{'metadata':{'name':'p'},%s}", cases[i].rest);
		REFUSED(weir_pod_decode, struct weir_pod, text, cases[i].message);
	}
}

static void test_pod_made_of_parts(void **state)
{
	struct weir_pod *like = NULL, *p = NULL;
	struct weir_addr addr;

	weir_addr_parse("10.0.0.9", &addr);
	DECODE(weir_pod_decode,
	       "{'metadata':{'name':'p','labels':{'app':'web'}},'spec':{'containers':"
	       "[{'ports':[{'name':'web','containerPort':80}]}]},'status':{'podIP':'10.0.0.1'}}",
	       &like);
	assert_int_equal(weir_pod_make(pool, "n", "p", like, &addr, 1, true, &p), 0);
	weir_pod_free(pool, &like);
	assert_true(p->local);
	assert_string_equal(label(p->labels, "app"), "web");
	assert_string_equal(p->workload->ports[0].name, "web");
	assert_int_equal(p->n_addrs, 1);
	expect_addr(&p->addrs[0], "10.0.0.9");
	weir_pod_free(pool, &p);
	assert_int_equal(weir_pod_make(pool, "n", "p", NULL, NULL, 0, true, &p), 0);
	assert_int_equal(p->labels->n, 0);
	weir_pod_free(pool, &p);
}

static void test_node(void **state)
{
	struct weir_node *n = NULL;
	char buf[WEIR_PREFIX_STRLEN];

	DECODE(weir_node_decode,
	       "{'metadata':{'name':'n1'},'spec':{'podCIDR':'10.244.1.0/24',"
	       "'podCIDRs':['10.244.1.0/24','fd00::/64']},'status':{'addresses':["
	       "{'type':'InternalIP','address':'192.0.2.1'},{'type':'Hostname','address':'n1'},"
	       "{'type':'ExternalIP','address':'2001:db8::1'}]}}",
	       &n);
	assert_int_equal(n->n_pod_cidrs, 2);
	assert_string_equal(weir_prefix_format(&n->pod_cidrs[1], buf), "fd00::/64");
	assert_int_equal(n->n_addrs, 2);
	expect_addr(&n->addrs[1], "2001:db8::1");
	weir_node_free(pool, &n);
	DECODE(weir_node_decode, "{'metadata':{'name':'n1'},'spec':{'podCIDR':'10.244.1.0/24'}}",
	       &n);
	assert_int_equal(n->n_pod_cidrs, 1);
	weir_node_free(pool, &n);
	REFUSED(weir_node_decode, struct weir_node,
		"{'metadata':{'name':'n1'},'spec':{'podCIDRs':['10.0.0.0/33']}}",
		"spec.podCIDRs[0]: \"10.0.0.0/33\" is not a CIDR (want e.g. 10.244.1.0/24)");
}

/* Each address once, wherever it is told; a headless service has none. */
static void test_service(void **state)
{
	struct weir_service *s = NULL;

	DECODE(weir_service_decode,
	       "{'metadata':{'name':'s'},'spec':{'clusterIP':'10.96.0.1','clusterIPs':"
	       "['10.96.0.1','fd00::1'],'externalIPs':['192.0.2.7'],'ports':["
	       "{'port':80},{'name':'dns','port':53,'protocol':'UDP'}]},"
	       "'status':{'loadBalancer':{'ingress':[{'ip':'203.0.113.1'},{'hostname':'x'}]}}}",
	       &s);
	assert_int_equal(s->n_addrs, 4);
	expect_addr(&s->addrs[1], "fd00::1");
	expect_addr(&s->addrs[3], "203.0.113.1");
	assert_int_equal(s->n_ports, 2);
	assert_null(s->ports[0].name);
	assert_int_equal(s->ports[1].protocol, WEIR_PROTO_UDP);
	weir_service_free(pool, &s);
	DECODE(weir_service_decode, "{'metadata':{'name':'s'},'spec':{'clusterIP':'None'}}", &s);
	assert_int_equal(s->n_addrs, 0);
	weir_service_free(pool, &s);
	REFUSED(weir_service_decode, struct weir_service,
		"{'metadata':{'name':'s'},'spec':{'ports':[{'name':'a'}]}}",
		"spec.ports[0].port: is missing");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_namespace),    cmocka_unit_test(test_pod),
		cmocka_unit_test(test_pod_ports),    cmocka_unit_test(test_workload),
		cmocka_unit_test(test_refused_pods), cmocka_unit_test(test_pod_made_of_parts),
		cmocka_unit_test(test_node),	     cmocka_unit_test(test_service),
		cmocka_unit_test(test_uid),	     cmocka_unit_test(test_replicas),
		cmocka_unit_test(test_pod_life),
	};

	return cmocka_run_group_tests(tests, open_pool, close_pool);
}
