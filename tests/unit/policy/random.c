/* SPDX-License-Identifier: Apache-2.0 */
/* Random objects for the tests of policy/. */
#include "tests/unit/policy/random.h"

#include <stdio.h>
#include <string.h>

#include "weir/cleanup.h"

uint32_t roll(struct random *r, uint32_t n)
{
	r->seed ^= r->seed << 13;
	r->seed ^= r->seed >> 7;
	r->seed ^= r->seed << 17;
	return (uint32_t)(r->seed >> 33) % n;
}

#define PICK(r, list) (list)[roll(r, WEIR_ARRAY_SIZE(list))]

const char *const random_addresses[RANDOM_ADDRESSES] = {
	"10.0.0.1",  "10.0.0.2",  "10.0.0.3",  "10.0.1.1",    "10.0.1.2",    "10.0.1.129",
	"10.0.2.7",  "10.1.0.1",  "10.1.0.2",  "10.1.3.4",    "fd00::1",     "fd00::2",
	"fd00:1::1", "fd00:1::2", "192.0.2.1", "192.0.2.130", "2001:db8::1", "10.0.0.9",
};
static const char *const labels[] = {
	"", "app=web", "app=db", "app=web,tier=1", "app=db,tier=2", "tier=1", "app=dns,tier=2"
};
static const char *const ns_labels[] = { "", "team=a", "team=b", "team=a,env=prod" };
static const char *const named_ports[] = {
	"", "", "http:80/tcp", "http:8080/tcp", "dns:53/udp,http:80/tcp", "dns:53/tcp"
};
static const char *const selectors[] = { "",	"",	 "app=web",    "app=db|web", "app!=web",
					 "app", "!tier", "tier=1,app", "tier=1|2" };
static const char *const ns_selectors[] = { "",
					    "team=a",
					    "team!=a",
					    "team",
					    "!env",
					    "kubernetes.io/metadata.name=n1",
					    "kubernetes.io/metadata.name=n2|n3",
					    "team=a|b,!env" };
static const char *const node_labels[] = { "", "zone=a", "zone=b", "zone=a,app=web,gpu=1" };
static const char *const node_selectors[] = { "", "zone=a", "zone!=a", "gpu", "app=web", "!zone" };
static const char *const domains[RANDOM_DOMAINS] = { "a.test", "b.test", "x.a.test", "y.x.a.test",
						     "a.testing" };
static const char *const patterns[] = { "a.test",   "b.test|a.test",	 "*.test", "*.a.test",
					"x.a.test", "*.x.a.test|b.test", "c.test" };
/* Ascending. Of pods, of nodes, within prefixes and equal to one. */
static const char *const domain_addrs[] = { "192.0.2.1",
					    "10.0.0.1,10.0.0.2,192.0.2.1",
					    "192.0.2.1,192.0.2.130",
					    "10.1.3.4,2001:db8::1",
					    "fd00:1::1",
					    "10.0.0.9" };
static const char *const prefixes[] = {
	"0.0.0.0/0",
	"::/0",
	"10.0.0.0/8",
	"10.0.0.0/16",
	"10.0.1.0/24",
	"10.0.1.128/25",
	"10.0.0.1/32",
	"fd00::/16",
	"fd00:1::/64",
	"192.0.2.0/24",
	"192.0.2.128/25",
	"0.0.0.0/0-10.0.0.0/8",
	"10.0.0.0/8-10.0.1.0/24-10.1.0.0/16",
	"192.0.2.0/24-192.0.2.1/32",
};
static const char *const ports[] = { "",
				     "",
				     "80/tcp",
				     "80-90/tcp",
				     "53/udp,53/tcp",
				     "http/tcp",
				     "dns/udp",
				     "*/tcp",
				     "1-1023/sctp,http/tcp",
				     "0-79/tcp" };

static void random_peer(struct random *r, char *buf, bool cluster)
{
	switch (roll(r, cluster ? 8 : 5)) {
	case 6:
	case 7:
		sprintf(buf, "domains(%s)", PICK(r, patterns));
		break;
	case 5:
		sprintf(buf, "nodes(%s)", PICK(r, node_selectors));
		break;
	case 0:
		sprintf(buf, "%s(%s)", cluster ? "ns()pods" : "pods", PICK(r, selectors));
		break;
	case 1:
		sprintf(buf, "ns(%s)", PICK(r, ns_selectors));
		break;
	case 2:
		sprintf(buf, "ns(%s)pods(%s)", PICK(r, ns_selectors), PICK(r, selectors));
		break;
	case 3:
		strcpy(buf, "*");
		break;
	default:
		strcpy(buf, PICK(r, prefixes));
	}
}

static void random_rules(struct random *r, char *text, bool cluster)
{
	static const char *const actions[] = { "accept", "deny", "pass" };
	uint32_t n = roll(r, 4);

	*text = 0;
	if (!cluster)
		strcpy(text, roll(r, 3) ? "in;" : roll(r, 2) ? "out;" : "in;out;");
	for (uint32_t i = 0; i < n; i++) {
		char peer[128], more[128];

		random_peer(r, peer, cluster);
		random_peer(r, more, cluster);
		if (*peer != '*' && *more != '*' && !roll(r, 3))
			strcat(strcat(peer, "+"), more);
		sprintf(text + strlen(text), "%s %s %s %s;", roll(r, 2) ? "in" : "out",
			cluster ? PICK(r, actions) : "accept", peer, PICK(r, ports));
	}
}

struct weir_pod *random_pod(struct random *r, unsigned i)
{
	char name[16], ns[16], addrs[64];
	struct weir_pod *p;

	sprintf(name, "p%u", i);
	sprintf(ns, "n%u", i % (RANDOM_NAMESPACES + 1)); /* one namespace never has an object */
	sprintf(addrs, "%s", random_addresses[roll(r, 14)]);
	if (!roll(r, 3))
		sprintf(addrs + strlen(addrs), ",%s", random_addresses[10 + roll(r, 4)]);
	p = make_pod(r->bag, ns, name, PICK(r, labels), addrs, PICK(r, named_ports),
		     roll(r, 3) != 0);
	if (p->n_addrs == 2 && weir_addr_compare(&p->addrs[0], &p->addrs[1]) == 0)
		p->n_addrs = 1;
	p->host_network = !roll(r, 12);
	p->finished = !roll(r, 12);
	p->gone = !roll(r, 12);
	p->endpoint = p->local && roll(r, 2);
	p->since = roll(r, 3);
	p->terminating = roll(r, 2);
	p->created = roll(r, 2);
	return p;
}

struct weir_policy *random_policy(struct random *r, unsigned i)
{
	char name[16], ns[16], text[2048];
	struct weir_policy *p;

	sprintf(name, "np%u", i);
	sprintf(ns, "n%u", i % (RANDOM_NAMESPACES + 1));
	random_rules(r, text, i >= RANDOM_POLICIES);
	if (i < RANDOM_POLICIES)
		p = make_policy(r->bag, ns, name, PICK(r, selectors), text);
	else
		p = make_cluster_policy(
			r->bag, name, roll(r, 2) ? WEIR_TIER_ADMIN : WEIR_TIER_BASELINE,
			(int)roll(r, 3), PICK(r, ns_selectors), PICK(r, selectors), text);
	p->staged = !roll(r, 10);
	return p;
}

struct weir_namespace *random_namespace(struct random *r, unsigned i)
{
	char name[16];

	sprintf(name, "n%u", i);
	return make_namespace(r->bag, name, PICK(r, ns_labels));
}

struct weir_node *random_node(struct random *r, unsigned i)
{
	char name[16], addrs[128];

	sprintf(name, "node%u", i);
	sprintf(addrs, "%s", random_addresses[roll(r, 4) ? 7 + roll(r, 11) : roll(r, 18)]);
	if (!roll(r, 3) && strcmp(addrs, "10.0.0.9") != 0)
		strcat(addrs, ",10.0.0.9");
	return make_node(r->bag, name, PICK(r, node_labels), addrs);
}

struct weir_domain *random_domain(struct random *r, unsigned i)
{
	return make_domain(r->bag, domains[i], PICK(r, domain_addrs));
}
