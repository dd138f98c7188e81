/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Questions that only the kernel can answer. Each asks and leaves nothing behind:
 * a netlink dump, and a BPF program that is never attached.
 */
#include <errno.h>
#include <linux/bpf.h>
#include <linux/netfilter.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <linux/netlink.h>
#include <stdint.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <unistd.h>

#include "cli/doctor/doctor.h"
#include "weir/cleanup.h"

/* Values of linux/bpf.h since 6.4, which older headers lack. */
#define PROG_TYPE_NETFILTER   32
#define ATTACH_TYPE_NETFILTER 45

enum { ANSWER_MS = 2000, BUFFER = 32768 };

struct request {
	struct nlmsghdr head;
	struct nfgenmsg generic;
};

static int ask(uint16_t message, uint16_t flags, int *ret)
{
	struct request request = {
		.head = { .nlmsg_len = sizeof(request),
			  .nlmsg_type = (NFNL_SUBSYS_NFTABLES << 8) | message,
			  .nlmsg_flags = NLM_F_REQUEST | flags },
		.generic = { .nfgen_family = AF_UNSPEC, .version = NFNETLINK_V0 },
	};
	struct timeval limit = { .tv_sec = ANSWER_MS / 1000 };
	WEIR_AUTO_CLOSE int fd = socket(AF_NETLINK, SOCK_RAW | SOCK_CLOEXEC, NETLINK_NETFILTER);

	if (fd < 0 || setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &limit, sizeof(limit)) < 0 ||
	    send(fd, &request, sizeof(request), 0) < 0)
		return -errno;
	*ret = weir_take_fd(fd);
	return 0;
}

/* The name in an answer about a chain; NULL when there is none. */
static const char *chain_name(const struct nlmsghdr *head)
{
	const char *at = (const char *)NLMSG_DATA(head) + NLMSG_ALIGN(sizeof(struct nfgenmsg));
	const char *end = (const char *)head + head->nlmsg_len;

	while (at + NLA_HDRLEN <= end) {
		struct nlattr attr;

		memcpy(&attr, at, sizeof(attr));
		if (attr.nla_len < NLA_HDRLEN || attr.nla_len > end - at)
			return NULL;
		if ((attr.nla_type & NLA_TYPE_MASK) == NFTA_CHAIN_NAME)
			return at[attr.nla_len - 1] == 0 ? at + NLA_HDRLEN : NULL;
		at += NLA_ALIGN(attr.nla_len);
	}
	return NULL;
}

/* 1: there is more to come; 0: that was the end; -errno */
static int take_message(const struct nlmsghdr *head, void (*chain)(void *data, const char *name),
			void *data)
{
	const struct nlmsgerr *error = NLMSG_DATA(head);
	const char *name;

	if (head->nlmsg_type == NLMSG_DONE)
		return 0;
	if (head->nlmsg_type == NLMSG_ERROR)
		return head->nlmsg_len >= NLMSG_LENGTH(sizeof(*error)) ? error->error : -EBADMSG;
	name = chain ? chain_name(head) : NULL;
	if (name)
		chain(data, name);
	return head->nlmsg_flags & NLM_F_MULTI ? 1 : 0;
}

static int take_answers(int fd, void (*chain)(void *data, const char *name), void *data)
{
	char buffer[BUFFER] __attribute__((aligned(NLMSG_ALIGNTO)));
	int r = 1;

	while (r > 0) {
		ssize_t len = recv(fd, buffer, sizeof(buffer), 0);
		struct nlmsghdr *head = (struct nlmsghdr *)buffer;

		if (len < 0)
			return -errno;
		for (unsigned left = (unsigned)len; r > 0 && NLMSG_OK(head, left);
		     head = NLMSG_NEXT(head, left))
			r = take_message(head, chain, data);
		if (len == 0)
			return -EBADMSG;
	}
	return r;
}

int doctor_probe_nf_tables(void)
{
	WEIR_AUTO_CLOSE int fd = -1;
	int r = ask(NFT_MSG_GETGEN, 0, &fd);

	return r < 0 ? r : take_answers(fd, NULL, NULL);
}

int doctor_probe_chains(void (*chain)(void *data, const char *name), void *data)
{
	WEIR_AUTO_CLOSE int fd = -1;
	int r = ask(NFT_MSG_GETCHAIN, NLM_F_DUMP, &fd);

	return r < 0 ? r : take_answers(fd, chain, data);
}

int doctor_probe_bpf_netfilter(void)
{
	/* return NF_ACCEPT */
	const struct bpf_insn program[] = {
		{ .code = BPF_ALU64 | BPF_MOV | BPF_K, .dst_reg = BPF_REG_0, .imm = NF_ACCEPT },
		{ .code = BPF_JMP | BPF_EXIT },
	};
	union bpf_attr attr;
	int fd;

	memset(&attr, 0, sizeof(attr));
	attr.prog_type = PROG_TYPE_NETFILTER;
	attr.expected_attach_type = ATTACH_TYPE_NETFILTER;
	attr.insns = (uint64_t)(uintptr_t)program;
	attr.insn_cnt = WEIR_ARRAY_SIZE(program);
	attr.license = (uint64_t)(uintptr_t) "GPL";
	fd = (int)syscall(SYS_bpf, BPF_PROG_LOAD, &attr, sizeof(attr));
	if (fd < 0)
		return -errno;
	close(fd);
	return 0;
}
