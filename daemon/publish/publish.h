/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Flow records out of the node, over ZeroMQ. Numbers every record and every
 * batch, encodes, sends, remembers the last batches, and counts what could not
 * be delivered. One thread (the flow thread) calls everything but history and
 * stats, which any thread may call.
 */
#include <stdbool.h>
#include <stdint.h>

#include "daemon/numbers.h"
#include "daemon/publish/kept.h"
#include "weir/error.h"
#include "weir/record.h"
#include "weir/wire.h"

struct weir_publisher;

struct weir_publish_endpoint {
	const char *address; /* "ipc:///run/weir/flows.sock", "tcp://127.0.0.1:9572" */
	bool connect;	     /* else bind */
};

struct weir_publish_config {
	const char *node, *boot;
	size_t n_endpoints;
	const struct weir_publish_endpoint *endpoints;
	const char *curve_secret_file; /* server key: needed for tcp; NULL: ipc only */
	const char *curve_clients_dir; /* one public key a file; who may subscribe over tcp */
	unsigned batch_records;	       /* close a batch after so many records (1000) */
	unsigned batch_ms;	       /* or after so long (100) */
	uint32_t queue;		       /* messages queued per subscriber (ZMQ_SNDHWM) */
	size_t history;		       /* bytes of encoded batches kept for weirctl flows */
	struct weir_numbers *numbers;  /* go on from there, and count up there; NULL: from 1 */
	/* Each batch as it is closed, also those without records, from the flow thread: it must
	 * not wait. May be kept by reference. Returns which number the next record must not be
	 * below; 0: any. NULL: nobody wants them. */
	uint64_t (*on_batch)(void *data, struct weir_kept *batch);
	void *data;
};

int weir_publisher_new(const struct weir_publish_config *config, struct weir_publisher **ret,
		       struct weir_error *err);
/* Sends what is pending, waits at most linger_ms for slow subscribers. */
void weir_publisher_free(struct weir_publisher **p, int linger_ms);

/* Number the record (record->seq is set) and put it into the batch and the
 * ns. topics that somebody subscribes. */
int weir_publisher_add(struct weir_publisher *p, struct weir_record *record);

/* For the thread's poll loop: descriptors, how long it may sleep (ms), and
 * what to do when it wakes (subscriptions, closing batches by age, gaps). */
int weir_publisher_fds(struct weir_publisher *p, int *fds, int max);
int weir_publisher_timeout(struct weir_publisher *p);
int weir_publisher_process(struct weir_publisher *p, struct weir_error *err);
/* Close the batch now, when there is something in it. */
int weir_publisher_flush(struct weir_publisher *p);

/* The remembered records, oldest first, through fn (non-zero ends). */
int weir_publisher_history(struct weir_publisher *p,
			   int (*fn)(void *data, const struct weir_record *record), void *data);

struct weir_publish_stats {
	uint64_t records, batches, bytes, dropped_messages, gaps, subscribers, next_seq, next_batch;
};
void weir_publisher_stats(struct weir_publisher *p, struct weir_publish_stats *ret);
