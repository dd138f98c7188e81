/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/hub/flows.h"

#include <assert.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weir/cleanup.h"
#include "weir/ruleset.h"
#include "weir/wire.h"

#define CLUSTERS   2
#define NAMESPACES 4
#define PODS	   6
#define SIDES	   12

static uint64_t state = 88172645463325252ull;

uint64_t test_random(uint64_t below)
{
	state ^= state << 13;
	state ^= state >> 7;
	state ^= state << 17;
	return state % below;
}

static const char *const namespaces[NAMESPACES] = { "shop", "shop-test", "cart", "kube-system" };

static uint32_t add_word(struct test_rows *t, enum weir_word_kind kind, struct weir_bytes *b)
{
	const struct weir_word *word;
	uint32_t number;

	assert(weir_dictionary_add(t->words, kind, b->data, b->len, &number) == 0);
	word = weir_dictionary_get(t->words, kind, number);
	if (number > t->unpacked.n[kind])
		assert(weir_words_set(&t->unpacked, kind, number, word->bytes, word->len) == 0);
	b->len = 0;
	return number;
}

static uint32_t random_end(struct test_rows *t, uint64_t cluster)
{
	struct weir_record_label labels[] = { { "app", "web" }, { "tier", "front" } };
	char clusters[8], pod[16], workload[16], node[16];
	struct weir_bytes b = { 0 };
	struct weir_record_peer p = { 0 };
	uint64_t which = test_random(PODS + 2);
	uint32_t number;

	snprintf(clusters, sizeof(clusters), "c%d", (int)cluster);
	snprintf(pod, sizeof(pod), "pod-%d", (int)which);
	snprintf(workload, sizeof(workload), "deploy-%d", (int)which % 3);
	snprintf(node, sizeof(node), "n%d", (int)which % 3);
	if (which < PODS) {
		p.namespace_ = namespaces[test_random(NAMESPACES)];
		p.pod = pod;
		p.node = node;
		if (which != 1) {
			p.workload_kind = "Deployment";
			p.workload = workload;
		}
		labels[0].value = which % 2 ? "web" : "db";
		p.labels = labels;
		p.n_labels = (uint16_t)test_random(3);
		if (test_random(4) == 0)
			p.service = "shop/api";
	} else if (which == PODS) {
		p.node = node;
	}
	weir_pack_end(&b, clusters, &p);
	number = add_word(t, WEIR_WORD_END, &b);
	free(b.data);
	return number;
}

static uint32_t random_side(struct test_rows *t)
{
	static const char *const names[] = { "default-deny", "allow-web", "guard" };
	struct weir_record_policy policies[2];
	struct weir_record_side s = { .verdict = (uint8_t)test_random(2),
				      .reason = (uint8_t)test_random(4),
				      .tier = (uint8_t)test_random(3),
				      .rule = (int32_t)test_random(4) - 1,
				      .policies = policies };
	struct weir_bytes b = { 0 };
	uint32_t number;

	s.n_policies = s.reason == WEIR_REASON_RULE	  ? 1
		       : s.reason == WEIR_REASON_ISOLATED ? (uint16_t)(1 + test_random(2))
							  : 0;
	for (uint16_t i = 0; i < s.n_policies; i++) {
		uint64_t which = test_random(WEIR_ARRAY_SIZE(names));

		policies[i] = (struct weir_record_policy){
			which == 2 ? "ClusterNetworkPolicy" : "NetworkPolicy",
			which == 2 ? NULL : namespaces[test_random(NAMESPACES)], names[which]
		};
	}
	if (s.rule >= 0 && test_random(2))
		s.rule_name = "named";
	weir_pack_side(&b, &s);
	number = add_word(t, WEIR_WORD_SIDE, &b);
	free(b.data);
	return number;
}

static uint32_t origin(struct test_rows *t, uint64_t cluster, uint64_t node)
{
	struct weir_bytes b = { 0 };
	char clusters[8], nodes[8];
	uint32_t number;

	snprintf(clusters, sizeof(clusters), "c%d", (int)cluster);
	snprintf(nodes, sizeof(nodes), "n%d", (int)node);
	weir_pack_origin(&b, clusters, nodes, "boot-1");
	number = add_word(t, WEIR_WORD_ORIGIN, &b);
	free(b.data);
	return number;
}

void test_rows_open(struct test_rows *t)
{
	*t = (struct test_rows){ .seq = 1 };
	assert(weir_dictionary_new(&t->words) == 0);
}

void test_rows_close(struct test_rows *t)
{
	weir_words_clear(&t->unpacked);
	weir_dictionary_free(&t->words);
	free(t->rows);
}

static void random_addr(struct weir_addr *ret)
{
	char text[WEIR_ADDR_STRLEN];

	snprintf(text, sizeof(text), test_random(4) ? "10.0.%d.%d" : "fd00::%d:%d",
		 (int)test_random(3), (int)test_random(20));
	assert(weir_addr_parse(text, ret) == 0);
}

static void random_row(struct test_rows *t, struct weir_row *row, uint64_t from, uint64_t to)
{
	static const uint8_t protocols[] = { 6, 17, 1, 132, 58 };
	uint64_t cluster = test_random(CLUSTERS);
	int who = (int)test_random(3);

	*row = (struct weir_row){ .time = from + test_random(to - from),
				  .flow = test_random(1000),
				  .staged = WEIR_VERDICT_MAX,
				  .protocol = protocols[test_random(5)],
				  .has_counters = test_random(2) };
	row->seq[who == 1 ? WEIR_INGRESS : WEIR_EGRESS] = t->seq++;
	if (who != 1)
		row->origin[WEIR_EGRESS] = origin(t, cluster, test_random(3));
	if (who != 0)
		row->origin[WEIR_INGRESS] = origin(t, cluster, test_random(3));
	if (test_random(50) == 0) {
		row->type = WEIR_RECORD_GAP;
		row->lost = test_random(100);
		row->lost_at = (uint8_t)test_random(3);
		return;
	}
	row->type = (uint8_t)test_random(WEIR_RECORD_GAP);
	row->verdict = row->type == WEIR_RECORD_DENIED ? WEIR_DENIED : WEIR_ALLOWED;
	row->start = test_random(4) ? row->time - test_random(1000000000) : 0;
	row->connections = test_random(5);
	row->finish = row->type == WEIR_RECORD_END ? (uint8_t)test_random(4) : 0;
	row->second = who == 1 && test_random(3) == 0;
	if (test_random(8) == 0) {
		row->staged = (uint8_t)test_random(2);
		row->staged_side[0] = random_side(t);
		row->staged_side[1] = random_side(t);
	}
	for (int i = 0; i < 2; i++) {
		row->end[i] = random_end(t, cluster);
		row->side[i] = random_side(t);
		random_addr(&row->addr[i]);
		if (test_random(6) == 0)
			random_addr(&row->nat[i]);
		row->port[i] = (uint16_t)(i ? 80 + test_random(4) : test_random(65536));
		row->nat_port[i] = row->nat[i].family ? (uint16_t)test_random(65536) : 0;
	}
	for (int i = 0; i < WEIR_ROW_COUNTERS; i++) {
		row->counters[i] = test_random(1ull << (1 + test_random(40)));
		row->counted[i] = row->counters[i] / (1 + test_random(3));
	}
}

void test_rows_add(struct test_rows *t, size_t n, uint64_t from, uint64_t to)
{
	if (t->n + n > t->size) {
		t->size = (t->n + n) * 2;
		t->rows = realloc(t->rows, t->size * sizeof(*t->rows));
		assert(t->rows);
	}
	for (size_t i = 0; i < n; i++)
		random_row(t, &t->rows[t->n++], from, to);
}

void test_scope(struct weir_scope *ret)
{
	static const char *const patterns[] = { "shop", "shop*", "cart", "*", "nobody" };
	static const char *const clusters[] = { "c0", "c1", "*" };

	*ret = (struct weir_scope){ 0 };
	for (uint64_t n = test_random(3); n; n--)
		weir_scope_add(ret, clusters[test_random(3)], patterns[test_random(5)]);
	if (test_random(6) == 0)
		weir_scope_add(ret, "*", "*");
}

void test_filter(struct weir_filter *ret)
{
	static const struct {
		const char *name, *values[3];
	} terms[] = {
		{ "namespace", { "shop", "!cart", "shop-test" } },
		{ "from.namespace", { "shop", "!shop", "cart" } },
		{ "to.namespace", { "cart", "!kube-system", "shop" } },
		{ "pod", { "pod-1", "shop/pod-2", "!pod-3" } },
		{ "from.workload", { "deploy-1", "Deployment/deploy-2", "!deploy-0" } },
		{ "label", { "app", "app=web", "!tier=front" } },
		{ "to.label", { "app=db", "tier", "!app" } },
		{ "address", { "10.0.1.0/24", "10.0.0.3", "!fd00::/16" } },
		{ "to.address", { "10.0.2.0/24", "fd00::/16", "!10.0.0.0/16" } },
		{ "service", { "shop/api", "!shop/api", "no/such" } },
		{ "hostNode", { "n1", "!n2", "n0" } },
		{ "cluster", { "c0", "!c1", "c1" } },
		{ "node", { "n1", "!n0", "n2" } },
		{ "port", { "80", "81-82", "!83" } },
		{ "protocol", { "tcp", "UDP", "!1" } },
		{ "verdict", { "denied", "allowed", "!denied" } },
		{ "staged", { "denied", "allowed", "!denied" } },
		{ "reason", { "rule", "isolated", "!rule" } },
		{ "policy", { "allow-web", "shop/default-deny", "!ClusterNetworkPolicy/guard" } },
		{ "direction", { "egress", "ingress", "!egress" } },
		{ "type", { "open", "denied", "!gap" } },
	};

	*ret = (struct weir_filter){ 0 };
	for (uint64_t n = test_random(4); n; n--) {
		uint64_t which = test_random(WEIR_ARRAY_SIZE(terms));

		assert(weir_filter_add(ret, terms[which].name, terms[which].values[test_random(3)],
				       NULL) == 0);
	}
}

void test_line(const struct weir_hub_flow *flow, char buf[TEST_LINE])
{
	struct weir_json_buffer json = { 0 };

	assert(weir_record_to_json(&flow->record, flow->nodes[0] ?: "-", &json) == 0);
	snprintf(buf, TEST_LINE, "%s %s %s %d %" PRIu64 " %" PRIu64 " %s", flow->cluster ?: "-",
		 flow->nodes[0] ?: "-", flow->nodes[1] ?: "-", flow->second,
		 flow->record.counted_bytes[0], flow->record.counted_packets[1], json.text);
	weir_json_buffer_free(&json);
}

bool test_expects(struct test_rows *t, const struct weir_row *row, uint64_t from, uint64_t to,
		  bool seconds, const struct weir_scope *scope, const struct weir_filter *filter,
		  char buf[TEST_LINE])
{
	struct weir_hub_flow flow;

	weir_row_to_flow(row, &t->unpacked, &flow);
	if (row->time < from || row->time >= to || (row->second && !seconds) ||
	    !weir_scope_redact(scope, &flow) || !weir_filter_matches(filter, &flow))
		return false;
	test_line(&flow, buf);
	return true;
}
