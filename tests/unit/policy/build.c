/* SPDX-License-Identifier: Apache-2.0 */
/* Objects from short texts, for the tests of policy/. */
#include "tests/unit/policy/build.h"

#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "weir/cleanup.h"

static void die(const char *what, const char *text)
{
	fprintf(stderr, "build.c: %s: %s\n", what, text);
	abort();
}

void bag_open(struct bag *b)
{
	*b = (struct bag){ 0 };
	if (weir_pool_new(&b->pool) < 0)
		die("pool", "no memory");
}

void bag_empty(struct bag *b)
{
	for (size_t i = 0; i < b->n; i++)
		free(b->items[i]);
	free(b->items);
	weir_pool_free(&b->pool);
}

/* The bag frees it. */
static void *keep(struct bag *b, void *p)
{
	if (b->n == b->cap) {
		b->cap = b->cap ? b->cap * 2 : 64;
		b->items = realloc(b->items, b->cap * sizeof(*b->items));
	}
	if (!p || !b->items)
		die("alloc", "no memory");
	b->items[b->n++] = p;
	return p;
}

void *bag_alloc(struct bag *b, size_t n, size_t size)
{
	return keep(b, calloc(n ? n : 1, size));
}

/* Where an object was made, its parts are, and nothing else has been since. */
static void forget(struct bag *b, size_t from)
{
	while (b->n > from)
		free(b->items[--b->n]);
}

static struct weir_policy *pack_policy(struct bag *b, size_t from, struct weir_policy *loose)
{
	struct weir_policy *p = NULL;

	weir_policy_pack(loose, &p);
	forget(b, from);
	return keep(b, p);
}

const char *bag_string(struct bag *b, const char *s)
{
	return weir_pool_string(b->pool, s);
}

static size_t count(const char *text, char separator)
{
	size_t n = text && *text ? 1 : 0;

	for (; text && *text; text++)
		n += *text == separator;
	return n;
}

const struct weir_labels *make_labels(struct bag *b, const char *text)
{
	struct weir_label_input in[16];
	WEIR_AUTO_FREE char *copy = strdup(text);
	char *save = NULL;
	size_t n = 0;

	for (char *t = strtok_r(copy, ",", &save); t; t = strtok_r(NULL, ",", &save)) {
		char *eq = strchr(t, '=');

		*eq = 0;
		in[n++] = (struct weir_label_input){ t, eq + 1 };
	}
	return weir_pool_labels(b->pool, in, n);
}

struct weir_namespace *make_namespace(struct bag *b, const char *name, const char *labels)
{
	struct weir_namespace *ns = bag_alloc(b, 1, sizeof(*ns));
	char text[256];

	snprintf(text, sizeof(text), "kubernetes.io/metadata.name=%s%s%s", name, *labels ? "," : "",
		 labels);
	ns->name = bag_string(b, name);
	ns->labels = make_labels(b, text);
	return ns;
}

static uint8_t protocol_of(const char *text)
{
	uint8_t p;

	if (weir_protocol_parse(text, &p) < 0)
		die("protocol", text);
	return p;
}

static void make_named_ports(struct bag *b, struct weir_pod *pod, const char *ports)
{
	struct weir_named_port *list = bag_alloc(b, count(ports, ','), sizeof(*list));
	WEIR_AUTO_FREE char *copy = strdup(ports);
	char *save = NULL;
	size_t n = 0;

	for (char *t = strtok_r(copy, ",", &save); t; t = strtok_r(NULL, ",", &save)) {
		char *colon = strchr(t, ':'), *slash = strchr(t, '/');

		*colon = *slash = 0;
		list[n++] = (struct weir_named_port){
			.name = bag_string(b, t),
			.port = (uint16_t)atoi(colon + 1),
			.protocol = protocol_of(slash + 1),
		};
	}
	weir_workload_get(b->pool, NULL, NULL, list, n, &pod->workload);
}

static void add_addrs(const char *text, struct weir_addr *addrs, uint16_t *n)
{
	WEIR_AUTO_FREE char *copy = strdup(text);
	char *save = NULL;

	for (char *t = strtok_r(copy, ",", &save); t; t = strtok_r(NULL, ",", &save)) {
		if (weir_addr_parse(t, &addrs[(*n)++]) < 0)
			die("address", t);
	}
}

struct weir_node *make_node(struct bag *b, const char *name, const char *labels, const char *addrs)
{
	struct weir_node *node = bag_alloc(b, 1, sizeof(*node));

	node->name = bag_string(b, name);
	node->labels = make_labels(b, labels);
	node->addrs = bag_alloc(b, count(addrs, ','), sizeof(*node->addrs));
	add_addrs(addrs, node->addrs, &node->n_addrs);
	return node;
}

struct weir_pod *make_pod(struct bag *b, const char *ns, const char *name, const char *labels,
			  const char *addrs, const char *ports, bool local)
{
	size_t from = b->n;
	struct weir_pod *pod = bag_alloc(b, 1, sizeof(*pod)), *packed = NULL;
	uint16_t n = 0;

	pod->namespace_ = bag_string(b, ns);
	pod->name = bag_string(b, name);
	pod->labels = make_labels(b, labels);
	pod->local = local;
	pod->addrs = bag_alloc(b, count(addrs, ','), sizeof(*pod->addrs));
	add_addrs(addrs, pod->addrs, &n);
	pod->n_addrs = (uint8_t)n;
	if (ports && *ports)
		make_named_ports(b, pod, ports);
	weir_pod_pack(pod, &packed);
	forget(b, from);
	return keep(b, packed);
}

static struct weir_requirement make_requirement(struct bag *b, char *t)
{
	char *eq = strchr(t, '='), *save = NULL;
	struct weir_requirement q = { 0 };

	if (!eq) {
		q.op = *t == '!' ? WEIR_DOES_NOT_EXIST : WEIR_EXISTS;
		q.key = bag_string(b, *t == '!' ? t + 1 : t);
		return q;
	}
	q.op = eq > t && eq[-1] == '!' ? WEIR_NOT_IN : WEIR_IN;
	if (q.op == WEIR_NOT_IN)
		eq[-1] = 0;
	*eq = 0;
	q.key = bag_string(b, t);
	q.values = bag_alloc(b, count(eq + 1, '|'), sizeof(*q.values));
	for (char *v = strtok_r(eq + 1, "|", &save); v; v = strtok_r(NULL, "|", &save))
		q.values[q.n_values++] = bag_string(b, v);
	return q;
}

struct weir_selector make_selector(struct bag *b, const char *text)
{
	WEIR_AUTO_FREE char *copy = strdup(text);
	char *save = NULL;
	struct weir_selector s = { 0 };

	if (*text)
		s.requirements = bag_alloc(b, count(text, ','), sizeof(*s.requirements));
	for (char *t = strtok_r(copy, ",", &save); t; t = strtok_r(NULL, ",", &save))
		s.requirements[s.n++] = make_requirement(b, t);
	return s;
}

static struct weir_prefix prefix_of(const char *text)
{
	struct weir_prefix p;

	if (weir_prefix_parse(text, true, &p) < 0)
		die("prefix", text);
	return p;
}

static struct weir_selector inside(struct bag *b, const char *text, const char *what)
{
	const char *at = strstr(text, what);
	char *copy;

	if (!at)
		return (struct weir_selector){ 0 };
	copy = bag_alloc(b, strlen(at) + 1, 1);
	strcpy(copy, at + strlen(what));
	*strchr(copy, ')') = 0;
	return make_selector(b, copy);
}

struct weir_domain *make_domain(struct bag *b, const char *name, const char *addrs)
{
	struct weir_domain *d = bag_alloc(b, 1, sizeof(*d) + count(addrs, ',') * sizeof(*d->addrs));
	uint16_t n = 0;

	d->name = bag_string(b, name);
	add_addrs(addrs, d->addrs, &n);
	d->n_addrs = n;
	return d;
}

static struct weir_peer make_domains(struct bag *b, char *t)
{
	struct weir_peer p = { .kind = WEIR_PEER_DOMAINS };
	char *save = NULL;

	p.names = bag_alloc(b, count(t, '|'), sizeof(*p.names));
	for (t = strtok_r(t + strlen("domains("), "|)", &save); t; t = strtok_r(NULL, "|)", &save))
		p.names[p.n_names++] = bag_string(b, t);
	return p;
}

static struct weir_peer make_peer(struct bag *b, char *t)
{
	struct weir_peer p = { .kind = WEIR_PEER_PODS };
	char *save = NULL;

	if (strstr(t, "domains("))
		return make_domains(b, t);
	if (strstr(t, "nodes("))
		return (struct weir_peer){ .kind = WEIR_PEER_NODES,
					   .nodes = inside(b, t, "nodes(") };
	if (strchr(t, '(')) {
		p.own_namespace = !strstr(t, "ns(");
		p.namespaces = inside(b, t, "ns(");
		p.pods = inside(b, t, "pods(");
		return p;
	}
	p = (struct weir_peer){ .kind = WEIR_PEER_PREFIX };
	p.except = bag_alloc(b, count(t, '-'), sizeof(*p.except));
	t = strtok_r(t, "-", &save);
	p.prefix = prefix_of(t);
	while ((t = strtok_r(NULL, "-", &save)))
		p.except[p.n_except++] = prefix_of(t);
	return p;
}

static struct weir_port make_port(struct bag *b, char *t)
{
	char *slash = strchr(t, '/'), *dash = strchr(t, '-');
	struct weir_port p = { .protocol = protocol_of(slash + 1) };

	*slash = 0;
	if (*t >= '0' && *t <= '9') {
		p.first = (uint16_t)atoi(t);
		p.last = dash ? (uint16_t)atoi(dash + 1) : p.first;
	} else if (*t == '*') {
		p.last = 65535;
	} else {
		p.name = bag_string(b, t);
	}
	return p;
}

static void make_rule(struct bag *b, struct weir_rule *r, char *from, char *ports)
{
	char *save = NULL;

	r->any_peer = strcmp(from, "*") == 0;
	r->any_port = !ports;
	r->peers = bag_alloc(b, count(from, '+'), sizeof(*r->peers));
	for (char *t = strtok_r(from, "+", &save); t && !r->any_peer;
	     t = strtok_r(NULL, "+", &save))
		r->peers[r->n_peers++] = make_peer(b, t);
	if (!ports)
		return;
	r->ports = bag_alloc(b, count(ports, ','), sizeof(*r->ports));
	for (char *t = strtok_r(ports, ",", &save); t; t = strtok_r(NULL, ",", &save))
		r->ports[r->n_ports++] = make_port(b, t);
}

static uint8_t action_of(const char *word)
{
	return !strcmp(word, "deny") ? WEIR_DENY : !strcmp(word, "pass") ? WEIR_PASS : WEIR_ACCEPT;
}

static void add_clause(struct bag *b, struct weir_policy *p, char *clause)
{
	char *save = NULL, *word = strtok_r(clause, " ", &save), *action, *from;
	int d;

	if (!word)
		return;
	d = strcmp(word, "in") == 0 ? WEIR_INGRESS : WEIR_EGRESS;
	p->isolates[d] = p->tier == WEIR_TIER_NETWORK_POLICY;
	action = strtok_r(NULL, " ", &save);
	if (!action)
		return;
	from = strtok_r(NULL, " ", &save);
	p->rules[d][p->n_rules[d]] = (struct weir_rule){
		.policy = p,
		.index = p->n_rules[d],
		.direction = (uint8_t)d,
		.action = action_of(action),
	};
	make_rule(b, &p->rules[d][p->n_rules[d]++], from, strtok_r(NULL, " ", &save));
}

static size_t count_clauses(const char *text, int d)
{
	const char *word = d == WEIR_INGRESS ? "in " : "out ";
	size_t n = 0;

	for (const char *at = strstr(text, word); at; at = strstr(at + 1, word))
		n++;
	return n;
}

static void add_rules(struct bag *b, struct weir_policy *p, const char *text)
{
	WEIR_AUTO_FREE char *copy = strdup(text);
	char *save = NULL;

	for (int d = 0; d < WEIR_DIRECTION_MAX; d++)
		p->rules[d] = bag_alloc(b, count_clauses(text, d), sizeof(*p->rules[d]));
	for (char *t = strtok_r(copy, ";", &save); t; t = strtok_r(NULL, ";", &save))
		add_clause(b, p, t);
}

struct weir_policy *make_policy(struct bag *b, const char *ns, const char *name,
				const char *subject, const char *text)
{
	size_t from = b->n;
	struct weir_policy *p = bag_alloc(b, 1, sizeof(*p));

	p->kind = bag_string(b, "NetworkPolicy");
	p->namespace_ = bag_string(b, ns);
	p->name = bag_string(b, name);
	p->tier = WEIR_TIER_NETWORK_POLICY;
	p->pods = make_selector(b, subject);
	add_rules(b, p, text);
	return pack_policy(b, from, p);
}

struct weir_policy *make_cluster_policy(struct bag *b, const char *name, enum weir_tier tier,
					int priority, const char *subject_ns, const char *subject,
					const char *text)
{
	size_t from = b->n;
	struct weir_policy *p = bag_alloc(b, 1, sizeof(*p));

	p->kind = bag_string(b, "ClusterNetworkPolicy");
	p->name = bag_string(b, name);
	p->tier = (uint8_t)tier;
	p->priority = priority;
	p->namespaces = make_selector(b, subject_ns);
	p->pods = make_selector(b, subject);
	add_rules(b, p, text);
	return pack_policy(b, from, p);
}

struct weir_connection make_connection(const char *src, const char *dst, uint8_t protocol,
				       uint16_t port)
{
	struct weir_connection c = { .protocol = protocol, .dport = port };

	if (weir_addr_parse(src, &c.src) < 0 || weir_addr_parse(dst, &c.dst) < 0)
		die("connection", src);
	return c;
}
