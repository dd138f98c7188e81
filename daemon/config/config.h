/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The configuration of weird: weird.yaml(5) and the flags of weird(8). One
 * table (keys.c) says each key's name, type, default and help; weir/config.h reads
 * by it.
 */
#include "weir/config.h"

/* "set" writes a kernel setting that is not as it must be, "check" only says so */
enum weir_config_setting { WEIR_SETTING_SET, WEIR_SETTING_CHECK };

/* what CNI ADD does with a pod that the API server has not told of in time */
enum weir_config_unknown_pod { WEIR_UNKNOWN_POD_FAIL, WEIR_UNKNOWN_POD_ISOLATE };

/* what the plugin does with a pod when weird does not answer */
enum weir_config_on_unavailable { WEIR_ON_UNAVAILABLE_FAIL, WEIR_ON_UNAVAILABLE_ALLOW };

/* connections that were let in before a policy denied them */
enum weir_config_connections { WEIR_CONNECTIONS_REJUDGE, WEIR_CONNECTIONS_KEEP };

/* Checked and complete: every member has a value. */
struct weir_config {
	char *node;			       /* name of this node */
	char *backend;			       /* auto, or one of weir_backends[] */
	char *rpc;			       /* path of the unix socket */
	char *metrics;			       /* ADDRESS:PORT, or "" for none */
	char *state_dir;		       /* what must outlast a boot */
	char *run_dir;			       /* what belongs to this boot */
	char *sysctl_dir;		       /* where kernel settings are written */
	unsigned log_level, log_format;	       /* weir_log_level, weir_log_format */
	struct weir_config_prefixes pod_cidrs; /* guard ranges; empty: those of the Node object */
	unsigned nflog_group;
	unsigned bridge_netfilter; /* weir_config_setting */
	unsigned anti_spoofing;	   /* bool */
	unsigned connections;	   /* weir_config_connections */
	struct {
		char *kubeconfig; /* "": the service account of the pod that weird runs in */
	} kubernetes;
	struct {
		char *path; /* "": the source is Kubernetes */
	} files;
	struct {
		unsigned events, status; /* bool */
		char *namespace_;
		unsigned per_minute, repeat_ms;
	} report;
	struct {
		unsigned manage; /* bool */
		char *dir, *bin_dir;
		unsigned on_unavailable;     /* weir_config_on_unavailable */
		unsigned primary_timeout_ms; /* how long our file outlives the primary's */
	} chain;
	struct {
		struct weir_config_strings resolvers; /* whose answers are believed */
		unsigned nflog_group;
		unsigned min_ttl_ms, max_ttl_ms, grace_ms;
		unsigned max_names, max_addresses;
		uint64_t buffer; /* bytes */
	} dns;
	struct {
		unsigned unknown_pod;	 /* weir_config_unknown_pod */
		unsigned pod_timeout_ms; /* how long ADD waits for a pod to be known */
	} cni;
	struct {
		struct weir_config_strings publish; /* ZeroMQ addresses to bind */
		struct weir_config_strings connect; /* ZeroMQ addresses to connect to */
		unsigned interval_ms, denied_ms, batch_ms;
		unsigned batch_records, queue;
		unsigned max_connections, max_denied;
		uint64_t history, buffer; /* bytes */
		char *curve_secret;	  /* file, "" for none */
		char *curve_clients;	  /* folder, "" for none */
		unsigned conntrack;	  /* weir_config_setting */
	} flows;
	struct {
		char *address;	  /* of the hub, "": as the token says */
		char *listen;	  /* where the hub connects to us, "": we to it */
		char *token_file; /* "" for none */
		char *server_key; /* Z85, "": as the token says */
		char *key_file;	  /* "": hub.key of state_dir */
		uint64_t window;  /* bytes */
		struct {
			uint64_t memory, disk; /* bytes */
			char *path;	       /* folder, "": memory only */
		} spool;
	} hub;
};

extern const struct weir_config_table weir_config_table;

/* All defaults; node is filled by weir_config_complete(). */
int weir_config_new(struct weir_config **ret, struct weir_error *err);
void weir_config_free(struct weir_config **config);
/* Fill in what depends on the machine, check what depends on one another. */
int weir_config_complete(struct weir_config *config, struct weir_error *err);
