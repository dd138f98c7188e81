/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads the NFLOG group of DNS answers. Each packet is a message of its own, sent at
 * once: a pod may connect within a tenth of a millisecond. Called by daemon/dns through
 * the backend.
 */
#include "backends/flow/answers.h"

#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <stdlib.h>

#include "backends/flow/attr.h"
#include "backends/flow/group.h"
#include "backends/flow/stream.h"
#include "weir/cleanup.h"
#include "weir/object.h"

#define PACKET_MAX    65535u
#define KERNEL_BUFFER 4096u /* of one message; the kernel takes more for a larger packet */
#define READ_SIZE     (PACKET_MAX + 1024u)
#define READ_BATCH    8u

struct answers {
	struct weir_answer_source source;
	struct weir_answer_config config;
	struct weir_nlsock sock;
	struct weir_streams streams;
	uint64_t lost;
};

bool weir_answers_decode(const uint8_t *msg, size_t len, const uint8_t **ret, size_t *ret_len)
{
	const size_t head = NLMSG_HDRLEN + sizeof(struct nfgenmsg);
	struct weir_attrs in = { msg + head, msg + len };
	struct weir_attr a;

	if (len < head)
		return false;
	while (weir_attr_next(&in, &a)) {
		if (a.type != NFULA_PAYLOAD)
			continue;
		*ret = a.data;
		*ret_len = a.len;
		return true;
	}
	return false;
}

static void give_packet(struct answers *a, const uint8_t *msg, size_t len)
{
	struct weir_payload p;
	const uint8_t *packet;
	size_t n;

	if (!weir_answers_decode(msg, len, &packet, &n) || !weir_packet_payload(packet, n, &p))
		return;
	if (p.tuple.protocol == WEIR_PROTO_TCP)
		weir_streams_feed(&a->streams, &p, a->config.answer, a->config.data);
	else
		a->config.answer(a->config.data, &p.tuple, p.data, p.len);
}

static unsigned give_packets(struct answers *a, const uint8_t *data, size_t len)
{
	struct nlmsghdr head;
	unsigned n = 0;
	size_t step;

	while (len >= sizeof(head)) {
		memcpy(&head, data, sizeof(head));
		if (head.nlmsg_len < sizeof(head) || head.nlmsg_len > len)
			break;
		if (head.nlmsg_type == (NFNL_SUBSYS_ULOG << 8 | NFULNL_MSG_PACKET)) {
			give_packet(a, data, head.nlmsg_len);
			n++;
		}
		step = NLMSG_ALIGN(head.nlmsg_len);
		data += step;
		len = step < len ? len - step : 0;
	}
	return n;
}

static int answers_fd(const struct weir_answer_source *s)
{
	return ((const struct answers *)s)->sock.fd;
}

static int answers_read(struct weir_answer_source *s, unsigned budget, struct weir_error *err)
{
	struct answers *a = (struct answers *)s;
	struct weir_nlsock_read got = { .more = true };
	unsigned n = 0;
	int r = 0;

	while (r == 0 && got.more && n < budget) {
		bool unknown;

		r = weir_nlsock_read(&a->sock, &got);
		a->lost += weir_nlsock_dropped(&a->sock, got.overrun, &unknown);
		a->lost += unknown;
		for (unsigned i = 0; i < got.n; i++) {
			size_t len;
			const uint8_t *msg = weir_nlsock_message(&a->sock, i, &len);

			a->lost += len == 0;
			n += give_packets(a, msg, len);
		}
	}
	return r < 0 ? weir_error_errno(err, -r, "read DNS answers") : (int)n;
}

static uint64_t answers_lost(const struct weir_answer_source *s)
{
	return ((const struct answers *)s)->lost;
}

static void answers_close(struct weir_answer_source *s)
{
	struct answers *a = (struct answers *)s;

	weir_nlsock_close(&a->sock);
	weir_streams_clear(&a->streams);
	free(a);
}

static const struct weir_answer_source_ops answers_ops = {
	.fd = answers_fd,
	.read = answers_read,
	.lost = answers_lost,
	.close = answers_close,
};

int weir_kernel_answers_open(const struct weir_answer_config *config,
			     struct weir_answer_source **ret, struct weir_error *err)
{
	const struct weir_nflog_group group = {
		.number = config->nflog_group,
		.copy = PACKET_MAX,
		.buffer = KERNEL_BUFFER,
		.threshold = 1,
		.timeout = 1,
	};
	struct answers *a = calloc(1, sizeof(*a));
	int r;

	if (!a)
		return weir_error_errno(err, ENOMEM, "DNS answers");
	a->source.ops = &answers_ops;
	a->config = *config;
	r = weir_nlsock_open(&a->sock, config->buffer, READ_SIZE, READ_BATCH, NULL, NULL, err);
	if (r == 0)
		r = weir_nflog_group_take(&a->sock, &group, err);
	if (r < 0) {
		answers_close(&a->source);
		return weir_error_prefix(err, r, "DNS answers");
	}
	*ret = &a->source;
	return 0;
}
