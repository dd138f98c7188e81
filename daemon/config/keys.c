/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Every key of weird.yaml: the one place where it is named, typed, bounded
 * and explained. To add one: a member in config.h, a line here, an entry in
 * docs/man/weird.yaml.5 and conf/weird.yaml (a test compares them).
 */
#include "daemon/config/config.h"

#define KEY(...) WEIR_CONFIG_KEY(struct weir_config, __VA_ARGS__)

#define SECONDS 1000u
#define HOURS	(3600u * SECONDS)
#define KIB	1024ull
#define MIB	(1024 * KIB)
#define GIB	(1024 * MIB)

static const char *const unknown_pods[] = { "fail", "isolate", NULL }; /* weir_config_unknown_pod */
static const char *const no_yes[] = { "no", "yes", NULL };
static const char *const on_unavailable[] = { "fail", "allow",
					      NULL }; /* weir_config_on_unavailable */
static const char *const connections[] = { "rejudge", "keep", NULL }; /* weir_config_connections */
static const char *const settings[] = { "set", "check", NULL };	      /* weir_config_setting */
static const char *const levels[] = { "error", "warning", "info", "debug", NULL }; /* log.h */
static const char *const formats[] = { "kv", "json", NULL }; /* weir_log_format */

/* clang-format off */
static const struct weir_config_key keys[] = {
	KEY("node", TEXT, node, "",
	    "name of this node, as in the Node object; empty: the host name"),
	KEY("backend", TEXT, backend, "auto",
	    "who enforces: auto, or the name of a backend"),
	KEY("source.kubernetes.kubeconfig", PATH, kubernetes.kubeconfig, "",
	    "how to reach the API server; empty: the service account of weird's own pod"),
	KEY("source.files.path", PATH, files.path, "",
	    "folder of manifests in place of an API server; empty: none"),
	KEY("cni.unknownPod", CHOICE, cni.unknown_pod, "fail",
	    "a pod of which the API server has not told in time: its ADD fails, or it starts isolated",
	    .choices = unknown_pods),
	KEY("cni.podTimeout", DURATION, cni.pod_timeout_ms, "3s",
	    "how long ADD waits for the API server to tell of the pod", .min = 0, .max = 60 * SECONDS),
	KEY("chain.manage", CHOICE, chain.manage, "no",
	    "keep weir last in the node's CNI chain, in a file of its own", .choices = no_yes),
	KEY("chain.dir", PATH, chain.dir, "/etc/cni/net.d",
	    "folder of the runtime's CNI configurations"),
	KEY("chain.binDir", PATH, chain.bin_dir, "/opt/cni/bin",
	    "folder of CNI plugins; weir goes into the chain only when it is in there"),
	KEY("chain.onUnavailable", CHOICE, chain.on_unavailable, "fail",
	    "what the plugin does for a pod when weird does not answer", .choices = on_unavailable),
	KEY("chain.primaryTimeout", DURATION, chain.primary_timeout_ms, "10s",
	    "how long weir's file outlives that of the primary CNI", .min = 0, .max = 3600 * SECONDS),
	KEY("report.events", CHOICE, report.events, "yes",
	    "Kubernetes Events on pods that are denied or not enforced, and on invalid policies", .choices = no_yes),
	KEY("report.status", CHOICE, report.status, "yes",
	    "conditions in the status of policies, by one node for all", .choices = no_yes),
	KEY("report.namespace", TEXT, report.namespace_, "weir-system",
	    "namespace of the Lease that says which node that is"),
	KEY("report.eventsPerMinute", NUMBER, report.per_minute, "60",
	    "Events made or counted up in a minute, at most", .min = 1, .max = 10000),
	KEY("report.repeat", DURATION, report.repeat_ms, "1m",
	    "time between two writes of the same Event", .min = 1 * SECONDS, .max = 24 * HOURS),
	KEY("rpc", PATH, rpc, "/run/weir/weird.sock",
	    "unix socket for the CNI plugin and weirctl"),
	KEY("metrics", TEXT, metrics, "127.0.0.1:9571",
	    "address of /metrics, /healthz and /readyz; empty: none"),
	KEY("stateDir", PATH, state_dir, "/var/lib/weir",
	    "folder for what must last"),
	KEY("runDir", PATH, run_dir, "/run/weir",
	    "folder for what belongs to this boot"),
	KEY("sysctlDir", PATH, sysctl_dir, "/proc/sys",
	    "folder in which kernel settings are written"),
	KEY("log.level", CHOICE, log_level, "info",
	    "how much is logged", .choices = levels),
	KEY("log.format", CHOICE, log_format, "kv",
	    "form of the log lines", .choices = formats),
	KEY("podCIDRs", PREFIXES, pod_cidrs, "",
	    "ranges of this node's pod addresses; empty: those of the Node object"),
	KEY("nflogGroup", NUMBER, nflog_group, "9571",
	    "NFLOG group for denied packets", .min = 1, .max = UINT16_MAX),
	KEY("bridgeNetfilter", CHOICE, bridge_netfilter, "set",
	    "switch br_netfilter on for bridged pods, or only check it", .choices = settings),
	KEY("antiSpoofing", CHOICE, anti_spoofing, "yes",
	    "drop what comes out of a pod's interface and is not from the pod", .choices = no_yes),
	KEY("dns.resolvers", STRINGS, dns.resolvers, "kube-system/kube-dns,169.254.20.10,node",
	    "whose answers are believed: addresses, CIDRs, NAMESPACE/SERVICE, and node for resolv.conf"),
	KEY("dns.nflogGroup", NUMBER, dns.nflog_group, "9572",
	    "NFLOG group for copies of DNS answers", .min = 1, .max = UINT16_MAX),
	KEY("dns.minTTL", DURATION, dns.min_ttl_ms, "0s",
	    "an address of a name holds at least so long", .min = 0, .max = 24 * HOURS),
	KEY("dns.maxTTL", DURATION, dns.max_ttl_ms, "24h",
	    "and at most so long", .min = 1 * SECONDS, .max = 720 * HOURS),
	KEY("dns.grace", DURATION, dns.grace_ms, "2s",
	    "time beyond the TTL for whoever has just been answered", .min = 0, .max = 1 * HOURS),
	KEY("dns.maxNames", NUMBER, dns.max_names, "2048",
	    "names learned for wildcards, at most", .min = 1, .max = 1u << 20),
	KEY("dns.maxAddresses", NUMBER, dns.max_addresses, "512",
	    "addresses of one name, at most", .min = 100, .max = 1u << 16),
	KEY("dns.buffer", SIZE, dns.buffer, "4MiB",
	    "receive buffer for copies of DNS answers", .min = 64 * KIB, .max = 1 * GIB),
	KEY("connections", CHOICE, connections, "rejudge",
	    "established connections that a change of policy denies: end them, or keep them", .choices = connections),
	KEY("flows.publish", STRINGS, flows.publish, "ipc:///run/weir/flows.sock",
	    "ZeroMQ addresses to bind: ipc:// or tcp://"),
	KEY("flows.connect", STRINGS, flows.connect, "",
	    "ZeroMQ addresses to connect to"),
	KEY("flows.interval", DURATION, flows.interval_ms, "10s",
	    "time between update records of a long connection", .min = 100, .max = 24 * HOURS),
	KEY("flows.deniedWindow", DURATION, flows.denied_ms, "1s",
	    "repeated denials are one record for so long", .min = 10, .max = 1 * HOURS),
	KEY("flows.maxConnections", NUMBER, flows.max_connections, "262144",
	    "connections followed at once", .min = 16, .max = 1u << 26),
	KEY("flows.maxDenied", NUMBER, flows.max_denied, "16384",
	    "different denials summed up at once", .min = 16, .max = 1u << 24),
	KEY("flows.batchRecords", NUMBER, flows.batch_records, "1000",
	    "records in one batch.v1 message, at most", .min = 1, .max = 100000),
	KEY("flows.batchTime", DURATION, flows.batch_ms, "40ms",
	    "time after which a batch is sent although it is not full", .min = 1, .max = 60 * SECONDS),
	KEY("flows.queue", NUMBER, flows.queue, "1000",
	    "messages kept for a slow subscriber", .min = 1, .max = 10000000),
	KEY("flows.history", SIZE, flows.history, "4MiB",
	    "memory for the records that weirctl flows shows", .min = 0, .max = 4 * GIB),
	KEY("flows.buffer", SIZE, flows.buffer, "16MiB",
	    "receive buffer of each kernel event socket", .min = 64 * KIB, .max = 1 * GIB),
	KEY("flows.curve.secret", PATH, flows.curve_secret, "",
	    "file with the CURVE secret key of this node; needed for tcp://"),
	KEY("flows.curve.clients", PATH, flows.curve_clients, "",
	    "folder of the public keys that may subscribe over tcp://"),
	KEY("flows.conntrackSettings", CHOICE, flows.conntrack, "set",
	    "switch conntrack accounting, timestamps and events on, or only check", .choices = settings),
	KEY("hub.address", TEXT, hub.address, "",
	    "tcp:// address of the hub; empty: as the token says"),
	KEY("hub.listen", TEXT, hub.listen, "",
	    "tcp:// address at which the hub connects to this node, in place of this node to the hub"),
	KEY("hub.tokenFile", PATH, hub.token_file, "",
	    "file with a token of weirctl hub enrol; read again when it changes"),
	KEY("hub.serverKey", TEXT, hub.server_key, "",
	    "CURVE public key of the hub; empty: as the token says"),
	KEY("hub.keyFile", PATH, hub.key_file, "",
	    "file with this node's secret key, made at the first start; empty: hub.key in stateDir"),
	KEY("hub.window", SIZE, hub.window, "32MiB",
	    "sent to the hub and not stored there yet, at most", .min = 64 * KIB, .max = 1 * GIB),
	KEY("hub.spool.memory", SIZE, hub.spool.memory, "16MiB",
	    "memory for batches that the hub has not stored", .min = 1 * MIB, .max = 4 * GIB),
	KEY("hub.spool.path", PATH, hub.spool.path, "",
	    "folder in which they also last; empty: memory only"),
	KEY("hub.spool.disk", SIZE, hub.spool.disk, "1GiB",
	    "bytes in that folder, at most", .min = 16 * MIB, .max = 1024 * GIB),
	{.name = NULL},
};
/* clang-format on */

const struct weir_config_table weir_config_table = { keys, sizeof(struct weir_config) };
