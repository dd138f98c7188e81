/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Method "flows": the records that the publisher remembers, filtered, oldest
 * first. The live stream is not here but on ZeroMQ (docs/WIRE.md).
 */
#include "daemon/query/query.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "weir/cleanup.h"

enum { LAST_MAX = 1000000 };

struct filter {
	const char *namespace_, *pod; /* NULL: any */
	int verdict;		      /* -1: any */
	uint64_t since;		      /* ns since the epoch */
};

struct history {
	struct filter filter;
	const char *node;
	size_t last; /* keep only so many; 0: all */
	size_t n;
	cJSON *records;
	struct weir_json_buffer json;
};

static bool peer_matches(const struct filter *f, const struct weir_record_peer *peer)
{
	return (!f->namespace_ ||
		(peer->namespace_ && strcmp(peer->namespace_, f->namespace_) == 0)) &&
	       (!f->pod || (peer->pod && strcmp(peer->pod, f->pod) == 0));
}

/* A gap concerns whoever looks: it may have held what was asked for. */
static bool matches(const struct filter *f, const struct weir_record *record)
{
	if (record->time < f->since)
		return false;
	if (record->type == WEIR_RECORD_GAP)
		return true;
	if (f->verdict >= 0 && record->verdict != f->verdict)
		return false;
	return peer_matches(f, &record->src) || peer_matches(f, &record->dst);
}

static int add_record(void *data, const struct weir_record *record)
{
	struct history *h = data;
	int r;

	if (!matches(&h->filter, record))
		return 0;
	h->json.len = 0;
	r = weir_record_to_json(record, h->node, &h->json);
	if (r < 0)
		return r;
	if (!cJSON_AddItemToArray(h->records, cJSON_CreateRaw(h->json.text)))
		return -ENOMEM;
	if (h->last && h->n == h->last)
		cJSON_DeleteItemFromArray(h->records, 0);
	else
		h->n++;
	return 0;
}

static int read_verdict(const char *text, struct weir_rpc_reply *reply, int *ret)
{
	if (!text) {
		*ret = -1;
		return 0;
	}
	for (int v = 0; v < WEIR_VERDICT_MAX; v++) {
		if (strcmp(text, weir_verdict_name(v)) == 0) {
			*ret = v;
			return 0;
		}
	}
	weir_rpc_reply_error(reply, WEIR_RPC_BAD_REQUEST,
			     "parameter \"verdict\" must be \"allowed\" or \"denied\"", NULL);
	return -EINVAL;
}

static uint64_t ms_ago(double ms)
{
	struct timespec now;

	clock_gettime(CLOCK_REALTIME, &now);
	return (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec - (uint64_t)ms * 1000000u;
}

void weir_query_flows(struct weird *d, const cJSON *params, struct weir_rpc_reply *reply)
{
	struct history h = { .node = d->world.node };
	const char *verdict;
	double since_ms, last;
	cJSON *result;
	int r;

	if (weir_query_text(params, "namespace", reply, &h.filter.namespace_) < 0 ||
	    weir_query_text(params, "pod", reply, &h.filter.pod) < 0 ||
	    weir_query_text(params, "verdict", reply, &verdict) < 0 ||
	    weir_query_number(params, "sinceMs", 1e12, 0, reply, &since_ms) < 0 ||
	    weir_query_number(params, "last", LAST_MAX, 0, reply, &last) < 0 ||
	    read_verdict(verdict, reply, &h.filter.verdict) < 0)
		return;
	h.filter.since = since_ms > 0 ? ms_ago(since_ms) : 0;
	h.last = (size_t)last;
	result = cJSON_CreateObject();
	h.records = cJSON_AddArrayToObject(result, "records");
	r = weir_publisher_history(d->publisher, add_record, &h);
	weir_json_buffer_free(&h.json);
	if (r < 0) {
		cJSON_Delete(result);
		weir_rpc_reply_error(reply, WEIR_RPC_FAILED, "the history cannot be read",
				     strerror(-r));
		return;
	}
	weir_rpc_reply_result(reply, result);
}
