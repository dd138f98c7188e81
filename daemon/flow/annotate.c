/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Joins kernel flows with the cluster and the compiled tables. Called by
 * follow.c and denied.c; knows no socket and no publisher.
 */
#include "daemon/flow/annotate.h"

#include <stdio.h>
#include <stdlib.h>

#include "daemon/cluster/cluster.h"
#include "daemon/flow/names.h"
#include "daemon/flow/sides.h"
#include "weir/compiler.h"

void weir_annotator_init(struct weir_annotator *a, struct weir_world *world)
{
	*a = (struct weir_annotator){ .world = world };
}

void weir_annotator_done(struct weir_annotator *a)
{
	HASH_CLEAR(hh, a->names);
	weir_flow_verdicts_clear(&a->verdicts);
}

static bool has_ports(uint8_t protocol)
{
	return protocol == WEIR_PROTO_TCP || protocol == WEIR_PROTO_UDP ||
	       protocol == WEIR_PROTO_SCTP;
}

static int compare_addrs(const void *a, const void *b)
{
	return weir_addr_compare(a, b);
}

static bool is_own_node(const struct weir_world *w, const struct weir_addr *addr)
{
	return w->n_node_addrs &&
	       bsearch(addr, w->node_addrs, w->n_node_addrs, sizeof(*addr), compare_addrs);
}

static struct weir_flow_name *name_of(struct weir_annotator *a, const struct weir_pod *pod,
				      const struct weir_addr *addr)
{
	const struct weir_node *node = NULL;

	if (!pod)
		node = weir_cluster_node_by_addr(a->world->cluster, addr);
	return weir_flow_name_get(&a->names, pod, node);
}

struct weir_connection weir_annotate_connection(const struct weir_tuple *original,
						const struct weir_tuple *reply)
{
	return (struct weir_connection){
		.src = original->src,
		.dst = reply->src,
		.protocol = original->protocol,
		.dport = has_ports(original->protocol) ? reply->sport : 0,
	};
}

static const char *service_of(struct weir_annotator *a, const struct weir_flow *flow)
{
	const struct weir_tuple *o = &flow->original;
	const struct weir_service *s;
	char name[512];

	if (!has_ports(o->protocol) ||
	    (weir_addr_compare(&o->dst, &flow->reply.src) == 0 && o->dport == flow->reply.sport))
		return NULL;
	s = weir_cluster_service_by_addr(a->world->cluster, &o->dst, o->protocol, o->dport);
	if (!s)
		return NULL;
	snprintf(name, sizeof(name), "%s/%s", s->namespace_, s->name);
	return weir_pool_string(a->world->pool, name);
}

static void judge_by(const struct weir_world *world, const struct weir_compiler *compiler,
		     const struct weir_connection *c, struct weir_judgement *ret)
{
	weir_compiler_judge(compiler, c, ret);
	if (!is_own_node(world, &c->src))
		return;
	ret->sides[WEIR_INGRESS] =
		(struct weir_decision){ .verdict = WEIR_ALLOWED, .reason = WEIR_REASON_OWN_NODE };
	ret->verdict = ret->sides[WEIR_EGRESS].verdict;
}

void weir_annotate_judge(const struct weir_world *world, const struct weir_tuple *original,
			 const struct weir_tuple *reply, struct weir_judgement *ret)
{
	struct weir_connection c = weir_annotate_connection(original, reply);

	judge_by(world, world->compiler, &c, ret);
}

static void judge(const struct weir_annotator *a, const struct weir_compiler *compiler,
		  const struct weir_flow *flow, struct weir_judgement *ret)
{
	struct weir_connection c = weir_annotate_connection(&flow->original, &flow->reply);

	judge_by(a->world, compiler, &c, ret);
}

static struct weir_flow_sides *sides_of(struct weir_annotator *a, const struct weir_judgement *j)
{
	return weir_flow_sides_get(&a->verdicts, a->world->pool, &j->sides[WEIR_EGRESS],
				   &j->sides[WEIR_INGRESS]);
}

/* What it would be with the staged policies, where they have a part in it. */
static struct weir_flow_sides *staged_sides(struct weir_annotator *a, const struct weir_flow *flow,
					    const struct weir_flow_sides *enforced)
{
	const struct weir_compiler *compiler = weir_cluster_staged(a->world->cluster);
	struct weir_flow_sides *staged;
	struct weir_judgement j;

	if (!compiler || flow->pending)
		return NULL;
	judge(a, compiler, flow, &j);
	staged = sides_of(a, &j);
	if (staged != enforced)
		return staged;
	weir_flow_sides_put(&a->verdicts, a->world->pool, staged);
	return NULL;
}

static void annotate(struct weir_annotator *a, const struct weir_flow *flow,
		     const struct weir_pod *src, const struct weir_pod *dst,
		     const struct weir_judgement *j, struct weir_annotation *ret)
{
	ret->src = name_of(a, src, &flow->original.src);
	ret->dst = name_of(a, dst, &flow->reply.src);
	ret->sides = sides_of(a, j);
	ret->staged = staged_sides(a, flow, ret->sides);
	ret->service = service_of(a, flow);
}

bool weir_annotate_allowed(struct weir_annotator *a, const struct weir_flow *flow,
			   struct weir_annotation *ret, uint8_t *ret_verdict)
{
	const struct weir_cluster *c = a->world->cluster;
	const struct weir_pod *src = weir_cluster_pod_by_addr(c, &flow->original.src);
	const struct weir_pod *dst = weir_cluster_pod_by_addr(c, &flow->reply.src);
	struct weir_judgement j;

	if (!(src && src->local) && !(dst && dst->local))
		return false;
	judge(a, a->world->compiler, flow, &j);
	annotate(a, flow, src, dst, &j, ret);
	*ret_verdict = j.verdict;
	return true;
}

void weir_annotate_ended(struct weir_annotator *a, const struct weir_judgement *j,
			 struct weir_annotation *annotation)
{
	struct weir_flow_sides *sides = sides_of(a, j);

	weir_flow_sides_put(&a->verdicts, a->world->pool, annotation->sides);
	annotation->sides = sides;
}

/* The kernel's word stands, even if the tables have changed since. */
static void force_denied(struct weir_annotator *a, const struct weir_flow *flow,
			 const struct weir_pod *pod, struct weir_judgement *j)
{
	struct weir_decision *side = &j->sides[flow->direction];
	const struct weir_ruleset *now = NULL;

	if (flow->pending) {
		*side = (struct weir_decision){ .verdict = WEIR_DENIED,
						.reason = WEIR_REASON_PENDING };
		return;
	}
	if (side->verdict == WEIR_DENIED)
		return;
	a->policy_race++;
	if (pod && pod->local)
		now = weir_compiler_ruleset_of(a->world->compiler, pod, flow->direction);
	*side = (struct weir_decision){ .verdict = WEIR_DENIED,
					.reason = WEIR_REASON_ISOLATED,
					.ruleset = now };
	if (now && weir_ruleset_tag(now) != flow->ruleset)
		side->ruleset = NULL; /* other policies than those that dropped it */
}

static const struct weir_interface *interface_at(const struct weir_world *w, uint32_t index)
{
	size_t low = 0, high = w->n_interfaces;

	while (low < high) {
		size_t mid = low + (high - low) / 2;

		if (w->interfaces[mid].index == index)
			return &w->interfaces[mid];
		if (w->interfaces[mid].index < index)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

/* The sender is who the interface belongs to, whatever the packet says; the other
 * side was not asked. */
static void annotate_spoofed(struct weir_annotator *a, const struct weir_flow *flow,
			     struct weir_annotation *ret)
{
	const struct weir_cluster *c = a->world->cluster;
	const struct weir_interface *i = interface_at(a->world, flow->interface);
	const struct weir_pod *dst = weir_cluster_pod_by_addr(c, &flow->reply.src);
	const struct weir_decision spoofed = { WEIR_DENIED, .reason = WEIR_REASON_SPOOFED };
	const struct weir_decision nothing = { .reason = WEIR_REASON_NOT_ENDPOINT };
	const struct weir_pod *src =
		i && i->n_addrs ? weir_cluster_pod_by_addr(c, &i->addrs[0]) : NULL;

	ret->src = weir_flow_name_get(&a->names, src, NULL);
	ret->dst = name_of(a, dst, &flow->reply.src);
	ret->sides = weir_flow_sides_get(&a->verdicts, a->world->pool, &spoofed, &nothing);
	ret->staged = NULL;
	ret->service = NULL;
}

void weir_annotate_denied(struct weir_annotator *a, const struct weir_flow *flow,
			  struct weir_annotation *ret)
{
	const struct weir_cluster *c = a->world->cluster;
	const struct weir_pod *src = weir_cluster_pod_by_addr(c, &flow->original.src);
	const struct weir_pod *dst = weir_cluster_pod_by_addr(c, &flow->reply.src);
	struct weir_judgement j;

	if (flow->spoofed) {
		annotate_spoofed(a, flow, ret);
		return;
	}
	judge(a, a->world->compiler, flow, &j);
	force_denied(a, flow, flow->direction == WEIR_EGRESS ? src : dst, &j);
	annotate(a, flow, src, dst, &j, ret);
}

void weir_annotation_release(struct weir_annotator *a, struct weir_annotation *annotation)
{
	struct weir_pool *pool = a->world->pool;

	weir_flow_name_put(&a->names, pool, annotation->src);
	weir_flow_name_put(&a->names, pool, annotation->dst);
	weir_flow_sides_put(&a->verdicts, pool, annotation->sides);
	weir_flow_sides_put(&a->verdicts, pool, annotation->staged);
	weir_pool_put_string(pool, annotation->service);
	*annotation = (struct weir_annotation){ 0 };
}

static void fill_addresses(struct weir_record *r, const struct weir_tuple *o,
			   const struct weir_tuple *reply)
{
	bool ports = o->protocol != WEIR_PROTO_ICMP && o->protocol != WEIR_PROTO_ICMPV6;

	r->protocol = o->protocol;
	r->src.addr = o->src;
	r->dst.addr = reply->src;
	if (ports) {
		r->src.port = o->sport;
		r->dst.port = reply->sport;
	} else {
		r->icmp_type = (uint8_t)(o->dport >> 8);
		r->icmp_code = (uint8_t)o->dport;
	}
	if (weir_addr_compare(&reply->dst, &o->src) || (ports && reply->dport != o->sport)) {
		r->src.nat_addr = reply->dst;
		r->src.nat_port = ports ? reply->dport : 0;
	}
	if (weir_addr_compare(&o->dst, &reply->src) || (ports && o->dport != reply->sport)) {
		r->dst.nat_addr = o->dst;
		r->dst.nat_port = ports ? o->dport : 0;
	}
}

static void fill_staged(const struct weir_annotation *annotation, struct weir_record *r)
{
	if (!annotation->staged)
		return;
	weir_flow_sides_fill(annotation->staged, &r->staged_egress, &r->staged_ingress);
	r->staged =
		r->staged_egress.verdict == WEIR_DENIED || r->staged_ingress.verdict == WEIR_DENIED
			? WEIR_DENIED
			: WEIR_ALLOWED;
}

void weir_annotation_fill(const struct weir_annotation *annotation,
			  const struct weir_tuple *original, const struct weir_tuple *reply,
			  struct weir_record *record)
{
	fill_addresses(record, original, reply);
	weir_flow_name_fill(annotation->src, &record->src);
	weir_flow_name_fill(annotation->dst, &record->dst);
	weir_flow_sides_fill(annotation->sides, &record->egress, &record->ingress);
	record->dst.service = annotation->service;
	fill_staged(annotation, record);
}
