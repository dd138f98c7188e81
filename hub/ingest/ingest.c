/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Takes batches in: sequence, duplicates, gaps; their records into the queues of
 * their origins, and to who listens live. See ingest.h.
 */
#include "hub/ingest/ingest.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "hub/ingest/internal.h"
#include "weir/cleanup.h"
#include "weir/flow.h"
#include "weir/policy.h"
#include "weir/ruleset.h"
#include "weir/wire.h"

#define COMMIT_MS   500
#define JOIN_MS	    5000
#define WAITING_MAX (1u << 20)
#define DRIFT_NS    1000000	  /* a node's clock may fall back so much from batch to batch */
#define BEHIND_NS   30000000000ll /* and so much in all: what is more is taken for delay */

uint64_t weir_ingest_clock(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int weir_ingest_new(const struct weir_ingest_config *config, struct weir_ingest **ret,
		    struct weir_error *err)
{
	struct weir_ingest *in = calloc(1, sizeof(*in));
	int r;

	if (!in)
		return weir_error_errno(err, ENOMEM, "ingest");
	in->config = *config;
	in->config.commit_ms = config->commit_ms ?: COMMIT_MS;
	in->config.join_ms = config->join_ms ?: JOIN_MS;
	in->config.max_waiting = config->max_waiting ?: WAITING_MAX;
	pthread_mutex_init(&in->lock, NULL);
	pthread_cond_init(&in->wake, NULL);
	if (weir_join_open(&in->join) < 0 || weir_rows_open(in) < 0 ||
	    weir_dictionary_new(&in->words) < 0)
		r = weir_error_errno(err, ENOMEM, "ingest");
	else
		r = weir_origins_load(in, err);
	if (r == 0) {
		r = pthread_create(&in->thread, NULL, weir_commit_run, in);
		in->has_thread = r == 0;
		r = r ? weir_error_errno(err, r, "ingest: thread") : 0;
	}
	if (r < 0) {
		weir_ingest_free(&in);
		return r;
	}
	*ret = in;
	return 0;
}

void weir_ingest_abandon(struct weir_ingest **ingest)
{
	(*ingest)->abandoned = true;
	weir_ingest_free(ingest);
}

void weir_ingest_free(struct weir_ingest **ingest)
{
	struct weir_ingest *in = weir_take(*ingest);

	if (!in)
		return;
	if (in->has_thread) {
		pthread_mutex_lock(&in->lock);
		in->ending = true;
		pthread_cond_signal(&in->wake);
		pthread_mutex_unlock(&in->lock);
		pthread_join(in->thread, NULL);
	}
	weir_origins_free(in);
	weir_join_close(&in->join);
	weir_rows_close(in);
	weir_words_clear(&in->unpacked);
	weir_dictionary_free(&in->words);
	pthread_mutex_destroy(&in->lock);
	pthread_cond_destroy(&in->wake);
	free(in);
}

uint64_t weir_ingest_next(struct weir_ingest *in, const char *cluster, const char *node,
			  const char *boot, bool *ret_known)
{
	struct weir_origin *o;
	uint64_t next;

	pthread_mutex_lock(&in->lock);
	o = weir_origin_get(in, cluster, node, boot, false);
	next = o ? o->expected : 0;
	if (ret_known)
		*ret_known = false;
	for (o = in->list; o && ret_known && !*ret_known; o = o->next)
		*ret_known = !strcmp(o->cluster, cluster) && !strcmp(o->name, node);
	pthread_mutex_unlock(&in->lock);
	return next;
}

void weir_ingest_node_up(struct weir_ingest *in, const char *cluster, const char *node, bool up)
{
	struct weir_sender *n;

	pthread_mutex_lock(&in->lock);
	n = weir_sender_get(in, cluster, node, up);
	if (n && n->up && !up)
		n->heard = weir_ingest_clock(CLOCK_MONOTONIC);
	if (n)
		n->up = up;
	pthread_mutex_unlock(&in->lock);
}

/* --- a batch ------------------------------------------------------------------------- */

struct taking {
	struct weir_ingest *in;
	struct weir_origin *origin;
	const char *cluster, *node;
	struct weir_error *err;
	uint64_t now;	 /* monotonic */
	uint64_t begin;	 /* seqs below are there already */
	uint64_t newest; /* time of its records */
};

/* The node's clock against ours: the least that a batch was late, which may slowly grow. */
static void move_clock(struct weir_sender *n, uint64_t time)
{
	int64_t ahead = (int64_t)(time - weir_ingest_clock(CLOCK_REALTIME));

	if (ahead > n->ahead)
		n->ahead = ahead;
	else if (n->ahead > -BEHIND_NS)
		n->ahead -= DRIFT_NS;
}

/* Nothing older than this comes of a node: when it is quiet its clock tells, else the last of its
 * records, for it may be slow to read what its kernel saw. */
static void move_mark(struct weir_sender *n, uint64_t time)
{
	uint64_t mark = time - (uint64_t)n->ahead;

	if (mark > n->mark)
		n->mark = mark;
}

static void tell_live(struct weir_ingest *in, const struct weir_entry *e, bool joined)
{
	struct weir_hub_flow flow;

	if (!in->config.live)
		return;
	weir_row_to_flow(&e->row, &in->unpacked, &flow);
	in->config.live(in->config.data, &flow, joined);
}

static int take_record(void *data, const struct weir_record *record)
{
	struct taking *t = data;
	struct weir_ingest *in = t->in;
	struct weir_entry *e, *with = NULL;
	int r;

	if (record->time > t->newest)
		t->newest = record->time;
	if (record->seq < t->begin)
		return 0;
	e = calloc(1, sizeof(*e));
	if (!e)
		return -ENOMEM;
	e->arrived = t->now;
	r = weir_rows_add(in, t->origin, record, e);
	if (r < 0) {
		free(e);
		return r;
	}
	if (weir_origin_skips(t->origin, record->seq)) {
		e->state = WEIR_ENTRY_STORED;
		in->stats.duplicates++;
		in->entries++;
		weir_origin_push(t->origin, e);
		return 0;
	}
	e->origin = t->origin;
	if (e->state == WEIR_ENTRY_WAITING)
		weir_join_add(&in->join, e, &with);
	weir_origin_push(t->origin, e);
	in->entries++;
	in->stats.records++;
	in->stats.gaps += record->type == WEIR_RECORD_GAP;
	in->stats.lost += record->type == WEIR_RECORD_GAP ? record->lost : 0;
	tell_live(in, with ?: e, with != NULL);
	return 0;
}

static int check_header(struct taking *t, const struct weir_batch_header *h)
{
	if (strcmp(h->node, t->node) != 0)
		return weir_error_set(t->err, EBADMSG, "batch of node \"%.64s\" from node %s",
				      h->node, t->node);
	if (!*h->boot || !h->first_seq || h->first_seq > UINT64_MAX / 2)
		return weir_error_set(t->err, EBADMSG, "batch without a boot or a number");
	t->origin = weir_origin_get(t->in, t->cluster, t->node, h->boot, true);
	if (!t->origin)
		return -ENOMEM;
	if (!t->origin->expected)
		t->origin->expected = h->first_seq; /* a boot that is new begins where it says */
	return 0;
}

/* What to do with the whole of it: 0 take, 1 nothing new but the time. */
static int judge_header(struct taking *t, const struct weir_batch_header *h)
{
	struct weir_origin *o = t->origin;

	t->begin = o->expected;
	if (h->first_seq > o->expected)
		return -EAGAIN;
	move_clock(o->node, h->time);
	o->node->up = true;
	if (!h->records)
		move_mark(o->node, h->time);
	if (h->first_seq + h->records <= o->expected) {
		t->in->stats.duplicates += h->records;
		return h->records ? -EALREADY : 1;
	}
	if (t->in->draining || t->in->entries + h->records > 2ull * t->in->config.max_waiting)
		return -ENOBUFS;
	return 0;
}

static int take_batch(struct taking *t, const struct weir_batch_header *h, const uint8_t *msg,
		      size_t len)
{
	struct weir_ingest *in = t->in;
	struct weir_batch_header again;
	int r = check_header(t, h);

	if (r == 0)
		r = judge_header(t, h);
	if (r)
		return r < 0 ? r : 0;
	weir_rows_begin(in);
	r = weir_rows_origin(in, t->origin);
	if (r == 0)
		r = weir_batch_decode(msg, len, &again, take_record, t, t->err);
	if (r == 0)
		move_mark(t->origin->node, t->newest < h->time ? t->newest : h->time);
	in->stats.batches++;
	in->stats.bytes += len;
	if (r != -ENOSPC)
		return r;
	in->draining = true;
	return -ENOBUFS;
}

int weir_ingest_batch(struct weir_ingest *in, const char *cluster, const char *node,
		      const uint8_t *msg, size_t len, uint64_t *ret_expected,
		      struct weir_error *err)
{
	struct taking t = { .in = in, .cluster = cluster, .node = node, .err = err };
	struct weir_batch_names names;
	struct weir_batch_header header;
	int r = weir_batch_read_header(msg, len, &header, &names, err);

	if (r < 0)
		return -EBADMSG;
	t.now = weir_ingest_clock(CLOCK_MONOTONIC);
	pthread_mutex_lock(&in->lock);
	r = take_batch(&t, &header, msg, len);
	if (t.origin)
		*ret_expected = t.origin->expected;
	pthread_mutex_unlock(&in->lock);
	return r == -ENOMEM ? -ENOBUFS : r == -EPROTONOSUPPORT ? -EBADMSG : r;
}

int weir_ingest_lost(struct weir_ingest *in, const char *cluster, const char *node,
		     const char *boot, uint64_t from, uint64_t to, struct weir_error *err)
{
	struct weir_entry *e = calloc(1, sizeof(*e));
	struct weir_origin *o;
	int r = 0;

	if (!e)
		return weir_error_errno(err, ENOMEM, "gap");
	pthread_mutex_lock(&in->lock);
	o = weir_origin_get(in, cluster, node, boot, true);
	if (!o || weir_rows_origin(in, o) < 0) {
		r = weir_error_errno(err, ENOMEM, "gap");
	} else if (from <= to && o->expected && from != o->expected) {
		r = weir_error_set(err, EINVAL, "gap from %llu, where %llu is expected",
				   (unsigned long long)from, (unsigned long long)o->expected);
	} else {
		e->first = from;
		e->last = to;
		e->row = (struct weir_row){ .type = WEIR_RECORD_GAP,
					    .time = weir_ingest_clock(CLOCK_REALTIME),
					    .staged = WEIR_VERDICT_MAX,
					    .lost_at = WEIR_LOSS_SPOOL,
					    .lost = from <= to ? to - from + 1 : 0 };
		e->row.origin[WEIR_EGRESS] = o->word;
		e->row.seq[WEIR_EGRESS] = from;
		in->stats.gaps++;
		in->stats.lost += e->row.lost;
		in->entries++;
		weir_origin_push(o, weir_take(e));
	}
	pthread_mutex_unlock(&in->lock);
	free(e);
	return r;
}

void weir_ingest_stats(struct weir_ingest *in, struct weir_ingest_stats *ret)
{
	pthread_mutex_lock(&in->lock);
	*ret = in->stats;
	ret->joined = in->join.joined;
	ret->waiting = in->join.waiting;
	pthread_mutex_unlock(&in->lock);
}
