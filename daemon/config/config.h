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

/* Checked and complete: every member has a value. */
struct weir_config {
	char *node;      /* name of this node */
	char *backend;   /* auto, or one of weir_backends[] */
	char *rpc;       /* path of the unix socket */
	char *metrics;   /* ADDRESS:PORT, or "" for none */
	char *state_dir; /* what must outlast a boot */
	char *run_dir;   /* what belongs to this boot */
	unsigned log_level, log_format; /* weir_log_level, weir_log_format */
	struct weir_config_prefixes pod_cidrs; /* guard ranges; empty: those of the Node object */
	unsigned nflog_group;
	unsigned bridge_netfilter; /* weir_config_setting */
	struct {
		char *path;
	} files;
	struct {
		struct weir_config_strings publish; /* ZeroMQ addresses to bind */
		struct weir_config_strings connect; /* ZeroMQ addresses to connect to */
		unsigned interval_ms, denied_ms, batch_ms;
		unsigned batch_records, queue;
		unsigned max_connections, max_denied;
		uint64_t history, buffer; /* bytes */
		char *curve_secret;  /* file, "" for none */
		char *curve_clients; /* folder, "" for none */
		unsigned conntrack;  /* weir_config_setting */
	} flows;
};
