/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the policy compiler costs: cold compiles of large clusters, and single
 * changes in them. Each scene runs in a process of its own, so that its peak
 * memory is its own. Beside it, in the same run, brute force over the objects
 * for a part of the same questions, as a measure that does not depend on the
 * machine.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "tests/unit/policy/brute.h"
#include "weir/cleanup.h"

struct scene {
	const char *name, *what;
	unsigned namespaces, policies_each, pods_each, local; /* local: endpoints in all */
};

static const struct scene scenes[] = {
	{ "wide", "25k namespaces, 75k policies, 100k pods, all local", 25000, 3, 4, 100000 },
	{ "deep", "1 namespace, 10k policies x 10k pods, all match", 1, 10000, 10000, 10000 },
	{ "sparse", "100k namespaces, a pod and a policy each, 100 local", 100000, 1, 1, 100 },
	{ "node", "30k pods, 30k policies in 1k namespaces, 100 local", 1000, 30, 30, 100 },
	{ "ten", "1 namespace, 10 policies select the pod", 1, 10, 100, 100 },
	{ "thousand", "1 namespace, 1k policies select the pod", 1, 1000, 100, 100 },
	{ "ten-thousand", "1 namespace, 10k policies select the pod", 1, 10000, 100, 100 },
};

struct cluster {
	struct bag bag;
	struct objects o;
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
	struct rusage u;

	getrusage(RUSAGE_SELF, &u);
	return (double)u.ru_maxrss / 1024;
}

static struct weir_policy *policy_for(struct bag *b, const char *ns, unsigned i)
{
	char name[32], text[128];

	snprintf(name, sizeof(name), "np%u", i);
	switch (i % 3) {
	case 0:
		snprintf(text, sizeof(text), "in accept pods() %u/tcp", 1000 + i % 60000);
		break;
	case 1:
		snprintf(text, sizeof(text), "in accept pods(app=web) %u/tcp;out accept pods()",
			 1000 + i % 60000);
		break;
	default:
		snprintf(text, sizeof(text), "in accept ns(kubernetes.io/metadata.name=n0) %u/tcp",
			 1000 + i % 60000);
	}
	return make_policy(b, ns, name, "", text);
}

static struct weir_pod *pod_for(struct bag *b, const char *ns, unsigned serial, unsigned i,
				bool local)
{
	static const char *const apps[] = { "web", "db", "api", "cache" };
	char name[32], labels[64], addr[32];

	snprintf(name, sizeof(name), "p%u", i);
	snprintf(labels, sizeof(labels), "app=%s,track=stable", apps[i % 4]);
	snprintf(addr, sizeof(addr), "10.%u.%u.%u", serial >> 16 & 255, serial >> 8 & 255,
		 serial & 255);
	return make_pod(b, ns, name, labels, addr, "http:8080/tcp", local);
}

static void make_objects(struct cluster *k, const struct scene *s)
{
	unsigned serial = 0, every = s->namespaces * s->pods_each / s->local;

	bag_open(&k->bag);
	k->o.namespaces = calloc(s->namespaces, sizeof(void *));
	k->o.pods = calloc(s->namespaces * s->pods_each, sizeof(void *));
	k->o.policies = calloc(s->namespaces * s->policies_each, sizeof(void *));
	for (unsigned n = 0; n < s->namespaces; n++) {
		char ns[32];

		snprintf(ns, sizeof(ns), "n%u", n);
		k->o.namespaces[k->o.n_namespaces++] = make_namespace(&k->bag, ns, "team=a");
		for (unsigned i = 0; i < s->policies_each; i++)
			k->o.policies[k->o.n_policies++] = policy_for(&k->bag, ns, i);
		for (unsigned i = 0; i < s->pods_each; i++, serial++)
			k->o.pods[k->o.n_pods++] =
				pod_for(&k->bag, ns, serial, i, serial % every == 0);
	}
}

static void commit(struct cluster *k)
{
	struct weir_changes *changes;

	if (weir_compiler_commit(k->compiler, &changes, NULL) < 0)
		abort();
	weir_changes_free(&changes);
}

static double cold(struct cluster *k)
{
	double start = now();

	if (weir_compiler_new(&k->compiler) < 0)
		abort();
	for (size_t i = 0; i < k->o.n_namespaces; i++)
		weir_compiler_add_namespace(k->compiler, k->o.namespaces[i]);
	for (size_t i = 0; i < k->o.n_policies; i++)
		weir_compiler_add_policy(k->compiler, k->o.policies[i]);
	for (size_t i = 0; i < k->o.n_pods; i++)
		weir_compiler_add_pod(k->compiler, k->o.pods[i]);
	commit(k);
	return now() - start;
}

/* --- single changes --------------------------------------------------------------- */

static int compare_times(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void report(const char *what, double *times, size_t n)
{
	qsort(times, n, sizeof(*times), compare_times);
	printf("    %-34s p50 %8.4f ms  p99 %8.4f ms\n", what, times[n / 2], times[n * 99 / 100]);
}

enum { UPDATES = 200 };

static void time_pods(struct cluster *k)
{
	double times[UPDATES];

	for (unsigned i = 0; i < UPDATES; i++) {
		struct weir_pod *p = pod_for(&k->bag, "n0", 0xF00000 + i, 200000 + i, true);
		double start = now();

		weir_compiler_add_pod(k->compiler, p);
		commit(k);
		times[i] = now() - start;
		weir_compiler_remove_pod(k->compiler, p);
		commit(k);
	}
	report("a pod with known labels comes", times, UPDATES);
}

static void time_policies(struct cluster *k)
{
	double times[UPDATES], gone[UPDATES];

	for (unsigned i = 0; i < UPDATES; i++) {
		struct weir_policy *p = policy_for(&k->bag, "n0", 100000 + i);
		double start = now();

		weir_compiler_add_policy(k->compiler, p);
		commit(k);
		times[i] = now() - start;
		start = now();
		weir_compiler_remove_policy(k->compiler, p);
		commit(k);
		gone[i] = now() - start;
	}
	report("a policy comes", times, UPDATES);
	report("a policy goes", gone, UPDATES);
}

static void time_labels(struct cluster *k)
{
	struct weir_pod *a = pod_for(&k->bag, "n0", 0xF10000, 300000, true);
	struct weir_pod *b = pod_for(&k->bag, "n0", 0xF10000, 300000, true);
	double times[UPDATES];

	b->labels = make_labels(&k->bag, "app=other");
	weir_compiler_add_pod(k->compiler, a);
	commit(k);
	for (unsigned i = 0; i < UPDATES; i++) {
		double start = now();

		weir_compiler_remove_pod(k->compiler, i % 2 ? b : a);
		weir_compiler_add_pod(k->compiler, i % 2 ? a : b);
		commit(k);
		times[i] = now() - start;
	}
	report("a pod's labels change", times, UPDATES);
}

static void time_judging(struct cluster *k)
{
	enum { PART = 20, MANY = 200000 };
	struct weir_judgement j;
	double start, brute, ours;
	size_t n = k->o.n_pods;

	start = now();
	for (size_t i = 0; i < PART; i++) {
		struct weir_connection c = { .src = k->o.pods[i * 7 % n]->addrs[0],
					     .dst = k->o.pods[i * 13 % n]->addrs[0],
					     .protocol = WEIR_PROTO_TCP,
					     .dport = 8080 };

		brute_force(&k->bag, &k->o, &c, &j);
	}
	brute = (now() - start) / PART;
	start = now();
	for (size_t i = 0; i < MANY; i++) {
		struct weir_connection c = { .src = k->o.pods[i * 7 % n]->addrs[0],
					     .dst = k->o.pods[i * 13 % n]->addrs[0],
					     .protocol = WEIR_PROTO_TCP,
					     .dport = 8080 };

		weir_compiler_judge(k->compiler, &c, &j);
	}
	ours = (now() - start) / MANY;
	printf("    one connection judged %26.3f us, brute force %.1f us: 1/%.0f\n", ours * 1e3,
	       brute * 1e3, brute / ours);
}

static void run(const struct scene *s)
{
	struct weir_compiler_stats stats;
	struct cluster k = { 0 };
	double before, ms;

	make_objects(&k, s);
	before = rss_mb();
	ms = cold(&k);
	weir_compiler_stats(k.compiler, &stats);
	printf("%s: %s\n    cold compile %35.1f ms, %.1f MB in all, %.1f MB of them objects\n",
	       s->name, s->what, ms, rss_mb(), before);
	printf("    identities %u, rulesets %u, classes %u\n", stats.identities, stats.rulesets,
	       stats.classes);
	time_pods(&k);
	time_policies(&k);
	time_labels(&k);
	time_judging(&k);
	weir_compiler_free(&k.compiler);
	free(k.o.namespaces);
	free(k.o.pods);
	free(k.o.policies);
	bag_empty(&k.bag);
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
