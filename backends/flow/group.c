/* SPDX-License-Identifier: Apache-2.0 */
/* The two requests that bind an NFLOG group to a socket and say how its packets are
 * to come. Called by nflog.c and answers.c. */
#include "backends/flow/group.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netfilter/nfnetlink_compat.h>
#include <linux/netfilter/nfnetlink_log.h>
#include <string.h>
#include <unistd.h>

#define MSG(type) ((NFNL_SUBSYS_ULOG << 8) | (type))

struct config_request {
	struct nlmsghdr head;
	struct nfgenmsg group;
	uint8_t attrs[128];
};

static void put(struct config_request *q, uint16_t type, const void *data, size_t len)
{
	struct nlattr head = { .nla_len = (uint16_t)(sizeof(head) + len), .nla_type = type };
	uint8_t *p = (uint8_t *)q + q->head.nlmsg_len;

	memcpy(p, &head, sizeof(head));
	memcpy(p + sizeof(head), data, len);
	q->head.nlmsg_len += NLA_ALIGN(head.nla_len);
}

static struct config_request config_request(uint16_t group)
{
	return (struct config_request){
		.head = { .nlmsg_len = NLMSG_HDRLEN + sizeof(struct nfgenmsg),
			  .nlmsg_type = MSG(NFULNL_MSG_CONFIG),
			  .nlmsg_flags = NLM_F_REQUEST },
		.group = { .nfgen_family = AF_UNSPEC,
			   .version = NFNETLINK_V0,
			   .res_id = htons(group) },
	};
}

static int bind_group(struct weir_nlsock *sock, uint16_t group)
{
	struct nfulnl_msg_config_cmd cmd = { .command = NFULNL_CFG_CMD_BIND };
	struct config_request q = config_request(group);

	put(&q, NFULA_CFG_CMD, &cmd, sizeof(cmd));
	return weir_nlsock_request(sock, &q.head);
}

static int configure_group(struct weir_nlsock *sock, const struct weir_nflog_group *group)
{
	struct nfulnl_msg_config_mode mode = { .copy_range = htonl(group->copy),
					       .copy_mode = NFULNL_COPY_PACKET };
	uint32_t size = htonl(group->buffer), threshold = htonl(group->threshold);
	uint32_t timeout = htonl(group->timeout);
	uint16_t flags = htons(NFULNL_CFG_F_SEQ);
	struct config_request q = config_request(group->number);

	put(&q, NFULA_CFG_MODE, &mode, sizeof(mode));
	put(&q, NFULA_CFG_NLBUFSIZ, &size, sizeof(size));
	put(&q, NFULA_CFG_QTHRESH, &threshold, sizeof(threshold));
	put(&q, NFULA_CFG_TIMEOUT, &timeout, sizeof(timeout));
	put(&q, NFULA_CFG_FLAGS, &flags, sizeof(flags));
	return weir_nlsock_request(sock, &q.head);
}

int weir_nflog_group_take(struct weir_nlsock *sock, const struct weir_nflog_group *group,
			  struct weir_error *err)
{
	int r = bind_group(sock, group->number);

	if (r == 0)
		r = configure_group(sock, group);
	if (r == -EBUSY || (r == -EPERM && geteuid() == 0)) /* EPERM: it has another owner */
		return weir_error_set(err, EBUSY,
				      "NFLOG group %u is read by another process: stop it or "
				      "configure another group",
				      group->number);
	return r < 0 ? weir_error_errno(err, -r, "NFLOG group %u", group->number) : 0;
}
