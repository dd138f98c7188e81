/* SPDX-License-Identifier: Apache-2.0 */
/* See fakes.h. */
#include "tests/unit/daemon/flow/fakes.h"

#include <stdlib.h>
#include <string.h>

#include "daemon/cluster/cluster.h"

struct weir_world fake_world = { .lock = PTHREAD_MUTEX_INITIALIZER };

static struct weir_pod pods[2];
static struct weir_addr pod_addrs[2], node_addr, service_addr;
static struct weir_service service;
static struct weir_policy policies[2], *policy = &policies[0];
static struct weir_rule fake_rules[2];
static const struct weir_policy *isolating[1];
static struct weir_ruleset ruleset;
static bool allow_all, staged_denies;

static struct weir_addr addr(const char *text)
{
	struct weir_addr a;

	if (weir_addr_parse(text, &a) < 0)
		abort();
	return a;
}

static const char *word(const char *text)
{
	return weir_pool_string(fake_world.pool, text);
}

static void make_pod(struct weir_pod *pod, const char *name, struct weir_addr *a, bool local)
{
	const struct weir_label_input labels[] = { { "app", name } };
	struct weir_workload *workload = calloc(1, sizeof(*workload));

	*pod = (struct weir_pod){ .namespace_ = word("shop"),
				  .name = word(name),
				  .node = word(local ? "here" : "there"),
				  .labels = weir_pool_labels(fake_world.pool, labels, 1),
				  .local = local,
				  .n_addrs = 1,
				  .addrs = a };
	workload->kind = word("Deployment");
	workload->name = pod->name;
	pod->workload = workload;
}

static void make_policy(struct weir_policy *p, struct weir_rule *rule)
{
	*rule = (struct weir_rule){ .policy = p, .direction = WEIR_INGRESS };
	*p = (struct weir_policy){ .kind = word("NetworkPolicy"),
				   .namespace_ = word("shop"),
				   .name = word("deny"),
				   .tier = WEIR_TIER_NETWORK_POLICY,
				   .isolates = { [WEIR_INGRESS] = true } };
	isolating[0] = policy = p;
	ruleset = (struct weir_ruleset){
		.id = 42, .direction = WEIR_INGRESS, .n_policies = 1, .policies = isolating
	};
}

uint32_t fake_ruleset_tag(void)
{
	return weir_ruleset_tag(&ruleset);
}

static void drop_policy(struct weir_policy *p)
{
	weir_pool_put_string(fake_world.pool, p->kind);
	weir_pool_put_string(fake_world.pool, p->namespace_);
	weir_pool_put_string(fake_world.pool, p->name);
	memset(p, 0xA5, sizeof(*p));
}

void fake_world_open(void)
{
	if (weir_pool_new(&fake_world.pool) < 0)
		abort();
	allow_all = staged_denies = false;
	pod_addrs[0] = addr("10.0.0.1");
	pod_addrs[1] = addr("10.0.1.1");
	node_addr = addr("192.168.0.1");
	service_addr = addr("10.96.0.1");
	make_pod(&pods[0], "local", &pod_addrs[0], true);
	make_pod(&pods[1], "remote", &pod_addrs[1], false);
	make_policy(&policies[0], &fake_rules[0]);
	service = (struct weir_service){ .namespace_ = word("shop"),
					 .name = word("web"),
					 .n_addrs = 1,
					 .addrs = &service_addr };
	fake_world.n_node_addrs = 1;
	fake_world.node_addrs = &node_addr;
}

static void drop_pod(struct weir_pod *pod)
{
	weir_pool_put_string(fake_world.pool, pod->namespace_);
	weir_pool_put_string(fake_world.pool, pod->name);
	weir_pool_put_string(fake_world.pool, pod->node);
	weir_pool_put_labels(fake_world.pool, pod->labels);
	weir_pool_put_string(fake_world.pool, pod->workload->kind);
	free((void *)(uintptr_t)pod->workload);
}

void fake_world_close(void)
{
	static const char *const words[] = { "shop", "local", "remote",	       "here",	  "there",
					     "web",  "deny",  "NetworkPolicy", "shop/web" };

	drop_pod(&pods[0]);
	drop_pod(&pods[1]);
	drop_policy(policy);
	weir_pool_put_string(fake_world.pool, service.namespace_);
	weir_pool_put_string(fake_world.pool, service.name);
	for (size_t i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
		if (weir_pool_find(fake_world.pool, words[i]))
			abort();
	}
	weir_pool_free(&fake_world.pool);
}

void fake_world_replace_policy(void)
{
	struct weir_policy *old = policy;
	int other = policy == &policies[0];

	make_policy(&policies[other], &fake_rules[other]);
	drop_policy(old);
}

void fake_world_staged_denies(bool yes)
{
	staged_denies = yes;
}

void fake_world_allow_all(bool yes)
{
	allow_all = yes;
}

struct weir_flow fake_flow(enum weir_flow_event event, uint32_t id, const char *src, uint16_t sport,
			   const char *dst, uint16_t dport)
{
	struct weir_flow f = { .event = event, .id = id, .time = 1000, .start = 1000 };

	f.original = (struct weir_tuple){ addr(src), addr(dst), sport, dport, WEIR_PROTO_TCP };
	f.reply = (struct weir_tuple){ addr(dst), addr(src), dport, sport, WEIR_PROTO_TCP };
	return f;
}

/* --- what cluster.h and compiler.h promise -------------------------------- */

const struct weir_pod *weir_cluster_pod_by_addr(const struct weir_cluster *c,
						const struct weir_addr *a)
{
	for (int i = 0; i < 2; i++) {
		if (weir_addr_compare(a, &pod_addrs[i]) == 0)
			return &pods[i];
	}
	return NULL;
}

const struct weir_node *weir_cluster_node_by_addr(const struct weir_cluster *c,
						  const struct weir_addr *a)
{
	static struct weir_node node;

	node.name = pods[0].node;
	return weir_addr_compare(a, &node_addr) == 0 ? &node : NULL;
}

const struct weir_service *weir_cluster_service_by_addr(const struct weir_cluster *c,
							const struct weir_addr *a, uint8_t protocol,
							uint16_t port)
{
	return weir_addr_compare(a, &service_addr) == 0 && port == 80 ? &service : NULL;
}

const struct weir_ruleset *weir_compiler_ruleset_of(const struct weir_compiler *c,
						    const struct weir_pod *pod,
						    enum weir_direction direction)
{
	return pod == &pods[0] && direction == WEIR_INGRESS ? &ruleset : NULL;
}

const struct weir_compiler *weir_cluster_staged(const struct weir_cluster *c)
{
	return staged_denies ? (const void *)&staged_denies : NULL;
}

void weir_compiler_judge(const struct weir_compiler *c, const struct weir_connection *conn,
			 struct weir_judgement *ret)
{
	struct weir_decision *in = &ret->sides[WEIR_INGRESS];

	*ret = (struct weir_judgement){ .verdict = WEIR_ALLOWED };
	ret->sides[WEIR_EGRESS].reason = WEIR_REASON_NOT_ENDPOINT;
	in->reason = WEIR_REASON_NOT_ENDPOINT;
	if (weir_addr_compare(&conn->src, &pod_addrs[0]) == 0)
		ret->sides[WEIR_EGRESS].reason = WEIR_REASON_NO_POLICY;
	if (weir_addr_compare(&conn->dst, &pod_addrs[0]) != 0)
		return;
	in->reason = WEIR_REASON_NO_POLICY;
	if (allow_all)
		return;
	in->ruleset = &ruleset;
	if (conn->dport == 80 && c != (const void *)&staged_denies) {
		in->reason = WEIR_REASON_RULE;
		in->rule = &fake_rules[policy == &policies[1]];
		return;
	}
	in->reason = WEIR_REASON_ISOLATED;
	in->verdict = ret->verdict = WEIR_DENIED;
}
