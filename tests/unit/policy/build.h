/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Objects for the tests of policy/, made by hand; all of them live until the
 * bag is emptied. */
#include "weir/compiler.h"
#include "weir/pool.h"

struct bag {
	struct weir_pool *pool;
	void **items;
	size_t n, cap;
};

void bag_open(struct bag *b);
void bag_empty(struct bag *b);
void *bag_alloc(struct bag *b, size_t n, size_t size);
const char *bag_string(struct bag *b, const char *s);

/* "a=1,b=2" */
const struct weir_labels *make_labels(struct bag *b, const char *text);
struct weir_namespace *make_namespace(struct bag *b, const char *name, const char *labels);
/* addrs "10.0.0.1,fd00::1"; ports "http:80/tcp,dns:53/udp" or NULL */
struct weir_pod *make_pod(struct bag *b, const char *ns, const char *name, const char *labels,
			  const char *addrs, const char *ports, bool local);
/* addrs as above, or "" */
struct weir_node *make_node(struct bag *b, const char *name, const char *labels, const char *addrs);
/* addrs ascending, as above */
struct weir_domain *make_domain(struct bag *b, const char *name, const char *addrs);
/* "app=web" In, "app!=web" NotIn, "app" Exists, "!app" DoesNotExist, "app=web|db" */
struct weir_selector make_selector(struct bag *b, const char *text);

/* A policy in text. Clauses end with ';':
 *   "in", "out"                 isolates that direction (NetworkPolicy tier)
 *   "in accept|deny|pass FROM [PORTS]" a rule; FROM: "*", or peers with '+' between:
 *      "pods(app=web)", "ns(team=a)", "ns(team=a)pods(app=web)", "10.0.0.0/8-10.1.0.0/16",
 *      "nodes(zone=a)", "domains(a.test|*.b.test)"
 *   PORTS: "80/tcp,1000-2000/udp,http/tcp"
 * tier N: as in weir_tier; ns NULL: cluster-wide, its subject is subject_ns. */
struct weir_policy *make_policy(struct bag *b, const char *ns, const char *name,
				const char *subject, const char *text);
struct weir_policy *make_cluster_policy(struct bag *b, const char *name, enum weir_tier tier,
					int priority, const char *subject_ns, const char *subject,
					const char *text);

struct weir_connection make_connection(const char *src, const char *dst, uint8_t protocol,
				       uint16_t port);
