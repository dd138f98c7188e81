/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The kernel's refusal of one message of a batch, in words. */
#include <linux/netlink.h>

#include "weir/error.h"

/* message: what was refused (NULL: the commit as a whole); answer: NLMSG_ERROR. */
void nft_refusal_describe(const struct nlmsghdr *message, const struct nlmsghdr *answer, int code,
			  struct weir_error *err);
