/* SPDX-License-Identifier: Apache-2.0 */
/* Dimensions of sums: see dimensions.h. Used by sums.c. */
#include "hub/store/sqlite/dimensions.h"

#include <errno.h>
#include <inttypes.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <uthash.h>

#include "weir/cleanup.h"
#include "weir/ruleset.h"

struct weir_name {
	UT_hash_handle hh;
	uint32_t number;
	char text[];
};

enum { OF_NAMESPACE, OF_WORKLOAD, OF_POD, OF_CLUSTER, END_TABLES };

struct weir_name_table {
	struct weir_name_table *next;
	const struct weir_lens *lens;
	uint32_t *ends[END_TABLES]; /* by word; UINT32_MAX: not looked up yet */
	uint32_t *policies, *nodes;
};

static int number_of(struct weir_names *n, const char *text, uint32_t *ret)
{
	size_t len = strlen(text);
	struct weir_name *name, **more;

	HASH_FIND(hh, n->by_text, text, len, name);
	if (!name) {
		if (n->n + 1 >= n->size) {
			more = realloc(n->by_number,
				       (n->size * 2 + 64) * sizeof(struct weir_name *));
			if (!more)
				return -ENOMEM;
			n->by_number = more;
			n->size = n->size * 2 + 64;
		}
		name = malloc(sizeof(*name) + len + 1);
		if (!name)
			return -ENOMEM;
		memcpy(name->text, text, len + 1);
		name->number = ++n->n; /* from 1 */
		n->by_number[name->number] = name;
		HASH_ADD_KEYPTR(hh, n->by_text, name->text, len, name);
	}
	*ret = name->number;
	return 0;
}

static void free_table(struct weir_name_table *t)
{
	for (int i = 0; i < END_TABLES; i++)
		free(t->ends[i]);
	free(t->policies);
	free(t->nodes);
	free(t);
}

void weir_names_clear(struct weir_names *n)
{
	struct weir_name_table *t;

	HASH_CLEAR(hh, n->by_text);
	for (uint32_t i = 1; i <= n->n; i++)
		free(n->by_number[i]);
	free(n->by_number);
	for (t = n->tables; t; t = n->tables) {
		n->tables = t->next;
		free_table(t);
	}
	*n = (struct weir_names){ 0 };
}

static uint32_t *unknown(uint32_t n)
{
	uint32_t *numbers = malloc((n + 1) * sizeof(*numbers));

	if (numbers)
		memset(numbers, 0xff, (n + 1) * sizeof(*numbers));
	return numbers;
}

/* The last used is the first in the list. */
int weir_names_open(struct weir_names *n, const struct weir_lens *l)
{
	const struct weir_words *w = &l->p->words;
	struct weir_name_table *t;
	bool short_of_memory = false;

	for (t = n->tables; t; t = t->next)
		if (t->lens == l)
			break;
	if (t == n->tables && t)
		return 0;
	if (t) {
		struct weir_name_table *before = n->tables;

		while (before->next != t)
			before = before->next;
		before->next = t->next;
	} else {
		t = calloc(1, sizeof(*t));
		if (!t)
			return -ENOMEM;
		t->lens = l;
		for (int i = 0; i < END_TABLES; i++) {
			t->ends[i] = unknown(w->n[WEIR_WORD_END]);
			short_of_memory |= !t->ends[i];
		}
		t->policies = unknown(w->n[WEIR_WORD_SIDE]);
		t->nodes = unknown(w->n[WEIR_WORD_ORIGIN]);
		if (short_of_memory || !t->policies || !t->nodes) {
			free_table(t);
			return -ENOMEM;
		}
	}
	t->next = n->tables;
	n->tables = t;
	return 0;
}

/* --- texts of words ------------------------------------------------------------------ */

static const char *end_text(const struct weir_end *e, int what, char *buf, size_t size)
{
	const struct weir_record_peer *p = &e->peer;

	switch (what) {
	case OF_NAMESPACE:
		return p->namespace_;
	case OF_CLUSTER:
		return e->cluster;
	case OF_POD:
		if (!p->pod)
			return NULL;
		snprintf(buf, size, "%s/%s", p->namespace_ ?: "", p->pod);
		return buf;
	default:
		if (!p->workload)
			return p->namespace_;
		snprintf(buf, size, "%s/%s/%s", p->namespace_ ?: "", p->workload_kind ?: "",
			 p->workload);
		return buf;
	}
}

static int end_value(struct weir_names *n, const struct weir_lens *l, uint32_t number, int what,
		     uint64_t *ret)
{
	uint32_t *slot =
		&n->tables->ends[what][number <= l->p->words.n[WEIR_WORD_END] ? number : 0];
	const struct weir_end *end;
	const char *text;
	char buf[1024];
	int r = 0;

	if (*slot == UINT32_MAX) {
		end = weir_words_end(&l->p->words, number);
		text = end && (what != OF_POD || weir_lens_sees(l, number))
			       ? end_text(end, what, buf, sizeof(buf))
			       : NULL;
		*slot = 0;
		r = text ? number_of(n, text, slot) : 0;
	}
	*ret = *slot;
	return r;
}

static int policy_value(struct weir_names *n, const struct weir_lens *l, uint32_t number,
			uint64_t *ret)
{
	const struct weir_record_side *side = weir_words_side(&l->p->words, number);
	uint32_t *slot = &n->tables->policies[side ? number : 0];
	const struct weir_record_policy *p = side && side->n_policies ? side->policies : NULL;
	char buf[1024];
	int r = 0;

	if (*slot == UINT32_MAX) {
		*slot = 0;
		if (p) {
			snprintf(buf, sizeof(buf), "%s/%s%s%s", p->kind, p->namespace_ ?: "",
				 p->namespace_ ? "/" : "", p->name);
			r = number_of(n, buf, slot);
		}
	}
	*ret = *slot;
	return r;
}

static int node_value(struct weir_names *n, const struct weir_lens *l, uint32_t number,
		      uint64_t *ret)
{
	const struct weir_reporter *o = weir_words_origin(&l->p->words, number);
	uint32_t *slot = &n->tables->nodes[o ? number : 0];
	int r = 0;

	if (*slot == UINT32_MAX) {
		*slot = 0;
		r = o ? number_of(n, o->node, slot) : 0;
	}
	*ret = *slot;
	return r;
}

/* --- values of rows ------------------------------------------------------------------ */

/* The side that decided: the one that denied; else the one with a rule, the source's first. */
static int deciding(const struct weir_lens *l, const struct weir_row *row)
{
	const struct weir_record_side *out = weir_words_side(&l->p->words, row->side[WEIR_EGRESS]);
	const struct weir_record_side *in = weir_words_side(&l->p->words, row->side[WEIR_INGRESS]);

	if (!out || !in)
		return out ? WEIR_EGRESS : WEIR_INGRESS;
	if (row->verdict == WEIR_DENIED)
		return out->verdict == WEIR_DENIED && out->reason != WEIR_REASON_NOT_ENDPOINT
			       ? WEIR_EGRESS
			       : WEIR_INGRESS;
	return out->reason == WEIR_REASON_RULE || in->reason == WEIR_REASON_NOT_ENDPOINT
		       ? WEIR_EGRESS
		       : WEIR_INGRESS;
}

static int address_value(struct weir_names *n, const struct weir_lens *l,
			 const struct weir_row *row, int i, uint64_t *ret)
{
	const struct weir_end *end = weir_words_end(&l->p->words, row->end[i]);
	char buf[WEIR_ADDR_STRLEN];
	uint32_t number = 0;
	int r = 0;

	if (row->addr[i].family &&
	    (weir_lens_sees(l, row->end[i]) || (end && !end->peer.namespace_)))
		r = number_of(n, weir_addr_format(&row->addr[i], buf), &number);
	*ret = number;
	return r;
}

/* An end's own node reports its side; what is hidden of the end hides its node. */
static int reporter_value(struct weir_names *n, const struct weir_lens *l,
			  const struct weir_row *row, uint64_t *ret)
{
	*ret = 0;
	if (row->origin[WEIR_EGRESS] && weir_lens_sees(l, row->end[0]))
		return node_value(n, l, row->origin[WEIR_EGRESS], ret);
	if (row->origin[WEIR_INGRESS] && weir_lens_sees(l, row->end[1]))
		return node_value(n, l, row->origin[WEIR_INGRESS], ret);
	return 0;
}

int weir_names_value(struct weir_names *n, const struct weir_lens *l, const struct weir_row *row,
		     enum weir_dimension d, uint64_t step, uint64_t *ret)
{
	const struct weir_record_side *side;
	int i;

	switch (d) {
	case WEIR_DIM_TIME:
		*ret = row->time - row->time % step + 1;
		return 0;
	case WEIR_DIM_CLUSTER:
		return end_value(n, l, row->end[0] ?: row->end[1], OF_CLUSTER, ret);
	case WEIR_DIM_NODE:
		return reporter_value(n, l, row, ret);
	case WEIR_DIM_FROM_NAMESPACE:
	case WEIR_DIM_TO_NAMESPACE:
		return end_value(n, l, row->end[d - WEIR_DIM_FROM_NAMESPACE], OF_NAMESPACE, ret);
	case WEIR_DIM_FROM_WORKLOAD:
	case WEIR_DIM_TO_WORKLOAD:
		return end_value(n, l, row->end[d - WEIR_DIM_FROM_WORKLOAD], OF_WORKLOAD, ret);
	case WEIR_DIM_FROM_POD:
	case WEIR_DIM_TO_POD:
		return end_value(n, l, row->end[d - WEIR_DIM_FROM_POD], OF_POD, ret);
	case WEIR_DIM_FROM_ADDRESS:
	case WEIR_DIM_TO_ADDRESS:
		return address_value(n, l, row, d - WEIR_DIM_FROM_ADDRESS, ret);
	case WEIR_DIM_PORT:
		*ret = row->port[1] + 1u;
		return 0;
	case WEIR_DIM_PROTOCOL:
		*ret = row->protocol + 1u;
		return 0;
	case WEIR_DIM_VERDICT:
		*ret = row->verdict + 1u;
		return 0;
	case WEIR_DIM_REASON:
		side = weir_words_side(&l->p->words, row->side[deciding(l, row)]);
		*ret = side ? side->reason + 1u : 0;
		return 0;
	case WEIR_DIM_POLICY:
		i = deciding(l, row);
		*ret = 0;
		return weir_lens_sees(l, row->end[i == WEIR_EGRESS ? 0 : 1])
			       ? policy_value(n, l, row->side[i], ret)
			       : 0;
	case WEIR_DIM_MAX:
		break;
	}
	return -EINVAL;
}

static const char *protocol_text(unsigned protocol, char *buf)
{
	static const struct {
		uint8_t number;
		const char *name;
	} known[] = { { IPPROTO_TCP, "TCP" },
		      { IPPROTO_UDP, "UDP" },
		      { IPPROTO_SCTP, "SCTP" },
		      { IPPROTO_ICMP, "ICMP" },
		      { IPPROTO_ICMPV6, "ICMPv6" } };

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(known); i++)
		if (known[i].number == protocol)
			return known[i].name;
	snprintf(buf, WEIR_NAME_TEXT, "%u", protocol);
	return buf;
}

const char *weir_names_text(const struct weir_names *n, enum weir_dimension d, uint64_t value,
			    char buf[WEIR_NAME_TEXT])
{
	if (!value)
		return NULL;
	switch (d) {
	case WEIR_DIM_TIME:
	case WEIR_DIM_PORT:
		snprintf(buf, WEIR_NAME_TEXT, "%" PRIu64, value - 1);
		return buf;
	case WEIR_DIM_PROTOCOL:
		return protocol_text((unsigned)value - 1, buf);
	case WEIR_DIM_VERDICT:
		return weir_verdict_name((enum weir_verdict)(value - 1));
	case WEIR_DIM_REASON:
		return weir_reason_name((enum weir_reason)(value - 1));
	case WEIR_DIM_CLUSTER ... WEIR_DIM_TO_ADDRESS:
	case WEIR_DIM_POLICY:
		return value <= n->n ? n->by_number[value]->text : NULL;
	case WEIR_DIM_MAX:
		break;
	}
	return NULL;
}

uint64_t weir_dimension_columns(enum weir_dimension d)
{
	switch (d) {
	case WEIR_DIM_NODE:
		return WEIR_COL_PAIR(WEIR_COL_ORIGIN);
	case WEIR_DIM_FROM_ADDRESS:
	case WEIR_DIM_TO_ADDRESS:
		return WEIR_COL_BIT(WEIR_COL_ADDR + (d - WEIR_DIM_FROM_ADDRESS));
	case WEIR_DIM_PORT:
		return WEIR_COL_BIT(WEIR_COL_PORT + 1);
	case WEIR_DIM_PROTOCOL:
		return WEIR_COL_BIT(WEIR_COL_PROTOCOL);
	case WEIR_DIM_VERDICT:
		return WEIR_COL_BIT(WEIR_COL_KIND);
	case WEIR_DIM_REASON:
	case WEIR_DIM_POLICY:
		return WEIR_COL_PAIR(WEIR_COL_SIDE) | WEIR_COL_BIT(WEIR_COL_KIND);
	case WEIR_DIM_TIME:
	case WEIR_DIM_CLUSTER:
	case WEIR_DIM_FROM_NAMESPACE ... WEIR_DIM_TO_POD:
	case WEIR_DIM_MAX:
		break;
	}
	return 0;
}

/* --- measures ------------------------------------------------------------------------ */

static uint64_t counted(const struct weir_row *row, int i)
{
	return row->counters[i] > row->counted[i] ? row->counters[i] - row->counted[i] : 0;
}

bool weir_row_sums(const struct weir_row *row, uint64_t ret[WEIR_SUM_MAX])
{
	memset(ret, 0, WEIR_SUM_MAX * sizeof(*ret));
	if (row->type == WEIR_RECORD_GAP)
		return false;
	if (row->type == WEIR_RECORD_OPEN)
		ret[WEIR_SUM_CONNECTIONS] = row->connections;
	if (row->type == WEIR_RECORD_DENIED)
		ret[WEIR_SUM_DENIED] = row->connections;
	ret[WEIR_SUM_BYTES_TO] = counted(row, WEIR_ROW_BYTES);
	ret[WEIR_SUM_BYTES_BACK] = counted(row, WEIR_ROW_BYTES_BACK);
	ret[WEIR_SUM_BYTES] = ret[WEIR_SUM_BYTES_TO] + ret[WEIR_SUM_BYTES_BACK];
	ret[WEIR_SUM_PACKETS] =
		counted(row, WEIR_ROW_PACKETS) + counted(row, WEIR_ROW_PACKETS_BACK);
	return true;
}
