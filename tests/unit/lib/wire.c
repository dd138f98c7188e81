/* SPDX-License-Identifier: Apache-2.0 */
/* batch.v1 and JSON: random records come back as they went, whatever is cut or
 * bent is refused, and JSON says the same as the record. */
#include "weir/wire.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include <cjson/cJSON.h>

#include "weir/cleanup.h"
#include "weir/flow.h"
#include "weir/ruleset.h"

#define RECORDS 300

static uint64_t seed = 42;

static uint32_t pick(uint32_t n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (uint32_t)(seed >> 33) % n;
}

static const char *word(void)
{
	static const char *const words[] = { NULL,	  "",		"shop",
					     "web-7c9f",  "app",	"\xC3\xA9t\xC3\xA9",
					     "a\"b\\c\n", "kube-system" };

	return words[pick(WEIR_ARRAY_SIZE(words))];
}

static const char *some(void)
{
	const char *w = word();

	return w && *w ? w : "x";
}

static struct weir_addr address(void)
{
	struct weir_addr a = { .family = pick(2) ? AF_INET : AF_INET6 };

	for (size_t i = 0; i < weir_addr_size(&a); i++)
		a.bytes[i] = (uint8_t)pick(256);
	return a;
}

struct made {
	struct weir_record record;
	struct weir_record_label labels[2][4];
	struct weir_record_policy policies[4][WEIR_RECORD_POLICIES_MAX];
};

static void make_peer(struct weir_record_peer *p, struct weir_record_label *labels)
{
	*p = (struct weir_record_peer){
		.addr = address(),
		.port = (uint16_t)pick(65536),
		.namespace_ = word(),
		.pod = word(),
		.workload_kind = word(),
		.workload = word(),
		.node = word(),
		.service = word(),
		.n_labels = (uint16_t)pick(5),
		.labels = labels,
	};
	if (pick(3) == 0) {
		p->nat_addr = address();
		p->nat_port = (uint16_t)pick(65536);
	}
	for (unsigned i = 0; i < p->n_labels; i++)
		labels[i] = (struct weir_record_label){ some(), some() };
}

static void make_side(struct weir_record_side *s, struct weir_record_policy *policies)
{
	*s = (struct weir_record_side){
		.verdict = (uint8_t)pick(WEIR_VERDICT_MAX),
		.reason = (uint8_t)pick(WEIR_REASON_MAX),
		.tier = (uint8_t)pick(WEIR_TIER_MAX),
		.rule = (int32_t)pick(100) - 1,
		.rule_name = word(),
		.n_policies = (uint16_t)pick(5),
		.n_more = (uint16_t)pick(3),
		.policies = policies,
	};
	for (unsigned i = 0; i < s->n_policies; i++)
		policies[i] = (struct weir_record_policy){ some(), word(), some() };
}

static void make(struct made *m, uint64_t seq)
{
	struct weir_record *r = &m->record;

	*r = (struct weir_record){
		.seq = seq,
		.time = 1700000000000000000u + pick(1000000000),
		.start = 1700000000000000000u - pick(1000000000),
		.flow = (uint64_t)pick(1u << 31) << 32 | pick(1u << 31),
		.type = (uint8_t)pick(WEIR_RECORD_TYPE_MAX),
		.verdict = (uint8_t)pick(WEIR_VERDICT_MAX),
		.staged = (uint8_t)pick(WEIR_VERDICT_MAX + 1),
		.end = (uint8_t)pick(WEIR_END_REASON_MAX),
		.protocol = (uint8_t)(pick(2) ? WEIR_PROTO_TCP : WEIR_PROTO_ICMP),
		.lost_at = (uint8_t)pick(WEIR_LOSS_MAX),
		.has_counters = pick(2),
		.connections = pick(1000),
		.lost = pick(100000),
	};
	if (r->type != WEIR_RECORD_GAP)
		r->lost = r->lost_at = 0;
	if (r->protocol == WEIR_PROTO_ICMP) {
		r->icmp_type = (uint8_t)pick(256);
		r->icmp_code = (uint8_t)pick(256);
	}
	for (unsigned i = 0; i < 2 && r->has_counters; i++) {
		r->packets[i] = pick(1u << 31);
		r->bytes[i] = (uint64_t)pick(1u << 31) * 1000;
		r->counted_packets[i] = r->packets[i] / (1 + pick(3));
		r->counted_bytes[i] = r->bytes[i] / (1 + pick(3));
	}
	make_peer(&r->src, m->labels[0]);
	make_peer(&r->dst, m->labels[1]);
	make_side(&r->egress, m->policies[0]);
	make_side(&r->ingress, m->policies[1]);
	make_side(&r->staged_egress, m->policies[2]);
	make_side(&r->staged_ingress, m->policies[3]);
}

/* --- comparing ------------------------------------------------------------------- */

/* An empty name and none are the same on the wire's far side. */
static void same_text(const char *a, const char *b)
{
	assert_string_equal(a ? a : "", b ? b : "");
}

static void same_peer(const struct weir_record_peer *a, const struct weir_record_peer *b)
{
	assert_int_equal(weir_addr_compare(&a->addr, &b->addr), 0);
	assert_int_equal(a->port, b->port);
	assert_int_equal(weir_addr_compare(&a->nat_addr, &b->nat_addr), 0);
	assert_int_equal(a->nat_port, b->nat_port);
	same_text(a->namespace_, b->namespace_);
	same_text(a->pod, b->pod);
	same_text(a->workload_kind, b->workload_kind);
	same_text(a->workload, b->workload);
	same_text(a->node, b->node);
	same_text(a->service, b->service);
	assert_int_equal(a->n_labels, b->n_labels);
	for (unsigned i = 0; i < a->n_labels; i++) {
		same_text(a->labels[i].key, b->labels[i].key);
		same_text(a->labels[i].value, b->labels[i].value);
	}
}

static void same_side(const struct weir_record_side *a, const struct weir_record_side *b)
{
	assert_int_equal(a->verdict, b->verdict);
	assert_int_equal(a->reason, b->reason);
	assert_int_equal(a->tier, b->tier);
	assert_int_equal(a->rule, b->rule);
	same_text(a->rule_name, b->rule_name);
	assert_int_equal(a->n_more, b->n_more);
	assert_int_equal(a->n_policies, b->n_policies);
	for (unsigned i = 0; i < a->n_policies; i++) {
		same_text(a->policies[i].kind, b->policies[i].kind);
		same_text(a->policies[i].namespace_, b->policies[i].namespace_);
		same_text(a->policies[i].name, b->policies[i].name);
	}
}

static void same_record(const struct weir_record *a, const struct weir_record *b)
{
	assert_true(a->seq == b->seq && a->time == b->time && a->start == b->start);
	assert_true(a->flow == b->flow && a->connections == b->connections && a->lost == b->lost);
	assert_int_equal(a->type, b->type);
	assert_int_equal(a->verdict, b->verdict);
	assert_int_equal(a->staged, b->staged);
	assert_int_equal(a->end, b->end);
	assert_int_equal(a->protocol, b->protocol);
	assert_int_equal(a->icmp_type, b->icmp_type);
	assert_int_equal(a->icmp_code, b->icmp_code);
	assert_int_equal(a->lost_at, b->lost_at);
	assert_int_equal(a->has_counters, b->has_counters);
	assert_memory_equal(a->packets, b->packets, sizeof(a->packets));
	assert_memory_equal(a->bytes, b->bytes, sizeof(a->bytes));
	assert_memory_equal(a->counted_packets, b->counted_packets, sizeof(a->counted_packets));
	assert_memory_equal(a->counted_bytes, b->counted_bytes, sizeof(a->counted_bytes));
	same_peer(&a->src, &b->src);
	same_peer(&a->dst, &b->dst);
	same_side(&a->egress, &b->egress);
	same_side(&a->ingress, &b->ingress);
	if (a->staged == WEIR_VERDICT_MAX) {
		assert_int_equal(b->staged_egress.reason, WEIR_REASON_NOT_ENDPOINT);
		assert_int_equal(b->staged_ingress.reason, WEIR_REASON_NOT_ENDPOINT);
		return;
	}
	same_side(&a->staged_egress, &b->staged_egress);
	same_side(&a->staged_ingress, &b->staged_ingress);
}

static struct made made[RECORDS];

struct reading {
	struct weir_batch_header header;
	unsigned n;
};

static int check_next(void *data, const struct weir_record *record)
{
	struct reading *r = data;

	assert_string_equal(r->header.node, "node-1");
	assert_string_equal(r->header.boot, "boot");
	assert_true(r->n < RECORDS);
	same_record(&made[r->n++].record, record);
	return 0;
}

static int ignore(void *data, const struct weir_record *record)
{
	return 0;
}

static size_t encode(uint8_t **ret)
{
	struct weir_batch_header header = {
		.node = "node-1", .boot = "boot", .batch = 7, .time = 99
	};
	struct weir_batch_encoder *e;
	size_t len;

	assert_int_equal(weir_batch_encoder_new(&e), 0);
	for (unsigned i = 0; i < RECORDS; i++) {
		make(&made[i], 1000 + i);
		assert_int_equal(weir_batch_add(e, &made[i].record), 0);
	}
	assert_int_equal(weir_batch_finish(e, &header, ret, &len), 0);
	assert_int_equal(weir_batch_records(e), 0);
	weir_batch_encoder_free(&e);
	return len;
}

/* --- tests ------------------------------------------------------------------------- */

static void test_round_trip(void **state)
{
	for (unsigned round = 0; round < 20; round++) {
		WEIR_AUTO_FREE uint8_t *msg = NULL;
		struct reading r = { .n = 0 };
		struct weir_error err;
		size_t len = encode(&msg);

		if (weir_batch_decode(msg, len, &r.header, check_next, &r, &err) != 0)
			fail_msg("%s", err.text);
		assert_int_equal(r.n, RECORDS);
		assert_true(r.header.batch == 7 && r.header.first_seq == 1000 &&
			    r.header.time == 99);
		assert_int_equal(r.header.records, RECORDS);
	}
}

/* Each prefix of a message is refused; none is read beyond its end (ASan). */
static void test_truncated(void **state)
{
	WEIR_AUTO_FREE uint8_t *msg = NULL;
	size_t len = encode(&msg);
	struct weir_batch_header header;
	struct weir_error err;

	for (size_t cut = 0; cut < len; cut += 1 + pick(40)) {
		uint8_t *part = malloc(cut ? cut : 1);

		memcpy(part, msg, cut);
		assert_true(weir_batch_decode(part, cut, &header, ignore, NULL, &err) < 0);
		free(part);
	}
}

static void test_bent(void **state)
{
	WEIR_AUTO_FREE uint8_t *msg = NULL;
	size_t len = encode(&msg);
	struct weir_batch_header header;
	struct weir_error err;

	for (unsigned round = 0; round < 3000; round++) {
		size_t at = pick((uint32_t)len);
		uint8_t was = msg[at];

		msg[at] = (uint8_t)pick(256);
		weir_batch_decode(msg, len, &header, ignore, NULL, &err);
		msg[at] = was;
	}
}

static void test_json_says_the_same(void **state)
{
	struct weir_json_buffer text = { 0 };

	for (unsigned i = 0; i < RECORDS; i++) {
		const struct weir_record *r = &made[0].record;
		const cJSON *dst, *src;
		cJSON *json;

		make(&made[0], i + 1);
		text.len = 0;
		assert_int_equal(weir_record_to_json(r, "node-1", &text), 0);
		json = cJSON_Parse(text.text);
		if (!json)
			fail_msg("not JSON: %s", text.text);
		assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(json, "type")),
				    weir_record_type_name((enum weir_record_type)r->type));
		src = cJSON_GetObjectItem(json, "src");
		dst = cJSON_GetObjectItem(json, "dst");
		if (r->type != WEIR_RECORD_GAP) {
			same_text(cJSON_GetStringValue(cJSON_GetObjectItem(src, "namespace")),
				  r->src.namespace_);
			same_text(cJSON_GetStringValue(cJSON_GetObjectItem(dst, "pod")),
				  r->dst.pod);
		}
		cJSON_Delete(json);
	}
	weir_json_buffer_free(&text);
}

/* --- members of the hub's flows ------------------------------------------------------ */

struct seen {
	const cJSON *whole; /* an object of all flows' members */
	const struct weir_record *record;
	unsigned n;
};

static const cJSON *member_at(const cJSON *json, const char *path)
{
	const char *dot = strchr(path, '.');
	char first[64];

	snprintf(first, sizeof(first), "%.*s", dot ? (int)(dot - path) : 63, path);
	json = cJSON_GetObjectItemCaseSensitive(json, first);
	return dot ? cJSON_GetObjectItemCaseSensitive(json, dot + 1) : json;
}

/* Asked for alone it comes alone, and says the same. */
static int alone(void *data, const char *path)
{
	struct seen *s = data;
	struct weir_json_flow hub = { .cluster = "c",
				      .nodes = { [WEIR_EGRESS] = "a", [WEIR_INGRESS] = "b" },
				      .second = true,
				      .n_fields = 1,
				      .fields = &path };
	struct weir_json_buffer text = { 0 };
	const cJSON *want = member_at(s->whole, path);
	cJSON *json;

	assert_int_equal(weir_flow_to_json(s->record, &hub, &text), 0);
	json = cJSON_Parse(text.text);
	assert_true(cJSON_GetArraySize(json) <= 1);
	if (want) {
		char *a = cJSON_PrintUnformatted(member_at(json, path));
		char *b = cJSON_PrintUnformatted(want);

		assert_string_equal(a,
				    b); /* cJSON_Compare() does not know of keys that come twice */
		free(a);
		free(b);
		s->n++;
	}
	cJSON_Delete(json);
	weir_json_buffer_free(&text);
	return 0;
}

static int count(void *data, const char *path)
{
	++*(unsigned *)data;
	return 0;
}

static unsigned members_of(const cJSON *json)
{
	static const char *const objects[] = { "nodes",	  "src",	  "dst",	  "egress",
					       "ingress", "stagedEgress", "stagedIngress" };
	unsigned n = (unsigned)cJSON_GetArraySize(json);

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(objects); i++)
		n += (unsigned)cJSON_GetArraySize(cJSON_GetObjectItem(json, objects[i]));
	return n;
}

static void test_fields(void **state)
{
	static const char *const none[] = { "sources" };
	struct weir_json_flow hub = { .cluster = "c",
				      .nodes = { [WEIR_EGRESS] = "a", [WEIR_INGRESS] = "b" },
				      .second = true };
	struct weir_json_buffer text = { 0 };
	unsigned most = 0, all = 0;

	weir_json_members(count, &all);
	assert_true(all > 60);
	for (unsigned i = 0; i < RECORDS; i++) {
		struct seen s = { .record = &made[0].record };
		cJSON *json;

		make(&made[0], i + 1);
		text.len = 0;
		hub.n_fields = 0;
		assert_int_equal(weir_flow_to_json(s.record, &hub, &text), 0);
		s.whole = json = cJSON_Parse(text.text);
		assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(json, "node")), "a");
		weir_json_members(alone, &s);
		assert_int_equal(s.n, members_of(json)); /* the list has each member */
		most = s.n > most ? s.n : most;
		cJSON_Delete(json);
		hub.n_fields = 1;
		hub.fields = none;
		text.len = 0;
		assert_int_equal(weir_flow_to_json(s.record, &hub, &text), 0);
		assert_string_equal(text.text, "{}");
	}
	assert_true(most > 40);
	weir_json_buffer_free(&text);
}

/* What a JSON reader gets for a name of these bytes. */
static void json_name_is(const char *bytes, const char *want)
{
	struct weir_record r = { .src.pod = bytes };
	struct weir_json_buffer text = { 0 };
	cJSON *json, *src;

	assert_int_equal(weir_record_to_json(&r, "node-1", &text), 0);
	for (size_t i = 0; i < text.len; i++)
		assert_in_range((unsigned char)text.text[i], 0x20, 0xff);
	json = cJSON_Parse(text.text);
	src = cJSON_GetObjectItem(json, "src");
	assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(src, "pod")), want);
	cJSON_Delete(json);
	weir_json_buffer_free(&text);
}

#define BAD "\xef\xbf\xbd"

static void test_json_is_utf8(void **state)
{
	json_name_is("caf\xc3\xa9 \xf0\x9f\x90\x9f", "caf\xc3\xa9 \xf0\x9f\x90\x9f");
	json_name_is("a\x01\n\x1b[\x7f\"\\", "a\x01\n\x1b[\x7f\"\\");
	json_name_is("a\xff"
		     "b",
		     "a" BAD "b");
	json_name_is("end\xc3", "end" BAD);
	json_name_is("\xe2\x82", BAD BAD);
	json_name_is("\xc0\xaf", BAD BAD);		   /* longer than needed */
	json_name_is("\xed\xa0\x80", BAD BAD BAD);	   /* a surrogate */
	json_name_is("\xf4\x90\x80\x80", BAD BAD BAD BAD); /* beyond U+10FFFF */
}

/* [1, [node, boot, 1, 1, 1, 1, X], [], [[0,0,0,0,0,0,[],X]], [[0,0,0,-1,0,0,[],X]], [record], X]
 * with what a later version may add, X, in each place. */
static void test_later_fields_are_skipped(void **state)
{
	static const uint8_t
		msg[] = {
			0x97, 1, /* format */
			0x97, 0xa1, 'n',  0xa1, 'b',  1,    1,	  1,	1,    0x81, 0xa1, 'k',
			0x92, 1,    0xc3, 0x90, /* strings */
			0x91, 0x98, 0,	  0,	0,    0,    0,	  0,	0x90, 0xcb, 1,	  2,
			3,    4,    5,	  6,	7,    8,    0x91, 0x98, 0,    3,    0,	  0xff,
			0,    0,    0x90, 0xd5, 1,    2,    3,	  0x91, 0xdc, 0,    23,	  0,
			5,    0xc0, 7,	  8,	6,    0,    0xc0, 1,	0,    0xc0, 2,	  0,
			0,    0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xc0, 0xa3, 'n',  'e',  'w',
			0xc4, 1,    0,	  0xde, 0,    1,    1,	  0x90, /* a part of its own */
		};
	struct weir_batch_header header;
	struct weir_error err = { 0 };

	if (weir_batch_decode(msg, sizeof(msg), &header, ignore, NULL, &err) != 0)
		fail_msg("%s", err.text);
	assert_int_equal(header.records, 1);
}

/* Arrays that claim more than follows are refused before they are allocated. */
static void test_claims_are_not_believed(void **state)
{
	static const uint8_t msg[] = { 0x96, 1, 0x96, 0xa1, 'n',  0xa1, 'b',  1,
				       1,    1, 1,    0xdd, 0x7f, 0xff, 0xff, 0xff };
	struct weir_batch_header header;
	struct weir_error err;

	assert_int_equal(weir_batch_decode(msg, sizeof(msg), &header, ignore, NULL, &err),
			 -EBADMSG);
}

static void why_is(const struct weir_record *r, const char *part)
{
	char buf[512];

	if (!strstr(weir_record_why(r, buf, sizeof(buf)), part))
		fail_msg("\"%s\" does not say \"%s\"", buf, part);
}

static void test_why(void **state)
{
	const struct weir_record_policy deny[] = { { "NetworkPolicy", "shop", "default-deny" },
						   { "NetworkPolicy", "shop", "web" } };
	struct weir_record r = { .type = WEIR_RECORD_DENIED, .verdict = WEIR_DENIED };

	r.egress = (struct weir_record_side){ .reason = WEIR_REASON_NO_POLICY, .rule = -1 };
	r.ingress = (struct weir_record_side){ .verdict = WEIR_DENIED,
					       .reason = WEIR_REASON_ISOLATED,
					       .rule = -1,
					       .n_policies = 2,
					       .policies = deny };
	why_is(&r, "isolated");
	why_is(&r, "shop/default-deny");
	r.ingress = (struct weir_record_side){ .reason = WEIR_REASON_RULE,
					       .rule = 3,
					       .n_policies = 1,
					       .policies = deny + 1,
					       .tier = WEIR_TIER_NETWORK_POLICY };
	r.type = WEIR_RECORD_OPEN;
	r.verdict = WEIR_ALLOWED;
	why_is(&r, "shop/web rule 3");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_truncated),
		cmocka_unit_test(test_bent),
		cmocka_unit_test(test_why),
		cmocka_unit_test(test_json_says_the_same),
		cmocka_unit_test(test_fields),
		cmocka_unit_test(test_json_is_utf8),
		cmocka_unit_test(test_later_fields_are_skipped),
		cmocka_unit_test(test_claims_are_not_believed),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
