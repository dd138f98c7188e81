/* SPDX-License-Identifier: Apache-2.0 */
/* A node's batches on their way to ingest: its answer decides what the node is
 * told. Called by session.c. */
#include <errno.h>
#include <string.h>

#include "hub/ingest/ingest.h"
#include "hub/receive/internal.h"
#include "weir/log.h"
#include "weir/wire.h"

#define FULL_MS 200u /* ingest has no room: how long the node waits */

static void took(struct weir_receive *r, struct weir_link_node *n,
		 const struct weir_batch_header *batch, size_t len, bool again)
{
	pthread_mutex_lock(&r->registry->lock);
	n->newest_ms = batch->time / 1000000;
	if (again) {
		n->state.duplicates++;
	} else if (batch->records) {
		n->state.batches++;
		n->state.records += batch->records;
		n->state.bytes += len;
	}
	pthread_mutex_unlock(&r->registry->lock);
}

static void hand_in(struct weir_receive *r, struct weir_link_node *n, struct weir_incoming *in,
		    const struct weir_batch_header *batch, struct weir_session_boot *b)
{
	size_t len = zmq_msg_size(in->payload);
	uint64_t expected = 0;
	struct weir_error err = { "" };
	int failed = weir_ingest_batch(r->ingest, n->state.cluster, n->state.node,
				       zmq_msg_data(in->payload), len, &expected, &err);

	switch (failed) {
	case 0:
		b->again_at = 0;
		took(r, n, batch, len, false);
		if (batch->records)
			n->session.unacked += len;
		else
			weir_session_ack(n, b); /* an answer to the beat: the link is alive */
		break;
	case -EALREADY:
		took(r, n, batch, len, true);
		weir_session_ack(n, b);
		break;
	case -EAGAIN:
		weir_session_again(r, n, b, in->now_ms);
		break;
	case -EBADMSG:
	case -EPROTONOSUPPORT:
		weir_session_cut_off(r, n, err.text);
		break;
	default: /* ingest says in the log what it lacks */
		b->again_at = in->now_ms + FULL_MS;
	}
}

void weir_session_batch(struct weir_receive *r, struct weir_link_node *n, struct weir_incoming *in)
{
	struct weir_session_boot *b;
	struct weir_batch_header batch;
	struct weir_batch_names names;
	struct weir_error err;

	if (weir_batch_read_header(zmq_msg_data(in->payload), zmq_msg_size(in->payload), &batch,
				   &names, &err) < 0) {
		weir_session_cut_off(r, n, err.text);
		return;
	}
	b = weir_session_boot(n, batch.boot);
	if (strcmp(batch.node, n->state.node) != 0) {
		weir_session_cut_off(r, n, "sends another node's batches");
	} else if (!b) {
		weir_session_cut_off(r, n, "sends batches of a boot that its hello did not name");
	} else if (n->session.unacked > 2 * r->config.window) {
		weir_session_cut_off(r, n, "sends more than the window");
	} else {
		b->used_at = in->now_ms;
		hand_in(r, n, in, &batch, b);
	}
}
