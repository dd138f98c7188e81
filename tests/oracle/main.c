/* SPDX-License-Identifier: Apache-2.0 */
/*
 * judge: answers for Python tests what the oracle and the compiler say. One
 * JSON object a line on stdin, one a line on stdout:
 *
 *   {"objects": [manifest...], "node": ["10.0.0.1"], "explain": false,
 *    "places": [["10.0.0.2", "fd00::2"], ...], "columns": [["TCP", 80], ...]}
 *   {"objects": [...], "connections": [["10.0.0.2", "10.0.0.3", "TCP", 80], ...]}
 *
 * places x columns asks for every pair: columns outermost, then IPv4 and IPv6,
 * then sources, then destinations. The answer has a character for each
 * connection in "oracle", in "compiled" (the tables of this node) and, when
 * asked for, in "explained" (as if the pods were on other nodes):
 *
 *   + allowed   e egress denies   i ingress denies   x both deny
 *   - one of the two has no address of this family
 *
 * An object that cannot be decoded gives {"error": "..."}.
 */
#include <errno.h>
#include <netinet/in.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/oracle/oracle.h"
#include "tests/oracle/world.h"
#include "weir/cleanup.h"

enum { NODE_ADDRS_MAX = 16, PLACES_MAX = 256 };

struct question {
	struct oracle_connection *connections; /* src.family 0: nothing to ask */
	size_t n;
	struct weir_addr node[NODE_ADDRS_MAX];
	size_t n_node;
};

static int bad(struct weir_error *err, const char *what)
{
	return weir_error_set(err, EINVAL, "cannot read %s", what);
}

static int read_addr(const cJSON *json, struct weir_addr *ret)
{
	const char *text = cJSON_GetStringValue(json);

	*ret = (struct weir_addr){ 0 };
	return text ? weir_addr_parse(text, ret) : 0;
}

static int read_column(const cJSON *protocol, const cJSON *port, struct oracle_connection *ret)
{
	const char *text = cJSON_GetStringValue(protocol);

	ret->port = (uint16_t)(port ? port->valueint : 0);
	return text ? weir_protocol_parse(text, &ret->protocol) : -EINVAL;
}

static int read_connection(const cJSON *json, struct oracle_connection *ret)
{
	int r = read_addr(cJSON_GetArrayItem(json, 0), &ret->src);

	if (r == 0)
		r = read_addr(cJSON_GetArrayItem(json, 1), &ret->dst);
	if (r == 0)
		r = read_column(cJSON_GetArrayItem(json, 2), cJSON_GetArrayItem(json, 3), ret);
	return r;
}

static int read_connections(const cJSON *list, struct question *q, struct weir_error *err)
{
	const cJSON *item;

	q->connections = calloc((size_t)cJSON_GetArraySize(list) + 1, sizeof(*q->connections));
	if (!q->connections)
		return -ENOMEM;
	cJSON_ArrayForEach (item, list)
		if (read_connection(item, &q->connections[q->n++]) < 0)
			return bad(err, "a connection");
	return 0;
}

/* All pairs of the places for one protocol and port, in both families. */
static void add_pairs(struct weir_addr (*places)[2], size_t n,
		      const struct oracle_connection *column, struct question *q)
{
	for (int family = 0; family < 2; family++) {
		for (size_t pair = 0; pair < n * n; pair++) {
			struct oracle_connection *c = &q->connections[q->n++];

			*c = *column;
			c->src = places[pair / n][family];
			c->dst = places[pair % n][family];
			if (family == 1 && c->protocol == WEIR_PROTO_ICMP)
				c->protocol = WEIR_PROTO_ICMPV6;
		}
	}
}

static int read_pairs(const cJSON *json, struct question *q, struct weir_error *err)
{
	const cJSON *list = cJSON_GetObjectItem(json, "places"), *item;
	const cJSON *columns = cJSON_GetObjectItem(json, "columns");
	size_t n_columns = (size_t)cJSON_GetArraySize(columns), n = 0;
	struct weir_addr places[PLACES_MAX][2];

	cJSON_ArrayForEach (item, list) {
		if (n == PLACES_MAX || read_addr(cJSON_GetArrayItem(item, 0), &places[n][0]) < 0 ||
		    read_addr(cJSON_GetArrayItem(item, 1), &places[n][1]) < 0)
			return bad(err, "a place");
		n++;
	}
	q->connections = calloc(n_columns * n * n * 2 + 1, sizeof(*q->connections));
	if (!q->connections)
		return -ENOMEM;
	cJSON_ArrayForEach (item, columns) {
		struct oracle_connection column = { 0 };

		if (read_column(cJSON_GetArrayItem(item, 0), cJSON_GetArrayItem(item, 1), &column) <
		    0)
			return bad(err, "a column");
		add_pairs(places, n, &column, q);
	}
	return 0;
}

static int read_question(const cJSON *json, struct question *q, struct weir_error *err)
{
	const cJSON *connections = cJSON_GetObjectItem(json, "connections"), *item;

	cJSON_ArrayForEach (item, cJSON_GetObjectItem(json, "node"))
		if (q->n_node == NODE_ADDRS_MAX || read_addr(item, &q->node[q->n_node++]) < 0)
			return bad(err, "an address of the node");
	return connections ? read_connections(connections, q, err) : read_pairs(json, q, err);
}

static char letter(bool egress, bool ingress)
{
	return egress ? (ingress ? '+' : 'i') : (ingress ? 'e' : 'x');
}

static bool has_both(const struct oracle_connection *c)
{
	return c->src.family && c->src.family == c->dst.family;
}

static void ask_oracle(const struct world *w, const struct question *q, char *ret)
{
	struct oracle_world view = world_view(w);
	struct oracle_answer answer;

	view.node = q->node;
	view.n_node = q->n_node;
	for (size_t i = 0; i < q->n; i++) {
		ret[i] = '-';
		if (!has_both(&q->connections[i]))
			continue;
		oracle_judge(&view, &q->connections[i], &answer);
		ret[i] = letter(answer.egress, answer.ingress);
	}
}

static bool from_node(const struct question *q, const struct weir_addr *src)
{
	for (size_t i = 0; i < q->n_node; i++)
		if (weir_addr_compare(&q->node[i], src) == 0)
			return true;
	return false;
}

static int ask_one(const struct weir_compiler *c, const struct oracle_connection *ask, bool explain,
		   struct weir_judgement *ret, struct weir_error *err)
{
	struct weir_connection conn = { ask->src, ask->dst, ask->protocol, ask->port };
	struct weir_explanation *e = NULL;
	int r;

	if (!explain) {
		weir_compiler_judge(c, &conn, ret);
		return 0;
	}
	r = weir_compiler_explain(c, &conn, &e, err);
	if (r == 0)
		*ret = *weir_explanation_judgement(e);
	weir_explanation_free(&e);
	return r;
}

/* Who the node is, is not the compiler's business: the callers of judge say it. */
static int ask_compiler(const struct world *w, const struct question *q, bool explain, char *ret,
			struct weir_error *err)
{
	struct weir_compiler *c = NULL;
	struct weir_judgement j;
	int r;

	for (size_t i = 0; i < w->n_pods; i++)
		w->pods[i]->local = !explain;
	r = world_compile(w, &c, err);
	for (size_t i = 0; r == 0 && i < q->n; i++) {
		ret[i] = '-';
		if (!has_both(&q->connections[i]))
			continue;
		r = ask_one(c, &q->connections[i], explain, &j, err);
		ret[i] = letter(j.sides[WEIR_EGRESS].verdict == WEIR_ALLOWED,
				j.sides[WEIR_INGRESS].verdict == WEIR_ALLOWED ||
					from_node(q, &q->connections[i].src));
	}
	weir_compiler_free(&c);
	return r;
}

static int answer(struct world *w, const cJSON *request, struct question *q, cJSON *ret,
		  struct weir_error *err)
{
	WEIR_AUTO_FREE char *text = NULL;
	bool explain = cJSON_IsTrue(cJSON_GetObjectItem(request, "explain"));
	const cJSON *object;
	int r = read_question(request, q, err);

	cJSON_ArrayForEach (object, cJSON_GetObjectItem(request, "objects"))
		if (r == 0)
			r = world_add(w, object, err);
	text = r == 0 ? calloc(q->n + 1, 1) : NULL;
	if (!text)
		return r < 0 ? r : -ENOMEM;
	ask_oracle(w, q, text);
	cJSON_AddStringToObject(ret, "oracle", text);
	r = ask_compiler(w, q, false, text, err);
	cJSON_AddStringToObject(ret, "compiled", text);
	if (r == 0 && explain) {
		r = ask_compiler(w, q, true, text, err);
		cJSON_AddStringToObject(ret, "explained", text);
	}
	return r;
}

static void serve(const char *line)
{
	WEIR_AUTO_FREE char *text = NULL;
	struct weir_error err = { "out of memory" };
	struct question q = { 0 };
	struct world w;
	cJSON *request = cJSON_Parse(line), *reply = cJSON_CreateObject();
	int r = request ? world_open(&w) : bad(&err, "JSON");

	if (r == 0) {
		r = answer(&w, request, &q, reply, &err);
		world_close(&w);
	}
	if (r < 0)
		cJSON_AddStringToObject(reply, "error", err.text);
	text = cJSON_PrintUnformatted(reply);
	puts(text ? text : "{\"error\": \"out of memory\"}");
	fflush(stdout);
	free(q.connections);
	cJSON_Delete(reply);
	cJSON_Delete(request);
}

int main(void)
{
	WEIR_AUTO_FREE char *line = NULL;
	size_t size = 0;

	while (getline(&line, &size, stdin) > 0)
		serve(line);
	return 0;
}
