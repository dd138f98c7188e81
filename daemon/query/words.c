/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A rule in words, for "explain": "from pods app=web in namespaces team=a on
 * TCP 80". Knows the structure of policies and nothing of their verdicts.
 */
#include "daemon/query/query.h"

#include <stdio.h>

#include "weir/cleanup.h"

static void say_requirement(FILE *out, const struct weir_requirement *r)
{
	switch ((enum weir_operator)r->op) {
	case WEIR_EXISTS:
		fprintf(out, "%s", r->key);
		return;
	case WEIR_DOES_NOT_EXIST:
		fprintf(out, "!%s", r->key);
		return;
	case WEIR_IN:
	case WEIR_NOT_IN:
	case WEIR_OPERATOR_MAX:
		break;
	}
	if (r->n_values == 1) {
		fprintf(out, "%s%s%s", r->key, r->op == WEIR_IN ? "=" : "!=", r->values[0]);
		return;
	}
	fprintf(out, "%s %s (", r->key, r->op == WEIR_IN ? "in" : "notin");
	for (uint16_t i = 0; i < r->n_values; i++)
		fprintf(out, "%s%s", i ? "," : "", r->values[i]);
	fputc(')', out);
}

/* As kubectl writes selectors. */
static void say_selector(FILE *out, const struct weir_selector *s)
{
	for (uint16_t i = 0; i < s->n; i++) {
		fputs(i ? "," : "", out);
		say_requirement(out, &s->requirements[i]);
	}
}

static void say_pods(FILE *out, const struct weir_peer *peer, const struct weir_policy *policy)
{
	fputs(peer->pods.n ? "pods " : "all pods", out);
	say_selector(out, &peer->pods);
	if (peer->own_namespace) {
		fprintf(out, " in namespace %s", policy->namespace_ ?: "-");
	} else if (peer->namespaces.n) {
		fputs(" in namespaces ", out);
		say_selector(out, &peer->namespaces);
	} else {
		fputs(" in all namespaces", out);
	}
}

static void say_prefix(FILE *out, const struct weir_peer *peer)
{
	char buf[WEIR_PREFIX_STRLEN];

	fputs(weir_prefix_format(&peer->prefix, buf), out);
	for (uint16_t i = 0; i < peer->n_except; i++)
		fprintf(out, "%s%s", i ? ", " : " except ",
			weir_prefix_format(&peer->except[i], buf));
}

static void say_nodes(FILE *out, const struct weir_peer *peer)
{
	fputs(peer->nodes.n ? "nodes " : "all nodes", out);
	say_selector(out, &peer->nodes);
}

static void say_domains(FILE *out, const struct weir_peer *peer)
{
	for (uint16_t i = 0; i < peer->n_names; i++)
		fprintf(out, "%s%s", i ? ", " : "domains ", peer->names[i]);
}

static void say_peer(FILE *out, const struct weir_peer *peer, const struct weir_policy *policy)
{
	switch ((enum weir_peer_kind)peer->kind) {
	case WEIR_PEER_PODS:
		say_pods(out, peer, policy);
		break;
	case WEIR_PEER_PREFIX:
		say_prefix(out, peer);
		break;
	case WEIR_PEER_NODES:
		say_nodes(out, peer);
		break;
	case WEIR_PEER_DOMAINS:
		say_domains(out, peer);
		break;
	case WEIR_PEER_KIND_MAX:
		break;
	}
}

static void say_port(FILE *out, const struct weir_port *port)
{
	char buf[8];
	const char *protocol = weir_protocol_name(port->protocol, buf);

	if (port->name)
		fprintf(out, "%s port \"%s\"", protocol, port->name);
	else if (port->first == port->last)
		fprintf(out, "%s %u", protocol, port->first);
	else if (port->first <= 1 && port->last == UINT16_MAX)
		fprintf(out, "any %s port", protocol);
	else
		fprintf(out, "%s %u-%u", protocol, port->first, port->last);
}

static void say_rule(FILE *out, const struct weir_rule *rule)
{
	fputs(rule->direction == WEIR_INGRESS ? "from " : "to ", out);
	if (rule->any_peer)
		fputs("anywhere", out);
	else if (!rule->n_peers)
		fputs("nowhere", out);
	for (uint16_t i = 0; !rule->any_peer && i < rule->n_peers; i++) {
		fputs(i ? " or " : "", out);
		say_peer(out, &rule->peers[i], rule->policy);
	}
	fputs(rule->any_port ? " on any port" : " on ", out);
	for (uint16_t i = 0; !rule->any_port && i < rule->n_ports; i++) {
		fputs(i ? ", " : "", out);
		say_port(out, &rule->ports[i]);
	}
	if (rule->closed)
		fputs(" (fails closed: has a peer or protocol that is not known here)", out);
}

char *weir_rule_words(const struct weir_rule *rule)
{
	char *text = NULL;
	size_t len;
	FILE *out = open_memstream(&text, &len);

	if (!out)
		return NULL;
	say_rule(out, rule);
	if (fclose(out) != 0)
		return NULL;
	return text;
}
