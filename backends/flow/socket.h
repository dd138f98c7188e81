/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * A netlink socket that knows exactly how many messages the kernel could not
 * put into its buffer, and reads many of them with one system call.
 */
#include <linux/netlink.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

#include "weir/error.h"

#define WEIR_NLSOCK_BATCH 64

struct weir_nlsock {
	int fd;		     /* -1: none */
	uint32_t drops;	     /* the kernel's count when we last asked */
	bool error_expected; /* counted before the kernel's ENOBUFS came through */
	size_t stride;	     /* size of one message's buffer */
	unsigned batch;	     /* messages per read */
	uint8_t *memory;
	struct mmsghdr *heads;
	struct iovec *parts;
};

struct weir_nlsock_read {
	unsigned n;   /* messages: weir_nlsock_message() */
	bool more;    /* there may be more at once */
	bool overrun; /* the kernel said ENOBUFS */
};

/* groups: NFNLGRP_* numbers, ended by 0. filter: may be NULL; is in force
 * before the first message. */
struct sock_fprog;
int weir_nlsock_open(struct weir_nlsock *s, uint32_t buffer, size_t stride, unsigned batch,
		     const struct sock_fprog *filter, const int *groups, struct weir_error *err);
void weir_nlsock_close(struct weir_nlsock *s);

/* Send a request and wait for the kernel's ACK. */
int weir_nlsock_request(struct weir_nlsock *s, struct nlmsghdr *request);
/* Send only; the answer comes through read. */
int weir_nlsock_send(struct weir_nlsock *s, const struct nlmsghdr *request);

/* Take what is there, up to one batch; never waits. */
int weir_nlsock_read(struct weir_nlsock *s, struct weir_nlsock_read *ret);

/* At most so many messages wait on the socket. */
uint32_t weir_nlsock_queued(int fd);

/* Message i of the last read; *ret_len 0 when it did not fit its buffer. */
static inline const uint8_t *weir_nlsock_message(const struct weir_nlsock *s, unsigned i,
						 size_t *ret_len)
{
	*ret_len = s->heads[i].msg_hdr.msg_flags & MSG_TRUNC ? 0 : s->heads[i].msg_len;
	return s->memory + i * s->stride;
}

/* Messages dropped since the last call. *ret_unknown: the kernel says that
 * something was lost and its counter does not tell how much. */
uint32_t weir_nlsock_dropped(struct weir_nlsock *s, bool overrun, bool *ret_unknown);
