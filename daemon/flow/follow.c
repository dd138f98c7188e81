/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What each kernel event means for the connections that are followed. Called
 * by pipeline.c, event by event, and by its clock.
 */
#include "daemon/flow/follow.h"

#include <string.h>

#include "weir/cleanup.h"

/* A connection not in two complete dumps has ended unseen; one dump may miss
 * entries while the kernel's table is resized. */
#define POLLS_UNSEEN	   2
#define SAME_CONNECTION_NS 1000000000ull
/* Dumps up to this size may be asked for just to end records promptly. */
#define SMALL_DUMP 4096u
#define GAP_NS	   1000000000ull /* losses of one kind are summed up for so long */

static void add_loss(struct weir_follow *f, enum weir_loss loss, uint64_t n)
{
	f->other[loss].count += n;
	f->other[loss].unknown |= !n;
}

void weir_follow_lost(struct weir_follow *f, enum weir_loss loss, uint64_t n)
{
	f->stats.lost[loss] += n;
	add_loss(f, loss, n);
}

/* A record that cannot be handed on is a loss: of connections when it was the
 * one that counts them, and of nobody knows what otherwise. */
static void count_record(void *data, struct weir_record *record)
{
	bool counts = record->type == WEIR_RECORD_OPEN || record->type == WEIR_RECORD_DENIED;
	struct weir_follow *f = data;

	weir_hits_count(f->hits, record);
	if (f->emit(f->data, record) == 0)
		f->stats.records[record->type]++;
	else if (record->type == WEIR_RECORD_GAP)
		add_loss(f, record->lost_at, record->lost);
	else
		weir_follow_lost(f, WEIR_LOSS_QUEUE, counts ? record->connections : 0);
}

int weir_follow_init(struct weir_follow *f, const struct weir_pipeline_config *config,
		     struct weir_world *world, int (*emit)(void *data, struct weir_record *record),
		     void *data, uint64_t began)
{
	struct weir_denied_config denied = { .max = config->max_denied,
					     .window_ms = config->denied_ms,
					     .annotator = &f->annotator,
					     .emit = count_record,
					     .data = f };
	int r;

	*f = (struct weir_follow){ .emit = emit,
				   .data = data,
				   .suspect = config->suspect,
				   .suspect_data = config->suspect_data,
				   .began = began,
				   .time = began };
	weir_annotator_init(&f->annotator, world);
	r = weir_tracker_new(config->max_connections, &f->tracker);
	if (r == 0)
		r = weir_hits_new(world->pool, &f->hits);
	if (r == 0)
		r = weir_denied_new(&denied, &f->denied);
	if (r < 0) {
		weir_hits_free(&f->hits);
		weir_tracker_free(&f->tracker);
	}
	return r;
}

/* The counters are cleared first: a record that is refused puts them back. */
static void emit_gap(struct weir_follow *f, enum weir_loss loss, struct weir_losses *losses)
{
	struct weir_losses was = *losses;
	struct weir_record r = { .type = WEIR_RECORD_GAP,
				 .staged = WEIR_VERDICT_MAX,
				 .time = f->time,
				 .lost_at = loss,
				 .egress.rule = -1,
				 .ingress.rule = -1 };

	*losses = (struct weir_losses){ 0 };
	if (was.count) {
		r.lost = was.count;
		count_record(f, &r);
	}
	if (was.unknown) {
		r.lost = 0;
		count_record(f, &r);
	}
}

/* What the counters say now is known to who reads the records. */
static void mark_counted(struct weir_track *track)
{
	memcpy(track->counted_packets, track->packets, sizeof(track->packets));
	memcpy(track->counted_bytes, track->bytes, sizeof(track->bytes));
}

static void emit_track(struct weir_follow *f, struct weir_track *track, enum weir_record_type type,
		       uint64_t time, enum weir_end_reason end)
{
	struct weir_tuple original = weir_track_original(track), reply = weir_track_reply(track);
	struct weir_record r = { .type = type,
				 .verdict = end == WEIR_END_POLICY ? WEIR_DENIED : WEIR_ALLOWED,
				 .staged = WEIR_VERDICT_MAX,
				 .end = end,
				 .time = time,
				 .start = track->start,
				 .flow = track->flow,
				 .connections = 1 };

	if (type != WEIR_RECORD_OPEN && track->packets[0]) {
		r.has_counters = true;
		memcpy(r.packets, track->packets, sizeof(r.packets));
		memcpy(r.bytes, track->bytes, sizeof(r.bytes));
		memcpy(r.counted_packets, track->counted_packets, sizeof(r.counted_packets));
		memcpy(r.counted_bytes, track->counted_bytes, sizeof(r.counted_bytes));
		mark_counted(track);
	}
	weir_annotation_fill(&track->annotation, &original, &reply, &r);
	count_record(f, &r);
}

static void forget(struct weir_follow *f, struct weir_track *track)
{
	f->closed -= track->state == WEIR_TRACK_CLOSED;
	weir_annotation_release(&f->annotator, &track->annotation);
	weir_tracker_remove(f->tracker, track);
}

static void report_end(struct weir_follow *f, struct weir_track *track, uint64_t time,
		       enum weir_end_reason end)
{
	if (track->state == WEIR_TRACK_CLOSED) {
		f->closed--;
		time = track->closed;
		end = track->end;
	}
	track->state = WEIR_TRACK_REPORTED;
	emit_track(f, track, WEIR_RECORD_END, time, end);
}

/* NULL: not of this node's pods, or (counted) no room. */
static struct weir_track *follow(struct weir_follow *f, const struct weir_flow *flow)
{
	struct weir_annotation annotation;
	struct weir_track *track;
	uint8_t verdict;

	if (!weir_annotate_allowed(&f->annotator, flow, &annotation, &verdict))
		return NULL;
	if (weir_tracker_add(f->tracker, flow, &annotation, &track) < 0) {
		weir_annotation_release(&f->annotator, &annotation);
		if (flow->event == WEIR_FLOW_NEW)
			weir_follow_lost(f, WEIR_LOSS_QUEUE, 1);
		return NULL;
	}
	track->seen = f->poll;
	if (!track->start)
		track->start = flow->time;
	if (verdict == WEIR_DENIED && f->suspect)
		f->suspect(f->suspect_data, flow);
	return track;
}

/* Is a connection that we hear of for the first time one whose NEW is among
 * the losses that are not reported yet? Then it is not lost after all. */
static bool take_back_loss(struct weir_follow *f, const struct weir_flow *flow)
{
	if (flow->start && flow->start < f->began)
		return false;
	if (f->settling.count)
		f->settling.count--;
	else if (f->fresh.count)
		f->fresh.count--;
	else
		return false;
	f->stats.lost[WEIR_LOSS_CONNTRACK]--;
	return true;
}

static void copy_counters(struct weir_track *track, const struct weir_flow *flow)
{
	if (!flow->has_counters)
		return;
	memcpy(track->packets, flow->packets, sizeof(track->packets));
	memcpy(track->bytes, flow->bytes, sizeof(track->bytes));
}

/*
 * The same id and tuple twice: the tuple was used again before the end of the
 * first was read; its END is on the way. Or a dump has shown the connection
 * an instant before its NEW.
 */
static bool is_repeated(struct weir_follow *f, struct weir_track *old, const struct weir_flow *flow)
{
	if (old->found && flow->time < old->start + SAME_CONNECTION_NS) {
		old->found = false;
		f->fresh.count++;
		f->stats.lost[WEIR_LOSS_CONNTRACK]++;
		return true;
	}
	if (old->state == WEIR_TRACK_GONE)
		forget(f, old);
	else
		old->superseded = true;
	return false;
}

static void on_new(struct weir_follow *f, const struct weir_flow *flow)
{
	struct weir_track *track = weir_tracker_find(f->tracker, flow, false);

	if (track && is_repeated(f, track, flow))
		return;
	track = follow(f, flow);
	if (track)
		emit_track(f, track, WEIR_RECORD_OPEN, flow->time, WEIR_END_NONE);
}

static enum weir_end_reason tcp_reason(uint8_t tcp_end)
{
	return tcp_end == WEIR_TCP_RST ? WEIR_END_RST : WEIR_END_FIN;
}

static void on_closing(struct weir_follow *f, const struct weir_flow *flow)
{
	struct weir_track *track = weir_tracker_find(f->tracker, flow, false);

	if (!track || track->state != WEIR_TRACK_LIVE || flow->tcp_end == WEIR_TCP_OPEN)
		return;
	track->state = WEIR_TRACK_CLOSED;
	track->closed = flow->time;
	track->end = tcp_reason(flow->tcp_end);
	f->closed++;
}

/* A dump or an END shows a connection that we did not know. */
static struct weir_track *find_again(struct weir_follow *f, const struct weir_flow *flow)
{
	struct weir_track *track = follow(f, flow);

	if (track && take_back_loss(f, flow)) {
		track->found = true;
		emit_track(f, track, WEIR_RECORD_OPEN, flow->time, WEIR_END_NONE);
	}
	return track;
}

static void on_counters(struct weir_follow *f, const struct weir_flow *flow)
{
	struct weir_track *track = weir_tracker_find(f->tracker, flow, false);
	bool known = track, moved;

	f->polled++;
	if (!known)
		track = find_again(f, flow);
	if (!track)
		return;
	track->seen = f->poll;
	moved = memcmp(track->packets, flow->packets, sizeof(track->packets)) != 0;
	copy_counters(track, flow);
	if (!known && !track->found)
		mark_counted(track); /* an earlier weird may have said so much */
	if (flow->tcp_end != WEIR_TCP_OPEN && !known && !track->found)
		track->state = WEIR_TRACK_REPORTED; /* over before we came */
	if (track->state == WEIR_TRACK_CLOSED ||
	    (track->state == WEIR_TRACK_LIVE && flow->tcp_end != WEIR_TCP_OPEN))
		report_end(f, track, flow->time, tcp_reason(flow->tcp_end));
	else if (track->state == WEIR_TRACK_LIVE && f->updates && moved)
		emit_track(f, track, WEIR_RECORD_UPDATE, flow->time, WEIR_END_NONE);
}

void weir_follow_ended(struct weir_follow *f, struct weir_track *track,
		       const struct weir_judgement *why)
{
	track->ended = true;
	weir_annotate_ended(&f->annotator, why, &track->annotation);
}

static enum weir_end_reason end_reason(const struct weir_track *track, const struct weir_flow *flow)
{
	if (track->ended)
		return WEIR_END_POLICY;
	if (flow->tcp_end != WEIR_TCP_OPEN)
		return tcp_reason(flow->tcp_end);
	return flow->expired ? WEIR_END_TIMEOUT : WEIR_END_UNKNOWN;
}

static void on_end(struct weir_follow *f, const struct weir_flow *flow)
{
	struct weir_track *track = weir_tracker_find(f->tracker, flow, true);
	bool known = track;

	if (!known)
		track = find_again(f, flow);
	if (!track)
		return;
	if (track->state == WEIR_TRACK_LIVE || track->state == WEIR_TRACK_CLOSED) {
		copy_counters(track, flow);
		if (!known && !track->found)
			mark_counted(track);
		report_end(f, track, flow->time, end_reason(track, flow));
	}
	if (f->polling && !track->superseded)
		track->state = WEIR_TRACK_GONE;
	else
		forget(f, track);
}

static void on_denied(struct weir_follow *f, const struct weir_flow *flow, uint64_t now)
{
	bool attempt;

	f->stats.denied_packets++;
	if (weir_denied_packet(f->denied, flow, now, &attempt) < 0 && attempt)
		weir_follow_lost(f, WEIR_LOSS_QUEUE, 1);
	f->stats.denied_connections += attempt;
}

static void on_lost(struct weir_follow *f, const struct weir_flow *flow)
{
	if (flow->lost_at != WEIR_LOSS_CONNTRACK) {
		weir_follow_lost(f, flow->lost_at, flow->lost);
		return;
	}
	/* A lost END loses no connection: polls find out that it has ended. */
	if (flow->lost_event != WEIR_FLOW_NEW)
		return;
	f->fresh.count += flow->lost;
	f->fresh.unknown |= !flow->lost;
	f->stats.lost[WEIR_LOSS_CONNTRACK] += flow->lost;
}

static void sweep(void *data, struct weir_track *track)
{
	struct weir_follow *f = data;
	bool unseen = (uint8_t)(f->poll - track->seen) >= POLLS_UNSEEN;

	if (track->state != WEIR_TRACK_GONE && !unseen)
		return;
	if (track->state == WEIR_TRACK_LIVE || track->state == WEIR_TRACK_CLOSED)
		report_end(f, track, f->time, track->ended ? WEIR_END_POLICY : WEIR_END_UNKNOWN);
	forget(f, track);
}

static void on_polled(struct weir_follow *f)
{
	f->polling = false;
	f->updates = false;
	weir_tracker_each(f->tracker, sweep, f);
	emit_gap(f, WEIR_LOSS_CONNTRACK, &f->settling);
}

void weir_follow_poll(struct weir_follow *f, bool updates)
{
	f->polling = true;
	f->updates = updates;
	f->polled = 0;
	f->poll++;
	f->settling.count += f->fresh.count;
	f->settling.unknown |= f->fresh.unknown;
	f->fresh = (struct weir_losses){ 0 };
}

bool weir_follow_wants_poll(const struct weir_follow *f)
{
	if (f->polling)
		return false;
	return f->fresh.count || f->fresh.unknown || (f->closed && f->polled <= SMALL_DUMP);
}

void weir_follow_flow(struct weir_follow *f, const struct weir_flow *flow, uint64_t now)
{
	f->stats.events[flow->event]++;
	if (flow->time > f->time)
		f->time = flow->time;
	switch ((enum weir_flow_event)flow->event) {
	case WEIR_FLOW_NEW:
		on_new(f, flow);
		break;
	case WEIR_FLOW_CLOSING:
		on_closing(f, flow);
		break;
	case WEIR_FLOW_COUNTERS:
		on_counters(f, flow);
		break;
	case WEIR_FLOW_END:
		on_end(f, flow);
		break;
	case WEIR_FLOW_DENIED:
		on_denied(f, flow, now);
		break;
	case WEIR_FLOW_LOST:
		on_lost(f, flow);
		break;
	case WEIR_FLOW_POLLED:
		on_polled(f);
		break;
	case WEIR_FLOW_EVENT_MAX:
		break;
	}
}

static void emit_gaps(struct weir_follow *f, uint64_t now)
{
	for (int i = 0; i < WEIR_LOSS_MAX; i++) {
		if (f->other[i].count || f->other[i].unknown)
			f->next_gap = now + GAP_NS;
		emit_gap(f, i, &f->other[i]);
	}
}

void weir_follow_tick(struct weir_follow *f, uint64_t now, uint64_t time)
{
	if (time > f->time)
		f->time = time;
	weir_denied_expire(f->denied, now);
	if (now >= f->next_gap)
		emit_gaps(f, now);
	f->stats.connections = weir_tracker_count(f->tracker);
	f->stats.policy_race = f->annotator.policy_race;
}

uint64_t weir_follow_next(const struct weir_follow *f)
{
	uint64_t next = weir_denied_next(f->denied);

	for (int i = 0; i < WEIR_LOSS_MAX; i++) {
		if ((f->other[i].count || f->other[i].unknown) && f->next_gap < next)
			next = f->next_gap;
	}
	return next;
}

static void release(void *data, struct weir_track *track)
{
	forget(data, track);
}

void weir_follow_done(struct weir_follow *f)
{
	weir_denied_free(&f->denied);
	weir_tracker_each(f->tracker, release, f);
	weir_tracker_free(&f->tracker);
	emit_gap(f, WEIR_LOSS_CONNTRACK, &f->settling);
	emit_gap(f, WEIR_LOSS_CONNTRACK, &f->fresh);
	for (int i = 0; i < WEIR_LOSS_MAX; i++)
		emit_gap(f, i, &f->other[i]);
	weir_hits_free(&f->hits);
	weir_annotator_done(&f->annotator);
}
