/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Method "status": one page about the daemon, from the backend and the state
 * of the kernel to what flows were lost.
 */
#include "daemon/query/query.h"

#include <fcntl.h>
#include <pthread.h>
#include <time.h>
#include <unistd.h>

#include "backends/flow/kernel.h"
#include "config.h"
#include "daemon/chain/chain.h"
#include "daemon/cluster/cluster.h"
#include "daemon/hub/hub.h"
#include "daemon/reconcile/coverage.h"
#include "daemon/reconcile/reconcile.h"
#include "daemon/source/source.h"
#include "weir/cleanup.h"

static void add_number(cJSON *object, const char *key, uint64_t value)
{
	cJSON_AddNumberToObject(object, key, (double)value);
}

static void add_backend(const struct weird *d, cJSON *result)
{
	cJSON *backend = cJSON_AddObjectToObject(result, "backend");
	struct weir_backend_stats stats = { 0 };

	cJSON_AddStringToObject(backend, "name", weir_backend_name(d->backend));
	cJSON_AddStringToObject(backend, "configured", d->config->backend);
	weir_query_add_text(backend, "note", d->backend_note.text[0] ? d->backend_note.text : NULL);
	weir_backend_stats(d->backend, &stats);
	add_number(backend, "transactions", stats.transactions);
	add_number(backend, "elementsAdded", stats.elements_added);
	add_number(backend, "elementsRemoved", stats.elements_removed);
	add_number(backend, "retries", stats.retries);
	add_number(backend, "repairs", stats.repairs);
}

static void add_state(const struct weird *d, cJSON *result)
{
	cJSON *object = cJSON_AddObjectToObject(result, "state");
	struct weir_reconcile_state state;

	weir_reconcile_state(d->reconcile, &state);
	add_number(object, "desired", state.desired);
	add_number(object, "realised", state.realised);
	cJSON_AddBoolToObject(object, "inSync", state.in_sync);
	weir_query_add_text(object, "error", state.error[0] ? state.error : NULL);
	add_number(object, "runs", state.runs);
	add_number(object, "failures", state.failures);
	add_number(object, "lastUs", state.last_us);
	add_number(object, "maxUs", state.max_us);
}

struct totals {
	uint32_t enforced, adopted, unmanaged;
};

/* A pod on the node's network is none that could be enforced. */
static void count_without_cni(void *data, const struct weir_pod *pod, enum weir_uncovered why)
{
	struct totals *t = data;

	t->adopted += pod->local;
	t->enforced += pod->local && why == WEIR_COVERED;
	t->unmanaged += !pod->local && why != WEIR_UNCOVERED_HOST_NETWORK;
}

static void add_endpoints(const struct weird *d, cJSON *result)
{
	cJSON *object = cJSON_AddObjectToObject(result, "endpoints");
	struct weir_coverage coverage;
	struct totals t = { 0 };

	weir_coverage_begin(&coverage, d);
	for (const struct weir_endpoint *ep = weir_endpoints_first(d->endpoints); ep; ep = ep->next)
		t.enforced += weir_coverage_of(&coverage, ep) == WEIR_COVERED;
	weir_coverage_each_without_cni(&coverage, count_without_cni, &t);
	weir_coverage_end(&coverage);
	add_number(object, "total", weir_endpoints_count(d->endpoints) + t.adopted);
	add_number(object, "enforced", t.enforced);
	add_number(object, "adopted", t.adopted);
	add_number(object, "unmanaged", t.unmanaged);
}

static void add_cluster(const struct weird *d, cJSON *result)
{
	cJSON *object = cJSON_AddObjectToObject(result, "cluster");
	struct weir_cluster_counts counts;

	weir_cluster_counts(d->world.cluster, &counts);
	add_number(object, "namespaces", counts.namespaces);
	add_number(object, "pods", counts.pods);
	add_number(object, "nodes", counts.nodes);
	add_number(object, "services", counts.services);
	add_number(object, "policies", counts.policies);
}

static void add_compiler(const struct weird *d, cJSON *result)
{
	cJSON *object = cJSON_AddObjectToObject(result, "compiler");
	struct weir_compiler_stats stats;

	weir_compiler_stats(d->world.compiler, &stats);
	add_number(object, "identities", stats.identities);
	add_number(object, "prefixes", stats.prefixes);
	add_number(object, "rulesets", stats.rulesets);
	add_number(object, "classes", stats.classes);
	add_number(object, "commits", stats.commits);
	add_number(object, "compiledRulesets", stats.compiled_rulesets);
}

static void add_guards(const struct weird *d, cJSON *result)
{
	cJSON *array = cJSON_AddArrayToObject(result, "guards");
	char buf[WEIR_PREFIX_STRLEN];

	for (size_t i = 0; i < d->world.n_guards; i++)
		cJSON_AddItemToArray(
			array, cJSON_CreateString(weir_prefix_format(&d->world.guards[i], buf)));
}

/* net.bridge.bridge-nf-call-iptables or -ip6tables of this node's namespace */
enum bridge_netfilter { BRIDGE_ABSENT, BRIDGE_OFF, BRIDGE_ON };

static enum bridge_netfilter bridge_netfilter(int family)
{
	const char *path = family == AF_INET6 ? "/proc/sys/net/bridge/bridge-nf-call-ip6tables"
					      : "/proc/sys/net/bridge/bridge-nf-call-iptables";
	WEIR_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	char value;

	if (fd < 0 || read(fd, &value, 1) != 1)
		return BRIDGE_ABSENT;
	return value == '0' ? BRIDGE_OFF : BRIDGE_ON;
}

static void add_bridge(cJSON *object, const char *key, int family)
{
	switch (bridge_netfilter(family)) {
	case BRIDGE_ABSENT:
		cJSON_AddNullToObject(object, key);
		return;
	case BRIDGE_OFF:
		cJSON_AddBoolToObject(object, key, false);
		return;
	case BRIDGE_ON:
		cJSON_AddBoolToObject(object, key, true);
		return;
	}
}

static void add_flows(const struct weird *d, cJSON *result)
{
	cJSON *flows = cJSON_AddObjectToObject(result, "flows"), *records, *lost;
	struct weir_pipeline_stats stats = { 0 };
	struct weir_error err;

	if (d->pipeline)
		weir_pipeline_stats(d->pipeline, &stats);
	cJSON_AddBoolToObject(flows, "running", d->pipeline != NULL);
	weir_query_add_text(flows, "conntrack", weir_conntrack_check(&err) < 0 ? err.text : NULL);
	add_number(flows, "connections", stats.connections);
	records = cJSON_AddObjectToObject(flows, "records");
	for (int i = 0; i < WEIR_RECORD_TYPE_MAX; i++)
		add_number(records, weir_record_type_name(i), stats.records[i]);
	lost = cJSON_AddObjectToObject(flows, "lost");
	for (int i = 0; i < WEIR_LOSS_MAX; i++)
		add_number(lost, weir_loss_name(i), stats.lost[i]);
	add_number(flows, "deniedPackets", stats.denied_packets);
	add_number(flows, "deniedConnections", stats.denied_connections);
	add_number(flows, "policyRace", stats.policy_race);
}

static void add_publisher(const struct weird *d, cJSON *result)
{
	cJSON *object = cJSON_AddObjectToObject(result, "publisher"), *addresses;
	const struct weir_config_strings *publish = &d->config->flows.publish;
	struct weir_publish_stats stats = { 0 };

	if (d->publisher)
		weir_publisher_stats(d->publisher, &stats);
	addresses = cJSON_AddArrayToObject(object, "addresses");
	for (size_t i = 0; i < publish->n; i++)
		cJSON_AddItemToArray(addresses, cJSON_CreateString(publish->items[i]));
	add_number(object, "records", stats.records);
	add_number(object, "batches", stats.batches);
	add_number(object, "bytes", stats.bytes);
	add_number(object, "dropped", stats.dropped_messages);
	add_number(object, "gaps", stats.gaps);
	add_number(object, "subscribers", stats.subscribers);
}

static void add_hub(const struct weird *d, cJSON *result)
{
	cJSON *object = cJSON_AddObjectToObject(result, "hub");
	struct weir_hub_status s = { .state = WEIR_HUB_UNCONFIGURED };

	cJSON_AddBoolToObject(object, "configured", d->hub != NULL);
	if (!d->hub)
		return;
	weir_hub_status(d->hub, &s);
	cJSON_AddStringToObject(object, "state", weir_hub_state_name(s.state));
	cJSON_AddStringToObject(object, "address", s.address);
	weir_query_add_text(object, "cluster", *s.cluster ? s.cluster : NULL);
	weir_query_add_text(object, "error", *s.error ? s.error : NULL);
	add_number(object, "waiting", s.waiting);
	add_number(object, "memory", s.memory);
	add_number(object, "disk", s.disk);
	add_number(object, "acknowledged", s.acknowledged);
	add_number(object, "lost", s.lost);
}

void weir_query_status(struct weird *d, const cJSON *params, struct weir_rpc_reply *reply)
{
	cJSON *result = cJSON_CreateObject(), *bridge;

	cJSON_AddStringToObject(result, "version", PACKAGE_VERSION);
	cJSON_AddStringToObject(result, "features", WEIR_FEATURES);
	cJSON_AddStringToObject(result, "node", d->world.node);
	cJSON_AddStringToObject(result, "boot", d->boot);
	add_number(result, "uptimeSeconds", (uint64_t)(time(NULL) - d->started));
	add_backend(d, result);
	add_state(d, result);
	cJSON_AddItemToObject(result, "source",
			      d->source ? d->source->ops->status(d->source) : cJSON_CreateNull());
	cJSON_AddItemToObject(result, "chain", weir_keeper_status(d->keeper));
	pthread_mutex_lock(&d->world.lock);
	add_endpoints(d, result);
	add_cluster(d, result);
	add_compiler(d, result);
	add_guards(d, result);
	pthread_mutex_unlock(&d->world.lock);
	bridge = cJSON_AddObjectToObject(result, "bridgeNetfilter");
	add_bridge(bridge, "ipv4", AF_INET);
	add_bridge(bridge, "ipv6", AF_INET6);
	add_flows(d, result);
	add_publisher(d, result);
	add_hub(d, result);
	weir_rpc_reply_result(reply, result);
}
