/* SPDX-License-Identifier: Apache-2.0 */
/* Who talked to whom: workloads with the labels their pods share, and edges. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/propose/propose.h"
#include "weir/cleanup.h"

/* Labels that the next pod of the workload will have with another value. */
static const char *const passing[] = {
	"apps.kubernetes.io/pod-index",
	"batch.kubernetes.io/controller-uid",
	"batch.kubernetes.io/job-completion-index",
	"batch.kubernetes.io/job-name",
	"controller-revision-hash",
	"controller-uid",
	"job-name",
	"pod-template-generation",
	"pod-template-hash",
	"statefulset.kubernetes.io/pod-name",
};

static bool is_passing(const char *key)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(passing); i++) {
		if (strcmp(key, passing[i]) == 0)
			return true;
	}
	return false;
}

static int by_key(const void *a, const void *b)
{
	return strcmp((*(cJSON *const *)a)->string, (*(cJSON *const *)b)->string);
}

/* Those that last, by key: equal sets of labels become equal texts. */
static cJSON *lasting(const cJSON *labels)
{
	size_t n = (size_t)cJSON_GetArraySize(labels), kept = 0;
	WEIR_AUTO_FREE cJSON **sorted = calloc(n + 1, sizeof(cJSON *));
	cJSON *ret = cJSON_CreateObject();
	const cJSON *label;

	cJSON_ArrayForEach (label, labels) {
		if (sorted && cJSON_IsString(label) && !is_passing(label->string))
			sorted[kept++] = (cJSON *)label;
	}
	if (kept)
		qsort(sorted, kept, sizeof(cJSON *), by_key);
	for (size_t i = 0; i < kept; i++)
		cJSON_AddStringToObject(ret, sorted[i]->string, sorted[i]->valuestring);
	return ret;
}

static void keep_common(cJSON *labels, const cJSON *others)
{
	cJSON *label = labels->child, *next;

	for (; label; label = next) {
		const cJSON *other = weirctl_member(others, label->string);

		next = label->next;
		if (!other || strcmp(other->valuestring, label->valuestring) != 0)
			cJSON_Delete(cJSON_DetachItemViaPointer(labels, label));
	}
}

/* --- workloads ----------------------------------------------------------------------- */

/* "namespace/kind/name"; no part has a slash. */
static int split(struct propose_workload *w)
{
	w->key_parts = strdup(w->key);
	if (!w->key_parts)
		return -ENOMEM;
	w->namespace_ = w->key_parts;
	w->kind = strchr(w->key_parts, '/') + 1;
	w->name = strchr(w->kind, '/') + 1;
	w->key_parts[w->kind - w->key_parts - 1] = 0;
	w->key_parts[w->name - w->key_parts - 1] = 0;
	return 0;
}

static void free_workload(struct propose_workload *w)
{
	struct propose_pod *pod, *next;

	HASH_ITER (hh, w->pods, pod, next) {
		HASH_DEL(w->pods, pod);
		cJSON_Delete(pod->labels);
		free(pod);
	}
	free(w->key);
	free(w->key_parts);
	free(w->selector);
	cJSON_Delete(w->labels);
	free(w);
}

static struct propose_workload *make_workload(struct propose *p, const char *key, const cJSON *peer)
{
	struct propose_workload *w = calloc(1, sizeof(*w));

	if (!w)
		return NULL;
	w->key = strdup(key);
	w->self = strcmp(weirctl_text(peer, "namespace"), p->namespace_) == 0;
	if (!w->key || split(w) < 0) {
		free_workload(w);
		return NULL;
	}
	HASH_ADD_KEYPTR(hh, p->workloads, w->key, strlen(w->key), w);
	return w;
}

/* Records come oldest first: the labels of the last one count. */
static int note_pod(struct propose_workload *w, const cJSON *peer)
{
	const char *name = weirctl_text(peer, "pod");
	struct propose_pod *pod;

	HASH_FIND_STR(w->pods, name, pod);
	if (!pod) {
		pod = calloc(1, sizeof(*pod) + strlen(name) + 1);
		if (!pod)
			return -ENOMEM;
		strcpy(pod->name, name);
		HASH_ADD_STR(w->pods, name, pod);
	}
	cJSON_Delete(pod->labels);
	pod->labels = lasting(weirctl_member(peer, "labels"));
	return pod->labels ? 0 : -ENOMEM;
}

/* Words of a file that anybody may have written go into comments, where a new line
 * would end them. */
static void tame(char *word)
{
	for (; *word; word++) {
		if ((unsigned char)*word < ' ' || *word == 0x7f)
			*word = '?';
	}
}

/* -ENOMEM; *ret NULL: the end is no pod. */
static int workload_of(struct propose *p, const cJSON *peer, struct propose_workload **ret)
{
	const char *name = weirctl_text(peer, "workload"),
		   *kind = weirctl_text(peer, "workloadKind");
	char key[800];

	*ret = NULL;
	if (!*weirctl_text(peer, "pod"))
		return 0;
	snprintf(key, sizeof(key), "%s/%s/%s", weirctl_text(peer, "namespace"),
		 *name ? kind : "Pod", *name ? name : weirctl_text(peer, "pod"));
	tame(key);
	HASH_FIND_STR(p->workloads, key, *ret);
	if (!*ret)
		*ret = make_workload(p, key, peer);
	return *ret ? note_pod(*ret, peer) : -ENOMEM;
}

/* --- edges ------------------------------------------------------------------------------ */

static struct propose_edge *edge_of(struct propose *p, const struct propose_edge *like)
{
	struct propose_edge *e;
	char key[2000];

	snprintf(key, sizeof(key), "%s %s %s %s %05u %d%d", like->own->key, like->direction,
		 like->peer ? like->peer->key : like->addr, like->protocol, like->port,
		 like->denied, like->own_node);
	HASH_FIND_STR(p->edges, key, e);
	if (e)
		return e;
	e = malloc(sizeof(*e));
	if (!e)
		return NULL;
	*e = *like;
	e->key = strdup(key);
	if (!e->key) {
		free(e);
		return NULL;
	}
	HASH_ADD_KEYPTR(hh, p->edges, e->key, strlen(e->key), e);
	return e;
}

static int add_edge(struct propose *p, const cJSON *record, struct propose_workload *own,
		    struct propose_workload *peer, bool ingress, double connections)
{
	const cJSON *other = weirctl_member(record, ingress ? "src" : "dst");
	double time = weirctl_number(record, "time"), start = weirctl_number(record, "start");
	const char *reason = weirctl_text(weirctl_member(record, "ingress"), "reason");
	struct propose_edge like = { .own = own,
				     .peer = peer,
				     .direction = ingress ? "ingress" : "egress",
				     .denied = weirctl_denied(record),
				     .own_node = ingress && !strcmp(reason, "own-node") },
			    *e;
	struct weir_addr addr;

	if (!own || !own->self ||
	    (!peer && weir_addr_parse(weirctl_text(other, "addr"), &addr) < 0))
		return 0;
	if (!peer)
		weir_addr_format(&addr, like.addr);
	snprintf(like.protocol, sizeof(like.protocol), "%s", weirctl_text(record, "protocol"));
	tame(like.protocol);
	like.port = (unsigned)weirctl_number(weirctl_member(record, "dst"), "port");
	e = edge_of(p, &like);
	if (!e)
		return -ENOMEM;
	start = start > 0 ? start : time;
	if (e->connections <= 0 || start < e->first)
		e->first = start;
	if (time > e->last)
		e->last = time;
	e->connections += connections;
	return 0;
}

int propose_take(struct propose *p, const cJSON *record, double connections)
{
	struct propose_workload *src, *dst;
	int r = workload_of(p, weirctl_member(record, "src"), &src);

	if (r == 0)
		r = workload_of(p, weirctl_member(record, "dst"), &dst);
	if (r == 0)
		r = add_edge(p, record, src, dst, false, connections);
	return r < 0 ? r : add_edge(p, record, dst, src, true, connections);
}

static int compare_workloads(struct propose_workload *a, struct propose_workload *b)
{
	return strcmp(a->key, b->key);
}

static int compare_edges(struct propose_edge *a, struct propose_edge *b)
{
	return strcmp(a->key, b->key);
}

int propose_settle(struct propose *p)
{
	for (struct propose_workload *w = p->workloads; w; w = w->hh.next) {
		w->labels = cJSON_Duplicate(w->pods->labels, true);
		for (const struct propose_pod *pod = w->pods->hh.next; w->labels && pod;
		     pod = pod->hh.next)
			keep_common(w->labels, pod->labels);
		w->selector = cJSON_PrintUnformatted(w->labels);
		if (!w->selector)
			return -ENOMEM;
	}
	HASH_SORT(p->workloads, compare_workloads);
	HASH_SORT(p->edges, compare_edges);
	return 0;
}

void propose_clear(struct propose *p)
{
	struct propose_workload *w, *next;
	struct propose_edge *e, *after;

	HASH_ITER (hh, p->edges, e, after) {
		HASH_DEL(p->edges, e);
		free(e->key);
		free(e);
	}
	HASH_ITER (hh, p->workloads, w, next) {
		HASH_DEL(p->workloads, w);
		free_workload(w);
	}
}
