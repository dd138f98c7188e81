/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The flow source of the Linux kernel: conntrack for what was allowed, NFLOG
 * for what was denied, behind the operations of weir/flow.h. Backends hand
 * it out in their flows slot; it knows none of them.
 */
#include "backends/flow/kernel.h"

#include <errno.h>
#include <stdlib.h>

#include "backends/flow/conntrack.h"
#include "backends/flow/nflog.h"
#include "weir/cleanup.h"

struct kernel_source {
	struct weir_flow_source source;
	struct weir_conntrack conntrack;
	struct weir_nflog nflog;
};

static int kernel_fds(struct weir_flow_source *s, int *fds, int max)
{
	struct kernel_source *k = (struct kernel_source *)s;
	const int all[] = { k->conntrack.opened.fd, k->conntrack.ended.fd, k->nflog.sock.fd,
			    k->conntrack.dump.fd };
	int n = 0;

	for (; n < max && n < (int)WEIR_ARRAY_SIZE(all); n++)
		fds[n] = all[n];
	return n;
}

static int kernel_read(struct weir_flow_source *s, int fd, unsigned budget, struct weir_error *err)
{
	struct kernel_source *k = (struct kernel_source *)s;

	if (fd == k->nflog.sock.fd)
		return weir_nflog_read(&k->nflog, budget, err);
	return weir_conntrack_read(&k->conntrack, fd, budget, err);
}

static uint32_t kernel_queued(struct weir_flow_source *s, int fd)
{
	return weir_nlsock_queued(fd);
}

static int kernel_poll_counters(struct weir_flow_source *s, struct weir_error *err)
{
	struct kernel_source *k = (struct kernel_source *)s;

	weir_nflog_idle(&k->nflog);
	return weir_conntrack_dump(&k->conntrack, err);
}

static void kernel_close(struct weir_flow_source *s)
{
	struct kernel_source *k = (struct kernel_source *)s;

	weir_conntrack_close(&k->conntrack);
	weir_nflog_close(&k->nflog);
	free(k);
}

static const struct weir_flow_source_ops kernel_ops = {
	.fds = kernel_fds,
	.read = kernel_read,
	.queued = kernel_queued,
	.poll_counters = kernel_poll_counters,
	.close = kernel_close,
};

int weir_kernel_flows_open(const struct weir_flow_config *config, struct weir_flow_source **ret,
			   struct weir_error *err)
{
	struct weir_flow_config c = *config;
	WEIR_AUTO_FREE struct kernel_source *k = calloc(1, sizeof(*k));
	int r;

	if (!k)
		return weir_error_errno(err, ENOMEM, "flow source");
	if (!c.buffer)
		c.buffer = WEIR_FLOW_BUFFER;
	k->source.ops = &kernel_ops;
	r = weir_conntrack_open(&k->conntrack, &c, err);
	if (r < 0)
		return weir_error_prefix(err, r, "flow events");
	r = weir_nflog_open(&k->nflog, &c, err);
	if (r < 0) {
		weir_conntrack_close(&k->conntrack);
		return weir_error_prefix(err, r, "flow events");
	}
	*ret = &weir_take(k)->source;
	return 0;
}
