/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads an NFLOG group. The kernel packs several packets into one message; a
 * message that it cannot queue is one drop of the socket but several packets,
 * so packets are numbered (NFULNL_CFG_F_SEQ) and holes counted. Called by
 * kernel.c.
 */
#include "backends/flow/nflog.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_compat.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <time.h>
#include <unistd.h>

#include "backends/flow/attr.h"
#include "backends/flow/group.h"
#include "backends/flow/packet.h"
#include "backends/flow/prefix.h"

#define COPY_RANGE	128u /* IPv6 with a few extension headers and ports */
#define QUEUE_THRESHOLD 64u  /* packets in a message */
#define QUEUE_TIMEOUT	2u   /* 1/100 s that a packet waits for others */
/* With the kernel's own overhead it just fits 16 KiB: room for 64 packets. */
#define KERNEL_BUFFER (16384u - 512u)
#define READ_SIZE     16384u
#define READ_BATCH    16u

#define MSG(type) ((NFNL_SUBSYS_ULOG << 8) | (type))

int weir_nflog_open(struct weir_nflog *log, const struct weir_flow_config *config,
		    struct weir_error *err)
{
	const struct weir_nflog_group group = {
		.number = config->nflog_group,
		.copy = COPY_RANGE,
		.buffer = KERNEL_BUFFER,
		.threshold = QUEUE_THRESHOLD,
		.timeout = QUEUE_TIMEOUT,
	};
	int r;

	*log = (struct weir_nflog){ .sock = { .fd = -1 }, .sink = config->sink };
	r = weir_nlsock_open(&log->sock, config->buffer, READ_SIZE, READ_BATCH, NULL, NULL, err);
	if (r < 0)
		return weir_error_prefix(err, r, "NFLOG");
	r = weir_nflog_group_take(&log->sock, &group, err);
	if (r < 0)
		weir_nflog_close(log);
	return r;
}

void weir_nflog_close(struct weir_nflog *log)
{
	weir_nlsock_close(&log->sock);
}

static uint64_t now_ns(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_REALTIME, &ts);
	return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static uint64_t decode_timestamp(const struct weir_attr *a)
{
	struct nfulnl_msg_packet_timestamp t;

	if (a->len < sizeof(t))
		return 0;
	memcpy(&t, a->data, sizeof(t));
	return be64toh(t.sec) * 1000000000u + be64toh(t.usec) * 1000u;
}

/* The other end's view, were it not denied: addresses after DNAT are all we know. */
static void fill_reply(struct weir_flow *flow)
{
	flow->reply = flow->original;
	flow->reply.src = flow->original.dst;
	flow->reply.dst = flow->original.src;
	flow->reply.sport = flow->original.dport;
	flow->reply.dport = flow->original.sport;
}

bool weir_nflog_decode(const uint8_t *msg, size_t len, struct weir_flow *ret, uint32_t *ret_seq)
{
	const size_t head = NLMSG_HDRLEN + sizeof(struct nfgenmsg);
	struct weir_attrs in = { msg + head, msg + len };
	struct weir_denied_prefix prefix = { 0 };
	bool ours = false, packet = false;
	struct weir_attr a;

	if (len < head)
		return false;
	*ret = (struct weir_flow){ .event = WEIR_FLOW_DENIED };
	while (weir_attr_next(&in, &a)) {
		switch (a.type) {
		case NFULA_SEQ:
			*ret_seq = weir_attr_u32(&a);
			break;
		case NFULA_PREFIX:
			ours = weir_denied_prefix_parse((const char *)a.data, a.len, &prefix);
			break;
		case NFULA_IFINDEX_INDEV:
			ret->interface = weir_attr_u32(&a);
			break;
		case NFULA_TIMESTAMP:
			ret->time = decode_timestamp(&a);
			break;
		case NFULA_PAYLOAD:
			packet = weir_packet_decode(a.data, a.len, ret);
			break;
		}
	}
	ret->direction = prefix.direction;
	ret->ruleset = prefix.ruleset;
	ret->pending = prefix.pending;
	ret->spoofed = prefix.spoofed;
	fill_reply(ret);
	return ours && packet;
}

static void give_lost(struct weir_nflog *log, uint64_t n)
{
	struct weir_flow flow = { .event = WEIR_FLOW_LOST,
				  .lost_at = WEIR_LOSS_NFLOG,
				  .lost_event = WEIR_FLOW_DENIED,
				  .lost = n,
				  .time = now_ns() };

	log->sink.flow(log->sink.data, &flow);
}

static void give_packet(struct weir_nflog *log, const uint8_t *msg, size_t len, uint64_t now)
{
	uint32_t seq = log->next_seq;
	struct weir_flow flow;
	bool ours = weir_nflog_decode(msg, len, &flow, &seq);

	if (seq != log->next_seq) {
		give_lost(log, seq - log->next_seq);
		log->owing = false;
	}
	log->next_seq = seq + 1;
	if (!ours)
		return;
	if (!flow.time)
		flow.time = now;
	log->sink.flow(log->sink.data, &flow);
}

static unsigned give_packets(struct weir_nflog *log, const uint8_t *data, size_t len, uint64_t now)
{
	struct nlmsghdr head;
	unsigned n = 0;
	size_t step;

	while (len >= sizeof(head)) {
		memcpy(&head, data, sizeof(head));
		if (head.nlmsg_len < sizeof(head) || head.nlmsg_len > len)
			break;
		if (head.nlmsg_type == MSG(NFULNL_MSG_PACKET)) {
			give_packet(log, data, head.nlmsg_len, now);
			n++;
		}
		step = NLMSG_ALIGN(head.nlmsg_len);
		data += step;
		len = step < len ? len - step : 0;
	}
	return n;
}

int weir_nflog_read(struct weir_nflog *log, unsigned budget, struct weir_error *err)
{
	struct weir_nlsock_read got = { .more = true };
	unsigned events = 0;
	bool unknown;
	int r = 0;

	while (r == 0 && got.more && events < budget) {
		uint64_t now = now_ns();

		r = weir_nlsock_read(&log->sock, &got);
		if (weir_nlsock_dropped(&log->sock, got.overrun, &unknown) || unknown)
			log->owing = true;
		for (unsigned i = 0; i < got.n; i++) {
			size_t len;
			const uint8_t *msg = weir_nlsock_message(&log->sock, i, &len);

			events += give_packets(log, msg, len, now);
		}
	}
	return r < 0 ? weir_error_errno(err, -r, "read denied packets") : (int)events;
}

void weir_nflog_idle(struct weir_nflog *log)
{
	if (log->owing)
		give_lost(log, 0);
	log->owing = false;
}
