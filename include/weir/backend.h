/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Backends: who enforces the compiled tables in a kernel. Callers use the
 * functions at the end of this file (backends/backend.c); a backend fills a
 * const struct weir_backend_ops and is listed in backends/registry.c.
 * docs/BACKENDS.md walks through backends/fake/.
 *
 * A backend knows this header and ruleset.h, never policy/, daemon/ or
 * another backend. It acts in the network namespace of the calling thread.
 * Calls come from one thread (flow sources: from one other thread).
 */
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "weir/answer.h"
#include "weir/error.h"
#include "weir/flow.h"
#include "weir/ruleset.h"

struct weir_backend;

struct weir_backend_config {
	const char *name;      /* for messages */
	uint16_t nflog_group;  /* where denied packets are reported */
	uint16_t answer_group; /* where DNS answers are copied to */
};

struct weir_backend_stats {
	uint64_t transactions, elements_added, elements_removed, retries, repairs;
	uint64_t spoofed[WEIR_SPOOF_MAX]; /* packets dropped; the kernel's counters */
};

/* A connection that is to end. From blocked only what the backend has kept of it. */
struct weir_ending {
	struct weir_tuple original; /* as the initiator sent it (before DNAT) */
	struct weir_tuple reply;    /* as the other end answers (before NAT is undone) */
	uint32_t id;		    /* conntrack id; 0: any of that tuple */
};

struct weir_backend_ops {
	const char *name;	 /* as in the configuration */
	const char *description; /* one line, for weirctl doctor and errors */

	/* Can it work here? 0, or -errno with the reason in why. Changes nothing. */
	int (*probe)(const struct weir_backend_config *config, struct weir_error *why);

	/* Start; reads back what an earlier process left enforced and keeps it
	 * in force. Changes no verdict. */
	int (*open)(const struct weir_backend_config *config, struct weir_backend **ret,
		    struct weir_error *err);

	/* Put the changes in force: when it returns 0 all of them are, when it
	 * returns an error none of them is, or the backend knows that it does
	 * not know and the next call must be full (weir_backend_needs_full).
	 * No packet ever meets a state in between. With changes->full it
	 * compares with the kernel and repairs by differences. */
	int (*apply)(struct weir_backend *b, const struct weir_changes *changes,
		     struct weir_error *err);
	bool (*needs_full)(const struct weir_backend *b);

	/* Finish what apply has put off (old objects that packets in flight may
	 * still be in). *ret_ms: call again after so many ms; -1: nothing left.
	 * NULL slot: never anything. */
	int (*settle)(struct weir_backend *b, int *ret_ms, struct weir_error *err);

	/* Compare the kernel with what was applied: for one endpoint address, or
	 * (addr NULL) for everything. 0: equal; > 0: so many differences, the
	 * first described in err; -errno. Changes nothing. */
	int (*verify)(struct weir_backend *b, const struct weir_addr *addr, struct weir_error *err);

	/* Nothing of these connections passes any more, in either direction, whatever
	 * conntrack makes of their next packets, until release or for as long as
	 * their packets come and some minutes more. Not yet of packets that conntrack
	 * still knows. All of them or, on an error, none. A SYN is another connection.
	 * What is blocked outlives the process. NULL slots, all four: cannot. */
	int (*block)(struct weir_backend *b, const struct weir_ending *endings, size_t n,
		     struct weir_error *err);
	/* Undo; one that is not blocked is no error. All of them or, on an error, none. A
	 * packet that is judged meanwhile may block its connection once more: */
	int (*release)(struct weir_backend *b, const struct weir_ending *endings, size_t n,
		       struct weir_error *err);
	/* 1: blocked, at least one direction; 0: no; -errno. */
	int (*still_blocked)(struct weir_backend *b, const struct weir_ending *ending,
			     struct weir_error *err);
	/* Calls fn for each that is blocked. */
	int (*blocked)(struct weir_backend *b,
		       void (*fn)(void *data, const struct weir_ending *ending), void *data,
		       struct weir_error *err);

	/* Kernel flow events (flow.h). NULL slot: this backend has none. */
	int (*flows)(const struct weir_flow_config *config, struct weir_flow_source **ret,
		     struct weir_error *err);

	/* Copies of DNS answers, while the changes applied name resolvers. NULL slot:
	 * this backend copies none. */
	int (*answers)(const struct weir_answer_config *config, struct weir_answer_source **ret,
		       struct weir_error *err);

	/* What the kernel holds, for a person to read. */
	int (*dump)(struct weir_backend *b, FILE *out, struct weir_error *err);

	void (*stats)(const struct weir_backend *b, struct weir_backend_stats *ret);

	/* Let go; enforcement stays in the kernel. */
	void (*close)(struct weir_backend *b);

	/* Remove every trace of this backend from the kernel. Works without
	 * open, also for what another version left. */
	int (*purge)(const struct weir_backend_config *config, struct weir_error *err);
};

/* First member of every backend's own struct. */
struct weir_backend {
	const struct weir_backend_ops *ops;
};

/* NULL-terminated, in the order in which "auto" tries them; fake is last and
 * never chosen by auto. */
extern const struct weir_backend_ops *const weir_backends[];

/* --- the facade ------------------------------------------------------------- */

/* Is there a backend of that name ("auto" is one, too)? Asks the kernel nothing. */
int weir_backend_check(const char *name, struct weir_error *err);
/* name: "auto" or one of weir_backends[]; an unknown one is -EINVAL with the
 * valid ones listed. With "auto", note tells what was chosen and why others
 * were refused. */
int weir_backend_open(const struct weir_backend_config *config, const char *name,
		      struct weir_backend **ret, struct weir_error *note, struct weir_error *err);
void weir_backend_close(struct weir_backend **b);
const char *weir_backend_name(const struct weir_backend *b);
int weir_backend_apply(struct weir_backend *b, const struct weir_changes *changes,
		       struct weir_error *err);
bool weir_backend_needs_full(const struct weir_backend *b);
int weir_backend_settle(struct weir_backend *b, int *ret_ms, struct weir_error *err);
int weir_backend_verify(struct weir_backend *b, const struct weir_addr *addr,
			struct weir_error *err);
/* End these connections: blocked first, then conntrack forgets them, so that no packet
 * in between revives one. A few thousand at a time. -EOPNOTSUPP: the backend cannot;
 * -ENFILE: it can block no more: conntrack has forgotten them all the same, so that their
 * next packets are judged as if they began something. */
int weir_backend_end(struct weir_backend *b, const struct weir_ending *endings, size_t n,
		     struct weir_error *err);
/* Tell the ends of those that were ended, as far as they can be told: TCP is reset at
 * once and not only when an end sends again. */
int weir_backend_nudge(struct weir_backend *b, const struct weir_ending *endings, size_t n,
		       struct weir_error *err);
int weir_backend_release(struct weir_backend *b, const struct weir_ending *endings, size_t n,
			 struct weir_error *err);
int weir_backend_still_blocked(struct weir_backend *b, const struct weir_ending *ending,
			       struct weir_error *err);
int weir_backend_blocked(struct weir_backend *b,
			 void (*fn)(void *data, const struct weir_ending *ending), void *data,
			 struct weir_error *err);
int weir_backend_flows(struct weir_backend *b, const struct weir_flow_config *config,
		       struct weir_flow_source **ret, struct weir_error *err);
int weir_backend_answers(struct weir_backend *b, const struct weir_answer_config *config,
			 struct weir_answer_source **ret, struct weir_error *err);
int weir_backend_dump(struct weir_backend *b, FILE *out, struct weir_error *err);
void weir_backend_stats(const struct weir_backend *b, struct weir_backend_stats *ret);
int weir_backend_purge(const struct weir_backend_config *config, const char *name,
		       struct weir_error *err);

/* Whether pods on one bridge of this network namespace pass the hooks at all:
 * 0, -ENOENT (br_netfilter is not there), -ENOTCONN (it is switched off), or
 * another -errno; err says what to do. Of no concern where no pod is bridged. */
int weir_backend_bridge_check(struct weir_error *err);
