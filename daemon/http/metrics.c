/* SPDX-License-Identifier: Apache-2.0 */
/*
 * /metrics in the Prometheus text format 0.0.4: one table of all metrics, one
 * snapshot of all numbers. docs/OPERATIONS.md has the same list.
 */
#include <inttypes.h>
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "config.h"
#include "daemon/chain/chain.h"
#include "daemon/cluster/cluster.h"
#include "daemon/dns/dns.h"
#include "daemon/flow/rejudge.h"
#include "daemon/http/http.h"
#include "daemon/hub/hub.h"
#include "daemon/reconcile/coverage.h"
#include "daemon/reconcile/interfaces.h"
#include "daemon/reconcile/reconcile.h"
#include "daemon/report/report.h"
#include "daemon/source/source.h"
#include "daemon/weird.h"
#include "weir/cleanup.h"

struct snapshot {
	uint64_t endpoints, realised_endpoints, resident, uptime, source_broken, source_errors;
	struct weir_cluster_counts cluster;
	struct weir_compiler_stats compiler;
	struct weir_reconcile_state reconcile;
	struct weir_backend_stats backend;
	struct weir_pipeline_stats flows;
	struct weir_rejudge_stats rejudge;
	struct weir_publish_stats publish;
	struct weir_hub_status hub;
	struct weir_dns_stats dns;
	uint64_t unmanaged[WEIR_UNCOVERED_MAX];
	struct weir_interface_counts interfaces;
};

enum type { GAUGE, COUNTER };

struct metric {
	const char *name;
	enum type type;
	const char *help;
	size_t offset;
	uint8_t size; /* bytes of one number in the snapshot */
	uint8_t n;    /* > 1: an array, told apart by label */
	double scale;
	const char *label;
	const char *(*word)(unsigned i); /* value of the label */
	const char *fixed;		 /* value of the label of a single number */
};

static const char *loss_word(unsigned i)
{
	return weir_loss_name((enum weir_loss)i);
}

static const char *record_word(unsigned i)
{
	return weir_record_type_name((enum weir_record_type)i);
}

static const char *uncovered_word(unsigned i)
{
	return weir_uncovered_name((enum weir_uncovered)i);
}

static const char *spoof_word(unsigned i)
{
	return weir_spoof_name((enum weir_spoof)i);
}

static const char *event_word(unsigned i)
{
	static const char *const words[] = {
		[WEIR_FLOW_NEW] = "new",	   [WEIR_FLOW_CLOSING] = "closing",
		[WEIR_FLOW_COUNTERS] = "counters", [WEIR_FLOW_END] = "end",
		[WEIR_FLOW_DENIED] = "denied",	   [WEIR_FLOW_LOST] = "lost",
		[WEIR_FLOW_POLLED] = "polled",
	};
	_Static_assert(WEIR_ARRAY_SIZE(words) == WEIR_FLOW_EVENT_MAX, "a word for each event");

	return words[i];
}

#define NUMBER(name_, type_, member, help_)                                                        \
	{                                                                                          \
		.name = name_, .type = type_, .help = help_,                                       \
		.offset = offsetof(struct snapshot, member),                                       \
		.size = sizeof(((struct snapshot *)0)->member), .n = 1, .scale = 1                 \
	}
#define ARRAY(name_, type_, member, help_, label_, word_)                                          \
	{                                                                                          \
		.name = name_, .type = type_, .help = help_,                                       \
		.offset = offsetof(struct snapshot, member),                                       \
		.size = sizeof(((struct snapshot *)0)->member[0]),                                 \
		.n = WEIR_ARRAY_SIZE(((struct snapshot *)0)->member), .scale = 1, .label = label_, \
		.word = word_                                                                      \
	}
#define OBJECT(kind_, member)                                                                      \
	{                                                                                          \
		.name = "weir_objects", .type = GAUGE, .help = "Objects known.",                   \
		.offset = offsetof(struct snapshot, member), .size = sizeof(uint32_t), .n = 1,     \
		.scale = 1, .label = "kind", .fixed = kind_                                        \
	}
#define SECONDS(name_, member, help_)                                                              \
	{                                                                                          \
		.name = name_, .type = GAUGE, .help = help_,                                       \
		.offset = offsetof(struct snapshot, member), .size = sizeof(uint64_t), .n = 1,     \
		.scale = 1e-6                                                                      \
	}

/* clang-format off */
static const struct metric metrics[] = {
	NUMBER("weir_endpoints", GAUGE, endpoints, "Pod interfaces of this node."),
	NUMBER("weir_endpoints_realised", GAUGE, realised_endpoints, "Those whose policy the kernel enforces."),
	ARRAY("weir_unmanaged_pods", GAUGE, unmanaged, "Pods of this node that are not enforced, by reason.", "reason", uncovered_word),
	OBJECT("Namespace", cluster.namespaces),
	OBJECT("Pod", cluster.pods),
	OBJECT("Node", cluster.nodes),
	OBJECT("Service", cluster.services),
	OBJECT("NetworkPolicy", cluster.policies),
	NUMBER("weir_source_broken", GAUGE, source_broken, "Objects or files that are broken now."),
	NUMBER("weir_source_errors_total", COUNTER, source_errors, "Objects or files found broken."),
	NUMBER("weir_identities", GAUGE, compiler.identities, "Identities in use."),
	NUMBER("weir_prefixes", GAUGE, compiler.prefixes, "Prefixes that policies name."),
	NUMBER("weir_rulesets", GAUGE, compiler.rulesets, "Compiled rulesets."),
	NUMBER("weir_classes", GAUGE, compiler.classes, "Compiled classes of peers."),
	NUMBER("weir_rulesets_compiled_total", COUNTER, compiler.compiled_rulesets, "Rulesets compiled."),
	NUMBER("weir_generation_desired", GAUGE, reconcile.desired, "Generation that is to be in force."),
	NUMBER("weir_generation_realised", GAUGE, reconcile.realised, "Generation that is in force."),
	NUMBER("weir_in_sync", GAUGE, reconcile.in_sync, "1 when the kernel enforces all of the desired state."),
	NUMBER("weir_reconcile_runs_total", COUNTER, reconcile.runs, "Runs of the reconciler."),
	NUMBER("weir_reconcile_failures_total", COUNTER, reconcile.failures, "Runs that failed."),
	SECONDS("weir_reconcile_last_seconds", reconcile.last_us, "Duration of the last run."),
	SECONDS("weir_reconcile_max_seconds", reconcile.max_us, "Duration of the longest run."),
	NUMBER("weir_backend_transactions_total", COUNTER, backend.transactions, "Transactions with the kernel."),
	NUMBER("weir_backend_elements_added_total", COUNTER, backend.elements_added, "Elements added to kernel tables."),
	NUMBER("weir_backend_elements_removed_total", COUNTER, backend.elements_removed, "Elements removed from kernel tables."),
	NUMBER("weir_backend_retries_total", COUNTER, backend.retries, "Transactions tried again."),
	NUMBER("weir_backend_repairs_total", COUNTER, backend.repairs, "Differences found in the kernel and repaired."),
	ARRAY("weir_flow_events_total", COUNTER, flows.events, "Events read from the kernel.", "event", event_word),
	ARRAY("weir_flow_records_total", COUNTER, flows.records, "Flow records made.", "type", record_word),
	ARRAY("weir_flow_lost_total", COUNTER, flows.lost, "Events or records lost, by place.", "place", loss_word),
	NUMBER("weir_flow_connections", GAUGE, flows.connections, "Connections followed now."),
	NUMBER("weir_flow_denied_packets_total", COUNTER, flows.denied_packets, "Packets denied."),
	NUMBER("weir_flow_denied_connections_total", COUNTER, flows.denied_connections, "Connections denied."),
	NUMBER("weir_flow_policy_race_total", COUNTER, flows.policy_race, "Denials whose reason had changed when they were read."),
	ARRAY("weir_spoofed_packets_total", COUNTER, backend.spoofed, "Packets from pods dropped because they were not from the pod, by what was not so. Begins anew when the kernel's rules do.", "kind", spoof_word),
	NUMBER("weir_spoof_guarded_interfaces", GAUGE, interfaces.guarded, "Interfaces of pods with anti-spoofing."),
	NUMBER("weir_spoof_unguarded_pods", GAUGE, interfaces.unguarded, "Pod interfaces without it although it is configured: see weirctl endpoints."),
	NUMBER("weir_connections_ended_total", COUNTER, rejudge.ended, "Established connections ended because policies deny them now."),
	NUMBER("weir_connections_released_total", COUNTER, rejudge.released, "Ended connections whose packets are let through again."),
	NUMBER("weir_rejudge_rounds_total", COUNTER, rejudge.walks, "Rounds in which all connections were judged again."),
	SECONDS("weir_rejudge_last_seconds", rejudge.last_us, "From the last change until every connection had been judged again, and ended where it is denied."),
	SECONDS("weir_rejudge_max_step_seconds", rejudge.max_step_us, "Longest time that judging connections has kept weird from other work."),
	NUMBER("weir_publish_records_total", COUNTER, publish.records, "Records published."),
	NUMBER("weir_publish_batches_total", COUNTER, publish.batches, "Batches published."),
	NUMBER("weir_publish_bytes_total", COUNTER, publish.bytes, "Bytes published."),
	NUMBER("weir_publish_dropped_messages_total", COUNTER, publish.dropped_messages, "Messages that could not be made or handed to ZeroMQ. What a slow subscriber's queue drops only the subscriber can count."),
	NUMBER("weir_publish_gaps_total", COUNTER, publish.gaps, "Gap records published."),
	NUMBER("weir_publish_subscribers", GAUGE, publish.subscribers, "Subscribers now."),
	NUMBER("weir_hub_connected", GAUGE, hub.connected, "1 while the hub takes this node's records."),
	NUMBER("weir_hub_connects_total", COUNTER, hub.connects, "Times that the hub has let this node in."),
	NUMBER("weir_hub_waiting_records", GAUGE, hub.waiting, "Records that the hub has not stored yet."),
	NUMBER("weir_hub_acknowledged_records_total", COUNTER, hub.acknowledged, "Records that the hub has stored."),
	NUMBER("weir_hub_lost_records_total", COUNTER, hub.lost, "Records that left the spool before the hub had stored them."),
	NUMBER("weir_hub_sent_batches_total", COUNTER, hub.sent, "Batches sent to the hub, those sent again counted again."),
	NUMBER("weir_hub_sent_bytes_total", COUNTER, hub.sent_bytes, "Their bytes."),
	NUMBER("weir_hub_spool_memory_bytes", GAUGE, hub.memory, "Batches for the hub in memory."),
	NUMBER("weir_hub_spool_disk_bytes", GAUGE, hub.disk, "Files of hub.spool.path."),
	NUMBER("weir_dns_resolvers", GAUGE, dns.resolvers, "Addresses and prefixes whose DNS answers are believed; 0 while no policy names a domain."),
	NUMBER("weir_dns_answers_total", COUNTER, dns.answers, "DNS answers to pods that were read."),
	NUMBER("weir_dns_learned_total", COUNTER, dns.learned, "Answers that told addresses of a name that a policy asks for."),
	NUMBER("weir_dns_ignored_total", COUNTER, dns.ignored, "Answers about other names, or without addresses."),
	NUMBER("weir_dns_malformed_total", COUNTER, dns.malformed, "Answers that are no DNS messages."),
	NUMBER("weir_dns_lost_total", COUNTER, dns.lost, "Answers that were not read because the kernel's buffer was full."),
	NUMBER("weir_dns_names", GAUGE, dns.table.names, "Names whose addresses are known."),
	NUMBER("weir_dns_addresses", GAUGE, dns.table.addrs, "Addresses of all names."),
	NUMBER("weir_dns_expired_total", COUNTER, dns.table.expired, "Addresses whose time was over."),
	NUMBER("weir_dns_names_refused_total", COUNTER, dns.table.names_refused, "Answers not learned because there were too many names (dns.maxNames)."),
	NUMBER("weir_dns_addresses_displaced_total", COUNTER, dns.table.addrs_displaced, "Addresses left out because a name had too many (dns.maxAddresses)."),
	NUMBER("weir_uptime_seconds", GAUGE, uptime, "Seconds since weird began."),
	NUMBER("process_resident_memory_bytes", GAUGE, resident, "Resident memory."),
};
/* clang-format on */

static uint64_t resident_bytes(void)
{
	unsigned long total, resident = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (!f)
		return 0;
	if (fscanf(f, "%lu %lu", &total, &resident) != 2)
		resident = 0;
	fclose(f);
	return (uint64_t)resident * (uint64_t)sysconf(_SC_PAGESIZE);
}

static void take_snapshot(struct weird *d, struct snapshot *ret)
{
	struct weir_coverage coverage;

	*ret = (struct snapshot){ .endpoints = weir_endpoints_count(d->endpoints) };
	for (const struct weir_endpoint *ep = weir_endpoints_first(d->endpoints); ep; ep = ep->next)
		ret->realised_endpoints += ep->realised != 0;
	pthread_mutex_lock(&d->world.lock);
	weir_cluster_counts(d->world.cluster, &ret->cluster);
	weir_compiler_stats(d->world.compiler, &ret->compiler);
	weir_coverage_begin(&coverage, d);
	weir_coverage_count(&coverage, ret->unmanaged);
	weir_coverage_end(&coverage);
	weir_interfaces_count(d, &ret->interfaces);
	pthread_mutex_unlock(&d->world.lock);
	weir_reconcile_state(d->reconcile, &ret->reconcile);
	weir_backend_stats(d->backend, &ret->backend);
	weir_dns_stats(d->dns, &ret->dns);
	d->source->ops->counts(d->source, &ret->source_broken, &ret->source_errors);
	weir_rejudge_stats(d->rejudge, &ret->rejudge);
	if (d->pipeline)
		weir_pipeline_stats(d->pipeline, &ret->flows);
	if (d->publisher)
		weir_publisher_stats(d->publisher, &ret->publish);
	if (d->hub)
		weir_hub_status(d->hub, &ret->hub);
	ret->uptime = (uint64_t)(time(NULL) - d->started);
	ret->resident = resident_bytes();
}

static double number_at(const struct snapshot *s, const struct metric *m, unsigned i)
{
	const char *at = (const char *)s + m->offset + (size_t)i * m->size;

	switch (m->size) {
	case 1:
		return *(const uint8_t *)at * m->scale;
	case 4:
		return *(const uint32_t *)at * m->scale;
	default:
		return (double)*(const uint64_t *)at * m->scale;
	}
}

static void print_metric(FILE *out, const struct snapshot *s, const struct metric *m)
{
	for (unsigned i = 0; i < m->n; i++) {
		fputs(m->name, out);
		if (m->label)
			fprintf(out, "{%s=\"%s\"}", m->label, m->word ? m->word(i) : m->fixed);
		fprintf(out, " %.15g\n", number_at(s, m, i));
	}
}

static void print_requests(void *data, const char *method, uint64_t ok, uint64_t failed)
{
	fprintf(data,
		"weir_rpc_requests_total{method=\"%s\",result=\"ok\"} %" PRIu64 "\n"
		"weir_rpc_requests_total{method=\"%s\",result=\"error\"} %" PRIu64 "\n",
		method, ok, method, failed);
}

static void print_report(const struct weir_report *report, FILE *out)
{
	struct weir_report_stats s;

	weir_report_stats(report, &s);
	fprintf(out,
		"# HELP weir_events_total Kubernetes Events, by what became of them.\n"
		"# TYPE weir_events_total counter\n"
		"weir_events_total{result=\"sent\"} %" PRIu64 "\n"
		"weir_events_total{result=\"failed\"} %" PRIu64 "\n"
		"weir_events_total{result=\"dropped\"} %" PRIu64 "\n",
		s.events.sent, s.events.failed, s.events.dropped + s.denials_lost);
	fprintf(out,
		"# HELP weir_policy_status_written_total Statuses of policies written.\n"
		"# TYPE weir_policy_status_written_total counter\n"
		"weir_policy_status_written_total %" PRIu64 "\n"
		"# HELP weir_leader 1 on the node that writes them for all.\n"
		"# TYPE weir_leader gauge\nweir_leader %d\n",
		s.written, s.leader);
}

char *weir_page_metrics(struct weird *d, unsigned *ret_status)
{
	static const char *const types[] = { [GAUGE] = "gauge", [COUNTER] = "counter" };
	struct snapshot s;
	const char *last = "";
	size_t len;
	char *text = NULL;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	take_snapshot(d, &s);
	fprintf(out,
		"# HELP weir_build_info Version and backend.\n# TYPE weir_build_info gauge\n"
		"weir_build_info{version=\"%s\",backend=\"%s\"} 1\n",
		PACKAGE_VERSION, weir_backend_name(d->backend));
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(metrics); i++) {
		const struct metric *m = &metrics[i];

		if (strcmp(m->name, last))
			fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", m->name, m->help, m->name,
				types[m->type]);
		last = m->name;
		print_metric(out, &s, m);
	}
	if (d->pipeline)
		weir_http_print_policies(d, out);
	if (d->report)
		print_report(d->report, out);
	if (d->keeper)
		fprintf(out,
			"# HELP weir_chain_in_sync 1 when weir is in the node's CNI chain as it "
			"should "
			"be.\n# TYPE weir_chain_in_sync gauge\nweir_chain_in_sync %d\n",
			weir_keeper_in_sync(d->keeper));
	if (d->source->ops->metrics)
		d->source->ops->metrics(d->source, out);
	fputs("# HELP weir_rpc_requests_total Requests answered, by method (empty: none that "
	      "exists).\n"
	      "# TYPE weir_rpc_requests_total counter\n",
	      out);
	if (d->rpc)
		weir_rpc_server_counts(d->rpc, print_requests, out);
	*ret_status = MHD_HTTP_OK;
	if (fclose(out) != 0)
		free(weir_take(text));
	return text;
}
