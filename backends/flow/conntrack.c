/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Subscribes to conntrack and gives events to the sink in an order that makes
 * sense: a connection's NEW before anything else of it. Called by kernel.c.
 *
 * NETLINK_BROADCAST_ERROR would make the kernel keep what we do not read, in
 * the connection table itself: a daemon that hangs would fill it, and a full
 * table drops traffic. So events may be lost, and each loss is counted.
 */
#include "backends/flow/conntrack.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/filter.h>
#include <linux/netfilter/nf_conntrack_tcp.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_compat.h>
#include <linux/netfilter/nfnetlink_conntrack.h>
#include <string.h>
#include <time.h>

#include "weir/cleanup.h"

#define EVENT_SIZE 2048u  /* an event is some 200 to 400 bytes; room for labels and helpers */
#define DUMP_SIZE  32768u /* the kernel fills at most so much at once */
#define DUMP_BATCH 8u

#define MSG(type) ((NFNL_SUBSYS_CTNETLINK << 8) | (type))

/*
 * Of the updates only those that say that a TCP connection has closed: both
 * FINs acknowledged, or a RST. The kernel drops the others before they cost a
 * copy. Offsets: nlmsghdr 16 (type at 4), nfgenmsg 4, nlattr 4.
 */
static struct sock_filter ended_filter[] = {
	BPF_STMT(BPF_LD | BPF_H | BPF_ABS, 4),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0 /* set below: DELETE */, 13, 0),
	BPF_STMT(BPF_LD | BPF_IMM, NLMSG_HDRLEN + sizeof(struct nfgenmsg)),
	BPF_STMT(BPF_LDX | BPF_IMM, CTA_PROTOINFO),
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_NLATTR)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 10, 0),
	BPF_STMT(BPF_LDX | BPF_IMM, CTA_PROTOINFO_TCP),
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_NLATTR_NEST)),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, 0, 7, 0),
	BPF_STMT(BPF_LDX | BPF_IMM, CTA_PROTOINFO_TCP_STATE),
	BPF_STMT(BPF_LD | BPF_W | BPF_ABS, (uint32_t)(SKF_AD_OFF + SKF_AD_NLATTR_NEST)),
	BPF_STMT(BPF_MISC | BPF_TAX, 0),
	BPF_STMT(BPF_LD | BPF_B | BPF_IND, NLA_HDRLEN),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TCP_CONNTRACK_TIME_WAIT, 1, 0),
	BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, TCP_CONNTRACK_CLOSE, 0, 1),
	BPF_STMT(BPF_RET | BPF_K, 0xFFFFFFFF),
	BPF_STMT(BPF_RET | BPF_K, 0),
};

static int open_ended(struct weir_conntrack *ct, uint32_t buffer, struct weir_error *err)
{
	static const int groups[] = { NFNLGRP_CONNTRACK_UPDATE, NFNLGRP_CONNTRACK_DESTROY, 0 };
	struct sock_filter code[WEIR_ARRAY_SIZE(ended_filter)];
	struct sock_fprog filter = { .len = WEIR_ARRAY_SIZE(code), .filter = code };

	memcpy(code, ended_filter, sizeof(code));
	code[1].k = htons(
		MSG(IPCTNL_MSG_CT_DELETE)); /* the type is in host order, BPF loads big-endian */
	return weir_nlsock_open(&ct->ended, buffer, EVENT_SIZE, WEIR_NLSOCK_BATCH, &filter, groups,
				err);
}

int weir_conntrack_open(struct weir_conntrack *ct, const struct weir_flow_config *config,
			struct weir_error *err)
{
	static const int groups[] = { NFNLGRP_CONNTRACK_NEW, 0 };
	int r;

	*ct = (struct weir_conntrack){ .opened = { .fd = -1 },
				       .ended = { .fd = -1 },
				       .dump = { .fd = -1 },
				       .sink = config->sink };
	r = weir_nlsock_open(&ct->opened, config->buffer, EVENT_SIZE, WEIR_NLSOCK_BATCH, NULL,
			     groups, err);
	if (r == 0)
		r = open_ended(ct, config->buffer, err);
	if (r == 0)
		r = weir_nlsock_open(&ct->dump, config->buffer, DUMP_SIZE, DUMP_BATCH, NULL, NULL,
				     err);
	if (r < 0)
		weir_conntrack_close(ct);
	return r < 0 ? weir_error_prefix(err, r, "conntrack") : 0;
}

void weir_conntrack_close(struct weir_conntrack *ct)
{
	weir_nlsock_close(&ct->opened);
	weir_nlsock_close(&ct->ended);
	weir_nlsock_close(&ct->dump);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static void give(struct weir_conntrack *ct, const struct weir_flow *flow)
{
	ct->sink.flow(ct->sink.data, flow);
}

static void give_lost(struct weir_conntrack *ct, enum weir_flow_event what, uint64_t n)
{
	struct weir_flow flow = { .event = WEIR_FLOW_LOST,
				  .lost_at = WEIR_LOSS_CONNTRACK,
				  .lost_event = what,
				  .lost = n,
				  .time = now_ns() };

	give(ct, &flow);
}

static void count_lost(struct weir_conntrack *ct, struct weir_nlsock *s, bool overrun,
		       enum weir_flow_event what)
{
	bool unknown;
	uint32_t n = weir_nlsock_dropped(s, overrun, &unknown);

	if (n || unknown)
		give_lost(ct, what, n);
}

/* now: for kernels that do not stamp their events. */
static void give_event(struct weir_conntrack *ct, const uint8_t *msg, size_t len,
		       enum weir_flow_event event, uint64_t now)
{
	struct weir_flow flow;

	if (!weir_conntrack_decode(msg, len, &flow))
		return;
	flow.event = event;
	if (!flow.time)
		flow.time = now;
	if (event == WEIR_FLOW_NEW && !flow.start)
		flow.start = flow.time;
	give(ct, &flow);
}

/* An event is a message of its own, but the format allows several. */
static unsigned give_events(struct weir_conntrack *ct, const uint8_t *data, size_t len,
			    enum weir_flow_event event, uint64_t now)
{
	unsigned n = 0;

	if (!len)
		give_lost(ct, event, 1);
	while (len >= NLMSG_HDRLEN) {
		struct nlmsghdr head;
		size_t step;

		memcpy(&head, data, sizeof(head));
		if (head.nlmsg_len < NLMSG_HDRLEN || head.nlmsg_len > len)
			break;
		if (head.nlmsg_type == MSG(IPCTNL_MSG_CT_DELETE))
			give_event(ct, data, head.nlmsg_len, WEIR_FLOW_END, now);
		else if (head.nlmsg_type == MSG(IPCTNL_MSG_CT_NEW))
			give_event(ct, data, head.nlmsg_len, event, now);
		else if (head.nlmsg_type == NLMSG_DONE || head.nlmsg_type == NLMSG_ERROR)
			ct->dumping = false;
		n++;
		step = NLMSG_ALIGN(head.nlmsg_len);
		data += step;
		len = step < len ? len - step : 0;
	}
	return n;
}

static unsigned give_batch(struct weir_conntrack *ct, const struct weir_nlsock *s, unsigned n,
			   enum weir_flow_event event)
{
	uint64_t now = now_ns();
	unsigned events = 0;

	for (unsigned i = 0; i < n; i++) {
		size_t len;
		const uint8_t *msg = weir_nlsock_message(s, i, &len);

		events += give_events(ct, msg, len, event, now);
	}
	return events;
}

static int read_opened(struct weir_conntrack *ct, unsigned budget)
{
	struct weir_nlsock_read got = { .more = true };
	bool overrun = false;
	unsigned events = 0;
	int r = 0;

	while (r == 0 && got.more && events < budget) {
		r = weir_nlsock_read(&ct->opened, &got);
		overrun |= got.overrun;
		events += give_batch(ct, &ct->opened, got.n, WEIR_FLOW_NEW);
	}
	count_lost(ct, &ct->opened, overrun, WEIR_FLOW_NEW);
	return r < 0 ? r : (int)events;
}

/* What is in a batch of ends or of a dump began before we read it: its NEW
 * is in the other socket at the latest now. */
static int read_after_opened(struct weir_conntrack *ct, struct weir_nlsock *s, unsigned budget,
			     enum weir_flow_event event)
{
	struct weir_nlsock_read got = { .more = true };
	bool overrun = false;
	unsigned events = 0;
	int r = 0;

	while (r >= 0 && got.more && events < budget) {
		r = weir_nlsock_read(s, &got);
		overrun |= got.overrun;
		if (r == 0 && got.n) {
			r = read_opened(ct, UINT32_MAX);
			events += (unsigned)(r > 0 ? r : 0);
			events += give_batch(ct, s, got.n, event);
		}
	}
	if (s == &ct->ended)
		count_lost(ct, s, overrun, WEIR_FLOW_END);
	return r < 0 ? r : (int)events;
}

static int read_dump(struct weir_conntrack *ct, unsigned budget)
{
	bool was = ct->dumping;
	int r = read_after_opened(ct, &ct->dump, budget, WEIR_FLOW_COUNTERS);
	struct weir_flow done = { .event = WEIR_FLOW_POLLED, .time = now_ns() };

	if (r < 0)
		ct->dumping = false;
	if (was && !ct->dumping)
		give(ct, &done);
	return r;
}

int weir_conntrack_read(struct weir_conntrack *ct, int fd, unsigned budget, struct weir_error *err)
{
	int r;

	if (fd == ct->opened.fd)
		r = read_opened(ct, budget);
	else if (fd == ct->ended.fd)
		r = read_after_opened(ct, &ct->ended, budget, WEIR_FLOW_CLOSING);
	else
		r = read_dump(ct, budget);
	return r < 0 ? weir_error_errno(err, -r, "read conntrack events") : r;
}

int weir_conntrack_dump(struct weir_conntrack *ct, struct weir_error *err)
{
	struct {
		struct nlmsghdr head;
		struct nfgenmsg family;
	} request = {
		.head = { .nlmsg_len = sizeof(request),
			  .nlmsg_type = MSG(IPCTNL_MSG_CT_GET),
			  .nlmsg_flags = NLM_F_REQUEST | NLM_F_DUMP },
		.family = { .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0 },
	};
	int r;

	if (ct->dumping)
		return 0;
	r = weir_nlsock_send(&ct->dump, &request.head);
	if (r < 0)
		return weir_error_errno(err, -r, "ask for the connections");
	ct->dumping = true;
	return 0;
}
