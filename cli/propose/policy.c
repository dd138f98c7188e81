/* SPDX-License-Identifier: Apache-2.0 */
/*
 * NetworkPolicies for what was gathered: one for each set of labels that
 * workloads of the namespace have. Peers that were seen at the same ports share
 * a rule. Whatever has no exact form in a NetworkPolicy is said in a comment.
 */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/propose/propose.h"
#include "weir/cleanup.h"

static const char *const directions[] = { "ingress", "egress" };

/* A peer as JSON text, and the ports at which it was seen. */
struct peer {
	UT_hash_handle hh;
	char *text;
	cJSON *ports; /* as of the rule */
};

static bool has_labels(const struct propose_workload *w)
{
	return w->labels->child != NULL;
}

static bool has_port(const struct propose_edge *e)
{
	return !strcmp(e->protocol, "TCP") || !strcmp(e->protocol, "UDP") ||
	       !strcmp(e->protocol, "SCTP");
}

/* Is it of a workload that this one's policy selects by the same labels? */
static bool is_of(const struct propose_edge *e, const struct propose_workload *group)
{
	return strcmp(e->own->selector, group->selector) == 0;
}

static bool is_allowed(const struct propose_edge *e)
{
	return !e->denied && !e->own_node && has_port(e);
}

/* --- rules --------------------------------------------------------------------------- */

static cJSON *selector(const cJSON *labels)
{
	cJSON *json = cJSON_CreateObject();

	if (labels->child)
		cJSON_AddItemToObject(json, "matchLabels", cJSON_Duplicate(labels, true));
	return json;
}

static cJSON *peer_json(const struct propose_edge *e)
{
	cJSON *json = cJSON_CreateObject(), *labels;
	char cidr[80];

	if (!e->peer) {
		snprintf(cidr, sizeof(cidr), "%s/%d", e->addr, strchr(e->addr, ':') ? 128 : 32);
		cJSON_AddStringToObject(cJSON_AddObjectToObject(json, "ipBlock"), "cidr", cidr);
		return json;
	}
	if (strcmp(e->peer->namespace_, e->own->namespace_) != 0) {
		labels = cJSON_CreateObject();
		cJSON_AddStringToObject(labels, "kubernetes.io/metadata.name", e->peer->namespace_);
		cJSON_AddItemToObject(json, "namespaceSelector", selector(labels));
		cJSON_Delete(labels);
	}
	cJSON_AddItemToObject(json, "podSelector", selector(e->peer->labels));
	return json;
}

static int add_port(cJSON *ports, const struct propose_edge *e)
{
	const cJSON *known;
	cJSON *port;

	cJSON_ArrayForEach (known, ports) {
		if ((unsigned)weirctl_number(known, "port") == e->port &&
		    !strcmp(weirctl_text(known, "protocol"), e->protocol))
			return 0;
	}
	port = cJSON_CreateObject();
	cJSON_AddStringToObject(port, "protocol", e->protocol);
	cJSON_AddNumberToObject(port, "port", e->port);
	return cJSON_AddItemToArray(ports, port) ? 0 : -ENOMEM;
}

/* Edges come by peer, protocol and port: so the ports of a peer are in order. */
static int add_peer(struct peer **peers, const struct propose_edge *e)
{
	cJSON *json = peer_json(e);
	char *text = cJSON_PrintUnformatted(json);
	struct peer *peer;

	cJSON_Delete(json);
	if (!text)
		return -ENOMEM;
	HASH_FIND_STR(*peers, text, peer);
	if (peer) {
		free(text);
		return add_port(peer->ports, e);
	}
	peer = calloc(1, sizeof(*peer));
	if (!peer) {
		free(text);
		return -ENOMEM;
	}
	peer->text = text;
	peer->ports = cJSON_CreateArray();
	HASH_ADD_KEYPTR(hh, *peers, peer->text, strlen(peer->text), peer);
	return add_port(peer->ports, e);
}

static void free_peers(struct peer **peers)
{
	struct peer *peer, *next;

	HASH_ITER (hh, *peers, peer, next) {
		HASH_DEL(*peers, peer);
		free(peer->text);
		cJSON_Delete(peer->ports);
		free(peer);
	}
}

static cJSON *rule_with(cJSON *rules, const cJSON *ports)
{
	cJSON *rule;

	cJSON_ArrayForEach (rule, rules) {
		if (cJSON_Compare(weirctl_member(rule, "ports"), ports, true))
			return rule;
	}
	return NULL;
}

static int add_rules(const struct propose *p, const struct propose_workload *group,
		     const char *direction, cJSON *spec)
{
	const char *key = strcmp(direction, "ingress") ? "to" : "from";
	cJSON *rules = cJSON_AddArrayToObject(spec, direction), *rule;
	struct peer *peers = NULL;
	int r = 0;

	for (const struct propose_edge *e = p->edges; e && r == 0; e = e->hh.next) {
		if (is_of(e, group) && is_allowed(e) && !strcmp(e->direction, direction))
			r = add_peer(&peers, e);
	}
	for (const struct peer *peer = peers; peer && r == 0; peer = peer->hh.next) {
		rule = rule_with(rules, peer->ports);
		if (!rule) {
			rule = cJSON_CreateObject();
			cJSON_AddArrayToObject(rule, key);
			cJSON_AddItemToObject(rule, "ports", cJSON_Duplicate(peer->ports, true));
			cJSON_AddItemToArray(rules, rule);
		}
		cJSON_AddItemToArray(cJSON_GetObjectItemCaseSensitive(rule, key),
				     cJSON_Parse(peer->text));
	}
	free_peers(&peers);
	return r;
}

/* --- evidence ---------------------------------------------------------------------------- */

static const char *format_time(double ns, char *buf, size_t size)
{
	time_t seconds = (time_t)(ns / 1e9);
	struct tm tm;

	gmtime_r(&seconds, &tm);
	strftime(buf, size, "%Y-%m-%dT%H:%M:%SZ", &tm);
	return buf;
}

static void write_edge(const struct propose_edge *e, FILE *out)
{
	char first[32], last[32];

	fprintf(out, "#   %s %s ", e->direction, strcmp(e->direction, "ingress") ? "to" : "from");
	if (e->peer)
		fprintf(out, "%s/%s (%s)", e->peer->namespace_, e->peer->name, e->peer->kind);
	else
		fputs(e->addr, out);
	fprintf(out, " %s", e->protocol);
	if (has_port(e))
		fprintf(out, " %u", e->port);
	fprintf(out, ": %.0f connection%s, %s to %s\n", e->connections,
		e->connections == 1 ? "" : "s", format_time(e->first, first, sizeof(first)),
		format_time(e->last, last, sizeof(last)));
}

static bool is_any(const struct propose_edge *e)
{
	return is_allowed(e);
}

static bool is_wide(const struct propose_edge *e)
{
	return is_allowed(e) && e->peer && !has_labels(e->peer);
}

static bool is_denied(const struct propose_edge *e)
{
	return e->denied;
}

static bool is_from_own_node(const struct propose_edge *e)
{
	return !e->denied && e->own_node;
}

static bool has_no_form(const struct propose_edge *e)
{
	return !e->denied && !e->own_node && !has_port(e);
}

static const struct {
	bool (*is)(const struct propose_edge *e);
	const char *title;
} chapters[] = {
	{ is_any, "seen, and allowed:" },
	{ is_wide,
	  "of these, pods without labels that last: all pods of their namespace are allowed:" },
	{ has_no_form, "seen, but a NetworkPolicy has no rule for this protocol; will be denied:" },
	{ is_from_own_node, "from the pod's own node, which is always let in:" },
	{ is_denied, "denied when it was seen, and not allowed:" },
};

static void write_evidence(const struct propose *p, const struct propose_workload *group, FILE *out)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(chapters); i++) {
		bool titled = false;

		for (const struct propose_edge *e = p->edges; e; e = e->hh.next) {
			if (!is_of(e, group) || !chapters[i].is(e))
				continue;
			if (!titled)
				fprintf(out, "# %s\n", chapters[i].title);
			titled = true;
			write_edge(e, out);
		}
	}
}

static void write_members(const struct propose *p, const struct propose_workload *group, FILE *out)
{
	const char *between = "# for ";

	for (const struct propose_workload *w = p->workloads; w; w = w->hh.next) {
		if (!w->self || strcmp(w->selector, group->selector) != 0)
			continue;
		fprintf(out, "%s%s %s", between, w->kind, w->name);
		between = ", ";
	}
	fputc('\n', out);
}

/* Labels of which the group's are a part are selected by its policy, too. */
static void write_others(const struct propose *p, const struct propose_workload *group, FILE *out)
{
	for (const struct propose_workload *w = p->workloads; w; w = w->hh.next) {
		const cJSON *label;
		bool all = w->self && strcmp(w->selector, group->selector) != 0;

		cJSON_ArrayForEach (label, group->labels)
			all = all &&
			      !strcmp(weirctl_text(w->labels, label->string), label->valuestring);
		if (all)
			fprintf(out,
				"# its labels are also those of %s %s: it gets these rules, too\n",
				w->kind, w->name);
	}
}

/* --- policies ------------------------------------------------------------------------------- */

static cJSON *policy_json(const struct propose *p, const struct propose_workload *group)
{
	cJSON *policy = cJSON_CreateObject(), *meta, *spec, *types;
	char name[280];

	snprintf(name, sizeof(name), "%.240s-proposed", group->name);
	cJSON_AddStringToObject(policy, "apiVersion", "networking.k8s.io/v1");
	cJSON_AddStringToObject(policy, "kind", "NetworkPolicy");
	meta = cJSON_AddObjectToObject(policy, "metadata");
	cJSON_AddStringToObject(meta, "namespace", p->namespace_);
	cJSON_AddStringToObject(meta, "name", name);
	spec = cJSON_AddObjectToObject(policy, "spec");
	cJSON_AddItemToObject(spec, "podSelector", selector(group->labels));
	types = cJSON_AddArrayToObject(spec, "policyTypes");
	cJSON_AddItemToArray(types, cJSON_CreateString("Ingress"));
	cJSON_AddItemToArray(types, cJSON_CreateString("Egress"));
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(directions); i++) {
		if (add_rules(p, group, directions[i], spec) < 0) {
			cJSON_Delete(policy);
			return NULL;
		}
	}
	return policy;
}

static int write_policy(const struct propose *p, const struct propose_workload *group, FILE *out,
			struct weir_error *err)
{
	cJSON *policy = policy_json(p, group);
	int r;

	if (!policy)
		return weir_error_set(err, ENOMEM, "out of memory");
	fputs("---\n", out);
	write_members(p, group, out);
	write_others(p, group, out);
	write_evidence(p, group, out);
	r = weirctl_yaml(policy, out, err);
	cJSON_Delete(policy);
	return r;
}

/* The first workload with these labels stands for all of them. */
static bool is_first(const struct propose *p, const struct propose_workload *w)
{
	const struct propose_workload *o = p->workloads;

	while (o != w && !(o->self && strcmp(o->selector, w->selector) == 0))
		o = o->hh.next;
	return o == w;
}

int propose_write(const struct propose *p, FILE *out, unsigned *ret_n, struct weir_error *err)
{
	int r = 0;

	*ret_n = 0;
	for (const struct propose_workload *w = p->workloads; w && r == 0; w = w->hh.next) {
		if (!w->self || !is_first(p, w))
			continue;
		if (!has_labels(w)) {
			fprintf(out,
				"# %s %s has no labels that last, and no policy can select it "
				"alone: "
				"it stays as it is\n",
				w->kind, w->name);
			continue;
		}
		r = write_policy(p, w, out, err);
		*ret_n += r == 0;
	}
	return r;
}
