/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The flow source that every Linux kernel has: conntrack events for what was
 * allowed, NFLOG for what was denied. Acts in the network namespace of the
 * calling thread; needs CAP_NET_ADMIN there.
 */
#include <stddef.h>

#include "weir/error.h"
#include "weir/flow.h"

#define WEIR_FLOW_BUFFER (8u << 20) /* receive buffer of a socket when the config says 0 */

/* Open sockets and subscribe. Nothing is enforced or changed; an NFLOG group
 * that somebody else reads is -EBUSY. */
int weir_kernel_flows_open(const struct weir_flow_config *config, struct weir_flow_source **ret,
			   struct weir_error *err);

/* Switch on what flow records need from conntrack in this namespace: byte and
 * packet counters, time stamps, events of every connection. report says what
 * was found and what was set ("nf_conntrack_acct 0 -> 1, ..."). -errno with
 * the first setting that is wrong and could not be changed. sysctl_dir: where
 * to write, /proc/sys or what stands for it in a container. */
int weir_conntrack_setup(const char *sysctl_dir, char *report, size_t size, struct weir_error *err);
/* Are they on? -ENODATA with those that are not, and what to do. */
int weir_conntrack_check(struct weir_error *err);
