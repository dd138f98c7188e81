/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a pod of another node costs: bytes of heap for each of 30,000 more,
 * by part, and what that is in resident memory. Ten replicas a Deployment, as
 * an API server tells of them; one policy selects pods of this node. And the
 * same for policies that select no pod of this node.
 *
 *     bench/pod_memory [HOW MANY]
 */
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/cluster/cluster.h"
#include "weir/cleanup.h"

enum { PODS = 30000, REPLICAS = 10, AIM = 300 };

static struct weir_pool *pool;
static struct weir_compiler *compiler;
static struct weir_cluster *cluster;

static void die(const char *what, const struct weir_error *err)
{
	fprintf(stderr, "pod_memory: %s: %s\n", what, err ? err->text : "");
	exit(1);
}

static size_t heap(void)
{
	struct mallinfo2 info = mallinfo2();

	return info.uordblks + info.hblkhd;
}

static size_t resident(void)
{
	unsigned long total, pages = 0;
	FILE *f = fopen("/proc/self/statm", "re");

	if (f && fscanf(f, "%lu %lu", &total, &pages) != 2)
		pages = 0;
	if (f)
		fclose(f);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static struct weir_pod *make(unsigned n)
{
	unsigned app = n / REPLICAS;
	char text[1024];
	struct weir_error err;
	struct weir_pod *pod;
	cJSON *json;

	snprintf(
		text, sizeof(text),
		"{\"metadata\":{\"name\":\"service-%u-%08x-%05x\",\"namespace\":\"team-%u\","
		"\"uid\":\"6ba7b810-9dad-11d1-80b4-%012x\","
		"\"creationTimestamp\":\"2026-01-02T03:04:05Z\","
		"\"labels\":{\"app\":\"service-%u\",\"pod-template-hash\":\"%08x\","
		"\"version\":\"v%u\"},"
		"\"ownerReferences\":[{\"kind\":\"ReplicaSet\",\"controller\":true,"
		"\"name\":\"service-%u-%08x\"}]},"
		"\"spec\":{\"nodeName\":\"node-%u\",\"containers\":[{\"ports\":[{\"name\":\"http\","
		"\"containerPort\":8080}]}]},"
		"\"status\":{\"phase\":\"Running\",\"podIPs\":[{\"ip\":\"10.%u.%u.%u\"}]}}",
		app, app * 2654435761u, n * 40503u & 0xfffff, app / 20, n, app, app * 2654435761u,
		app % 5, app, app * 2654435761u, n % 300, n >> 16, n >> 8 & 255, n & 255);
	json = cJSON_Parse(text);
	if (!json || weir_pod_decode(pool, json, &pod, &err) < 0)
		die("pod", json ? &err : NULL);
	cJSON_Delete(json);
	return pod;
}

static void commit(void)
{
	struct weir_changes *changes;
	struct weir_error err;

	if (weir_compiler_commit(compiler, &changes, &err) < 0)
		die("commit", &err);
	weir_changes_free(&changes);
	weir_cluster_reap(cluster);
}

/* One pod here, and a policy that names all those of one app. */
static void begin(void)
{
	static const char policy[] =
		"{\"apiVersion\":\"networking.k8s.io/"
		"v1\",\"kind\":\"NetworkPolicy\",\"metadata\":{\"name\":\"p\",\"namespace\":\"team-"
		"0\"},\"spec\":{\"podSelector\":"
		"{},"
		"\"ingress\":[{\"from\":[{\"podSelector\":{\"matchLabels\":{\"app\":"
		"\"service-1\"}}}]}]}}";
	const struct weir_uid uid = { { 0 } };
	struct weir_addr addr;
	struct weir_policy *p;
	struct weir_error err;
	cJSON *json = cJSON_Parse(policy);

	if (weir_pool_new(&pool) < 0 || weir_compiler_new(&compiler) < 0 ||
	    weir_cluster_new(pool, compiler, &cluster) < 0)
		die("out of memory", NULL);
	if (weir_networkpolicy_decode(pool, json, &p, &err) < 0)
		die("policy", &err);
	cJSON_Delete(json);
	weir_addr_parse("192.0.2.1", &addr);
	if (weir_cluster_set_policy(cluster, p) < 0 ||
	    weir_cluster_set_local(cluster, "team-0", "here", &uid, &addr, 1, false) < 0)
		die("out of memory", NULL);
	commit();
}

static struct weir_policy *make_policy(unsigned n)
{
	char text[1024];
	struct weir_policy *policy;
	struct weir_error err;
	cJSON *json;

	snprintf(text, sizeof(text),
		 "{\"apiVersion\":\"networking.k8s.io/v1\",\"kind\":\"NetworkPolicy\","
		 "\"metadata\":{\"name\":\"service-%u\",\"namespace\":\"team-%u\"},\"spec\":{"
		 "\"podSelector\":{\"matchLabels\":{\"app\":\"service-%u\"}},"
		 "\"policyTypes\":[\"Ingress\"],\"ingress\":[{\"from\":[{\"podSelector\":"
		 "{\"matchLabels\":{\"app\":\"service-%u\"}}}],"
		 "\"ports\":[{\"port\":8080,\"protocol\":\"TCP\"}]}]}}",
		 n % 4, 1 + n / 4, n % 4, (n + 1) % 4);
	json = cJSON_Parse(text);
	if (!json || weir_networkpolicy_decode(pool, json, &policy, &err) < 0)
		die("policy", json ? &err : NULL);
	cJSON_Delete(json);
	return policy;
}

static void row(const char *what, size_t bytes, unsigned n)
{
	printf("  %-46s %7.1f\n", what, (double)bytes / n);
}

static void measure_pods(unsigned n, struct weir_pod **pods)
{
	size_t start = heap(), rss = resident(), blocks = 0, names = 0, decoded, set;

	for (unsigned i = 0; i < n; i++) {
		pods[i] = make(i);
		blocks += malloc_usable_size(pods[i]) + sizeof(size_t);
		names += strlen(pods[i]->name);
	}
	decoded = heap();
	for (unsigned i = 0; i < n; i++) {
		if (weir_cluster_set_pod(cluster, pods[i]) < 0)
			die("out of memory", NULL);
	}
	set = heap();
	commit();
	malloc_trim(0);
	printf("bytes for each of %u pods of other nodes, %d replicas a Deployment:\n", n,
	       REPLICAS);
	row("the pod itself", blocks, n);
	row("its name, and a share of labels and their words", decoded - start - blocks, n);
	row("(letters of the name)", names, n);
	row("found by name, until it is compiled", set - decoded, n);
	row("together, once compiled", heap() - start, n);
	row("resident", resident() - rss, n);
	printf("  aim %d\n", AIM);
}

static void measure_policies(unsigned n, struct weir_policy **policies)
{
	size_t start = heap(), rss = resident(), blocks = 0;

	for (unsigned i = 0; i < n; i++) {
		policies[i] = make_policy(i);
		blocks += malloc_usable_size(policies[i]) + sizeof(size_t);
	}
	for (unsigned i = 0; i < n; i++) {
		if (weir_cluster_set_policy(cluster, policies[i]) < 0)
			die("out of memory", NULL);
	}
	commit();
	malloc_trim(0);
	printf("bytes for each of %u policies, 4 a namespace:\n", n);
	row("the policy itself", blocks, n);
	row("together, once compiled", heap() - start, n);
	row("resident", resident() - rss, n);
}

int main(int argc, char **argv)
{
	unsigned n = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : PODS;
	void *objects = calloc(n ?: 1, sizeof(void *));

	if (!objects || !n)
		die("usage: pod_memory [HOW MANY]", NULL);
	memset(objects, 1, n * sizeof(void *)); /* resident before we begin */
	begin();
	measure_pods(n, objects);
	measure_policies(n, objects);
	free(objects);
	weir_compiler_free(&compiler);
	weir_cluster_free(&cluster);
	weir_pool_free(&pool);
	return 0;
}
