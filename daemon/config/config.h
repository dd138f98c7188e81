/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The configuration of weird: weird.yaml(5) and the flags of weird(8). One
 * table (keys.c) says each key's name, type, default and help; reading,
 * checking, the usage text and the lists in error messages come from it.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "weir/addr.h"
#include "weir/error.h"

struct weir_config_strings {
	size_t n;
	char **items;
};

struct weir_config_prefixes {
	size_t n;
	struct weir_prefix *items;
};

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
};

enum weir_config_type {
	WEIR_KEY_TEXT,	   /* any text */
	WEIR_KEY_PATH,	   /* an absolute path, or empty where the default is */
	WEIR_KEY_CHOICE,   /* one of choices[] */
	WEIR_KEY_NUMBER,   /* without a unit */
	WEIR_KEY_DURATION, /* 500ms, 10s, 5m, 1h; kept in ms */
	WEIR_KEY_SIZE,	   /* 65536, 512KiB, 8MiB, 1GiB; kept in bytes */
	WEIR_KEY_STRINGS,  /* a list */
	WEIR_KEY_PREFIXES, /* a list of CIDRs */
	WEIR_KEY_TYPE_MAX
};

struct weir_config_key {
	const char *name; /* "flows.interval"; the flag is --flows-interval */
	enum weir_config_type type;
	size_t offset;		    /* of the member of weir_config */
	const char *value;	    /* the default, written as on the command line */
	const char *help;	    /* one line */
	uint64_t min, max;	    /* NUMBER, DURATION (ms), SIZE (bytes) */
	const char *const *choices; /* CHOICE: NULL-terminated, index = value */
};

/* The table, in the order of the documentation; ended by a NULL name. */
extern const struct weir_config_key weir_config_keys[];
/* What a value of this type looks like: "DURATION", "PATH", ... */
const char *weir_config_type_name(enum weir_config_type type);
const struct weir_config_key *weir_config_key(const char *name);
/* "flows-max-connections" of "flows.maxConnections"; into buf, which it returns. */
#define WEIR_CONFIG_FLAG_MAX 64
const char *weir_config_flag(const struct weir_config_key *key, char *buf);

/* All defaults; node is filled by weir_config_complete(). */
int weir_config_new(struct weir_config **ret, struct weir_error *err);
void weir_config_free(struct weir_config **config);
/* The text of a file called name. An error leaves config partly changed. */
int weir_config_parse(struct weir_config *config, const char *text, size_t len, const char *name,
		      struct weir_error *err);
int weir_config_read(struct weir_config *config, const char *path, struct weir_error *err);
/* One key from text, as a flag has it: list items are separated by commas. */
int weir_config_set(struct weir_config *config, const struct weir_config_key *key, const char *text,
		    struct weir_error *err);
/* Fill in what depends on the machine, check what depends on one another. */
int weir_config_complete(struct weir_config *config, struct weir_error *err);
/* The keys with flag, default and help, for --help. */
void weir_config_usage(FILE *out);

/* For value.c's callers: n texts for one key. */
int weir_config_value_set(struct weir_config *config, const struct weir_config_key *key,
			  const char *const *items, size_t n, struct weir_error *err);
void weir_config_value_clear(struct weir_config *config, const struct weir_config_key *key);
