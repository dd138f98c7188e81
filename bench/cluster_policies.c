/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ClusterNetworkPolicies of full size: 25 rules in each direction, 25 peers and
 * 25 ports a rule, over 100,000 pods in 5,000 kinds, 100 of them on this node.
 * What decides is how many of the policies select one pod: so the scenes. Each
 * runs in a process of its own with bounded memory, and says where it ended.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/policy/build.h"
#include "weir/cleanup.h"

enum {
	NAMESPACES = 1000,
	PODS_EACH = 100,
	LOCAL = 100,
	FULL = 25, /* rules, peers, ports: as many as the API allows */
	UPDATES = 20,
};
#define MEMORY_MAX (12ull << 30)

static const struct scene {
	const char *name, *what;
	unsigned policies, groups; /* so many groups of pods share the policies out */
} scenes[] = {
	{ "one", "1000 policies, each for one namespace", 1000, 1000 },
	{ "ten", "1000 policies, 10 select each pod", 1000, 100 },
	{ "hundred", "1000 policies, 100 select each pod", 1000, 10 },
	{ "all-100", "100 policies, all select every pod", 100, 1 },
	{ "all-1000", "1000 policies, all select every pod", 1000, 1 },
};

struct cluster {
	struct bag bag;
	struct weir_compiler *compiler;
};

static double now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec * 1e3 + (double)t.tv_nsec / 1e6;
}

static double rss_mb(void)
{
	unsigned long total, resident = 0;
	FILE *f = fopen("/proc/self/statm", "r");

	if (!f || fscanf(f, "%lu %lu", &total, &resident) != 2)
		resident = 0;
	if (f)
		fclose(f);
	return (double)resident * (double)sysconf(_SC_PAGESIZE) / 1048576;
}

/* --- objects --------------------------------------------------------------------------- */

/* A number that looks random and is the same each time. */
static unsigned mix(unsigned policy, unsigned rule, unsigned i)
{
	unsigned h = policy * 2654435761u ^ rule * 2246822519u ^ i * 3266489917u;

	h ^= h >> 15;
	h *= 2246822519u;
	return h ^ h >> 13;
}

static void write_rule(FILE *out, const char *direction, unsigned policy, unsigned rule)
{
	static const char *const actions[] = { "accept", "deny", "pass" };

	fprintf(out, "%s %s ", direction, actions[mix(policy, rule, 99) % 3]);
	for (unsigned i = 0; i < FULL; i++) {
		unsigned h = mix(policy, rule, i);

		if (*direction == 'o' && i % 5 == 4)
			fprintf(out, "%s172.%u.%u.0/24", i ? "+" : "", 16 + h % 16, h / 16 % 256);
		else
			fprintf(out, "%sns(kubernetes.io/metadata.name=n%u)pods(app=a%u)",
				i ? "+" : "", h % NAMESPACES, h / NAMESPACES % 5);
	}
	for (unsigned i = 0; i < FULL; i++) {
		unsigned port = 1 + mix(policy, rule, 1000 + i) % 60000;

		fprintf(out, "%s%u-%u/%s", i ? "," : " ", port, port + mix(policy, rule, i) % 20,
			i % 3 ? "tcp" : "udp");
	}
	fputc(';', out);
}

/* edit: another last rule than in the edit before. */
static struct weir_policy *make_full(struct bag *b, const struct scene *s, unsigned n,
				     unsigned edit)
{
	char name[32], group[32], *text = NULL;
	struct weir_policy *p;
	size_t size;
	FILE *out = open_memstream(&text, &size);

	for (unsigned r = 0; r < FULL; r++) {
		write_rule(out, "in", n, r + (r == FULL - 1 ? edit : 0));
		write_rule(out, "out", n, FULL + r);
	}
	fclose(out);
	snprintf(name, sizeof(name), "cnp%u", n);
	snprintf(group, sizeof(group), "group=g%u", n % s->groups);
	p = make_cluster_policy(b, name, WEIR_TIER_ADMIN, (int)(n % 1000), group, "", text);
	free(text);
	return p;
}

static struct weir_pod *make_one(struct bag *b, unsigned n, unsigned i, bool local)
{
	unsigned serial = n * PODS_EACH + i;
	char ns[32], name[32], labels[64], addr[32];

	snprintf(ns, sizeof(ns), "n%u", n);
	snprintf(name, sizeof(name), "p%u", i);
	snprintf(labels, sizeof(labels), "app=a%u", i % 5);
	snprintf(addr, sizeof(addr), "10.%u.%u.%u", serial >> 16 & 255, serial >> 8 & 255,
		 serial & 255);
	return make_pod(b, ns, name, labels, addr, NULL, local);
}

/* --- one scene ---------------------------------------------------------------------------- */

static bool commit(struct cluster *k)
{
	struct weir_changes *changes;

	if (weir_compiler_commit(k->compiler, &changes, NULL) < 0)
		return false;
	weir_changes_free(&changes);
	return true;
}

static void fill(struct cluster *k, const struct scene *s, const struct weir_policy **policies)
{
	for (unsigned n = 0; n < NAMESPACES; n++) {
		char ns[32], labels[64];

		snprintf(ns, sizeof(ns), "n%u", n);
		snprintf(labels, sizeof(labels), "group=g%u", n % s->groups);
		weir_compiler_add_namespace(k->compiler, make_namespace(&k->bag, ns, labels));
		for (unsigned i = 0; i < PODS_EACH; i++)
			weir_compiler_add_pod(
				k->compiler,
				make_one(&k->bag, n, i, i == 0 && n % (NAMESPACES / LOCAL) == 0));
	}
	for (unsigned n = 0; n < s->policies; n++) {
		policies[n] = make_full(&k->bag, s, n, 0);
		weir_compiler_add_policy(k->compiler, policies[n]);
	}
}

static int compare_times(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void report(const char *what, double *times)
{
	qsort(times, UPDATES, sizeof(*times), compare_times);
	printf("    %-28s p50 %10.3f ms  max %10.3f ms\n", what, times[UPDATES / 2],
	       times[UPDATES - 1]);
}

static void time_updates(struct cluster *k, const struct scene *s,
			 const struct weir_policy **policies)
{
	double pods[UPDATES], edits[UPDATES];

	for (unsigned i = 0; i < UPDATES; i++) {
		struct weir_pod *pod = make_one(&k->bag, i, PODS_EACH + i, false);
		double start = now();

		weir_compiler_add_pod(k->compiler, pod);
		if (!commit(k))
			abort();
		pods[i] = now() - start;
	}
	for (unsigned i = 0; i < UPDATES; i++) {
		struct weir_policy *edited = make_full(&k->bag, s, i, i + 1);
		double start = now();

		weir_compiler_remove_policy(k->compiler, policies[i]);
		weir_compiler_add_policy(k->compiler, edited);
		if (!commit(k))
			abort();
		edits[i] = now() - start;
	}
	report("a pod elsewhere comes", pods);
	report("one rule is edited", edits);
}

static int count_elements(const struct weir_changes *all, uint64_t *ret_ports)
{
	uint64_t elements = 0;

	for (size_t i = 0; i < all->n_rulesets; i++) {
		elements += all->rulesets[i].n_peers;
		for (size_t p = 0; p < all->rulesets[i].n_peers; p++)
			*ret_ports += all->rulesets[i].peers[p].class_->n_ports;
	}
	return (int)elements;
}

static void run(const struct scene *s)
{
	const struct weir_policy **policies = calloc(s->policies, sizeof(*policies));
	struct rlimit limit = { MEMORY_MAX, MEMORY_MAX };
	struct weir_compiler_stats stats;
	struct weir_changes *all = NULL;
	struct cluster k = { 0 };
	double start, objects;
	uint64_t ports = 0;
	int elements;

	setrlimit(RLIMIT_AS, &limit);
	bag_open(&k.bag);
	if (!policies || weir_compiler_new(&k.compiler) < 0)
		abort();
	fill(&k, s, policies);
	objects = rss_mb();
	start = now();
	printf("%s: %s\n", s->name, s->what);
	if (!commit(&k)) {
		printf("    does not fit into %llu GiB (given up after %.0f ms)\n",
		       MEMORY_MAX >> 30, now() - start);
		return;
	}
	printf("    cold compile %27.0f ms, %.0f MB, and %.0f MB of objects\n", now() - start,
	       rss_mb() - objects, objects);
	weir_compiler_stats(k.compiler, &stats);
	if (weir_compiler_snapshot(k.compiler, &all, NULL) == 0) {
		elements = count_elements(all, &ports);
		printf("    rulesets %u, classes %u, (ruleset, identity) %d with %.1f port ranges "
		       "each\n",
		       stats.rulesets, stats.classes, elements,
		       elements ? (double)ports / elements : 0);
	}
	weir_changes_free(&all);
	time_updates(&k, s, policies);
	weir_compiler_free(&k.compiler);
	bag_empty(&k.bag);
	free(policies);
}

int main(int argc, char **argv)
{
	int failed = 0;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(scenes); i++) {
		int status;
		pid_t pid;

		if (argc > 1 && strcmp(argv[1], scenes[i].name) != 0)
			continue;
		fflush(stdout);
		pid = fork();
		if (pid == 0) {
			run(&scenes[i]);
			fflush(stdout);
			_exit(0);
		}
		failed |= waitpid(pid, &status, 0) < 0 || status != 0;
	}
	return failed;
}
