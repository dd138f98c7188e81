/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Pod v1: labels, addresses, named ports, node, workload. Other fields are the
 * cluster's business and are not looked at.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "policy/decode/addrs.h"
#include "policy/decode/fields.h"
#include "weir/cleanup.h"
#include "weir/object.h"

#define HASH_LABEL	  "pod-template-hash"
#define MIRROR_ANNOTATION "kubernetes.io/config.mirror"

/* What is not in the pod itself until its workload is made. */
struct pod_parts {
	struct weir_pod pod;
	const char *kind, *workload;
	struct weir_named_port *ports;
	uint16_t n_ports;
};

/* --- named ports ------------------------------------------------------------ */

static int compare_ports(const void *a, const void *b)
{
	const struct weir_named_port *x = a, *y = b;
	int r = strcmp(x->name, y->name);

	return r ? r : x->protocol - y->protocol;
}

static int add_port(struct weir_decoder *d, const struct weir_path *path, const cJSON *json,
		    struct pod_parts *parts)
{
	struct weir_path at_port = weir_path_key(path, "containerPort");
	const cJSON *number = weir_field(json, "containerPort");
	struct weir_named_port port = { 0 }, *grown;
	const char *name = NULL;
	int r = weir_field_text(d, path, json, "name", &name);

	if (r < 0 || !name)
		return r;
	if (!number)
		return weir_field_error(d, &at_port, "is missing");
	r = weir_field_port(d, &at_port, number, &port.port);
	if (r == 0)
		r = weir_field_protocol(d, path, json, &port.protocol);
	if (r < 0)
		return r;
	if (parts->n_ports == UINT16_MAX)
		return weir_field_error(d, path, "more than %d named ports", UINT16_MAX);
	grown = realloc(parts->ports, (parts->n_ports + 1u) * sizeof(*grown));
	if (!grown)
		return weir_error_errno(d->err, ENOMEM, "%s", path->text);
	parts->ports = grown;
	r = weir_field_string(d, name, &port.name);
	if (r == 0)
		parts->ports[parts->n_ports++] = port;
	return r;
}

static int add_container(struct weir_decoder *d, const struct weir_path *path,
			 const cJSON *container, struct pod_parts *parts)
{
	struct weir_path at_ports = weir_path_key(path, "ports");
	const cJSON *ports = NULL, *port;
	unsigned i = 0;
	int r = weir_field_array(d, path, container, "ports", &ports);

	if (r < 0)
		return r;
	cJSON_ArrayForEach (port, ports) {
		struct weir_path at = weir_path_index(&at_ports, i++);

		r = add_port(d, &at, port, parts);
		if (r < 0)
			return r;
	}
	return 0;
}

/* Init containers that go on running (restartPolicy: Always) are sidecars;
 * others have ended before the pod serves anything. */
static bool has_ports(const cJSON *container, bool init)
{
	const char *restart = cJSON_GetStringValue(weir_field(container, "restartPolicy"));

	return !init || (restart && strcmp(restart, "Always") == 0);
}

static int add_containers(struct weir_decoder *d, const struct weir_path *path, const cJSON *spec,
			  const char *key, bool init, struct pod_parts *parts)
{
	struct weir_path here = weir_path_key(path, key);
	const cJSON *list = NULL, *container;
	unsigned i = 0;
	int r = weir_field_array(d, path, spec, key, &list);

	if (r < 0)
		return r;
	cJSON_ArrayForEach (container, list) {
		struct weir_path at = weir_path_index(&here, i++);

		if (!has_ports(container, init))
			continue;
		r = add_container(d, &at, container, parts);
		if (r < 0)
			return r;
	}
	return 0;
}

/* --- workload ----------------------------------------------------------------- */

/* A ReplicaSet of a Deployment is called NAME-HASH, and its pods carry HASH. */
static size_t deployment_length(const char *replica_set, const cJSON *labels)
{
	const char *hash = cJSON_GetStringValue(weir_field(labels, HASH_LABEL));
	size_t name = strlen(replica_set), tail = hash ? strlen(hash) : 0;

	if (!tail || name < tail + 2 || replica_set[name - tail - 1] != '-' ||
	    strcmp(replica_set + name - tail, hash) != 0)
		return 0;
	return name - tail - 1;
}

static int set_workload(struct weir_decoder *d, const char *kind, const char *name, size_t len,
			struct pod_parts *parts)
{
	parts->kind = weir_pool_string(d->pool, kind);
	parts->workload = weir_pool_string_n(d->pool, name, len);
	return parts->kind && parts->workload ? 0 : weir_error_errno(d->err, ENOMEM, "%s", kind);
}

static int decode_workload(struct weir_decoder *d, const cJSON *metadata, struct pod_parts *parts)
{
	const cJSON *owner, *owners = weir_field(metadata, "ownerReferences");

	cJSON_ArrayForEach (owner, owners) {
		const char *kind = cJSON_GetStringValue(weir_field(owner, "kind"));
		const char *name = cJSON_GetStringValue(weir_field(owner, "name"));
		size_t len;

		if (!cJSON_IsTrue(weir_field(owner, "controller")) || !kind || !name)
			continue;
		len = strcmp(kind, "ReplicaSet") == 0
			      ? deployment_length(name, weir_field(metadata, "labels"))
			      : 0;
		if (len)
			return set_workload(d, "Deployment", name, len, parts);
		return set_workload(d, kind, name, strlen(name), parts);
	}
	return 0;
}

/* --- which one, and since when -------------------------------------------------- */

/* The API server gives the mirror of a static pod a uid of its own; kubelet
 * tells CNI the static pod's, which it notes in the annotation. */
static int decode_uid(struct weir_decoder *d, const struct weir_path *path, const cJSON *metadata,
		      struct weir_pod *pod)
{
	struct weir_path at = weir_path_key(path, "annotations");
	const cJSON *annotations = NULL;
	const char *uid = NULL, *mirror = NULL;
	int r = weir_field_text(d, path, metadata, "uid", &uid);

	if (r == 0)
		r = weir_field_object(d, path, metadata, "annotations", &annotations);
	if (r == 0)
		r = weir_field_text(d, &at, annotations, MIRROR_ANNOTATION, &mirror);
	if (r == 0)
		pod->uid = weir_uid_parse(mirror && *mirror ? mirror : uid);
	return r;
}

/* RFC 3339 in UTC, as API servers write it: its digits are a number that grows
 * with time. 0 for anything else. */
static uint64_t digits_of(const char *time)
{
	static const char form[] = "dddd-dd-ddTdd:dd:ddZ";
	uint64_t n = 0;

	if (!time || strlen(time) != strlen(form))
		return 0;
	for (size_t i = 0; form[i]; i++) {
		bool digit = time[i] >= '0' && time[i] <= '9';

		if (form[i] == 'd' ? !digit : time[i] != form[i])
			return 0;
		if (digit)
			n = n * 10 + (uint64_t)(time[i] - '0');
	}
	return n;
}

static int decode_life(struct weir_decoder *d, const struct weir_path *path, const cJSON *metadata,
		       struct weir_pod *pod)
{
	const char *created = NULL;
	int r = weir_field_text(d, path, metadata, "creationTimestamp", &created);

	pod->created = digits_of(created) & ((1ull << 48) - 1);
	pod->terminating = weir_field(metadata, "deletionTimestamp") != NULL;
	return r;
}

/* --- the pod -------------------------------------------------------------------- */

static int decode_addrs(struct weir_decoder *d, const struct weir_path *path, const cJSON *status,
			struct weir_pod *pod)
{
	struct weir_path at = weir_path_key(path, "podIP");
	struct weir_addr_list list = { 0 };
	const char *ip = NULL;
	uint16_t n = 0;
	int r = weir_addr_list_add_array(d, path, status, "podIPs", "ip", &list);

	if (r == 0)
		r = weir_field_text(d, path, status, "podIP", &ip);
	if (r == 0)
		r = weir_addr_list_add(d, &at, ip, &list);
	if (r == 0 && list.n > WEIR_POD_ADDRS_MAX)
		r = weir_field_error(d, path, "more than %d addresses", WEIR_POD_ADDRS_MAX);
	pod->addrs = weir_addr_list_take(&list, &n);
	pod->n_addrs = n & 15;
	return r;
}

static int decode_status(struct weir_decoder *d, const cJSON *json, struct weir_pod *pod)
{
	struct weir_path root = weir_path_root(), path = weir_path_key(&root, "status");
	const cJSON *status = NULL;
	const char *phase = NULL;
	int r = weir_field_object(d, &root, json, "status", &status);

	if (r == 0)
		r = weir_field_text(d, &path, status, "phase", &phase);
	if (r < 0)
		return r;
	pod->finished = phase && (strcmp(phase, "Succeeded") == 0 || strcmp(phase, "Failed") == 0);
	return decode_addrs(d, &path, status, pod);
}

static int decode_spec(struct weir_decoder *d, const cJSON *json, struct pod_parts *parts)
{
	struct weir_path root = weir_path_root(), path = weir_path_key(&root, "spec");
	const cJSON *spec = NULL;
	const char *node = NULL;
	int r = weir_field_object(d, &root, json, "spec", &spec);

	if (r == 0)
		r = weir_field_text(d, &path, spec, "nodeName", &node);
	if (r == 0 && node && *node)
		r = weir_field_string(d, node, &parts->pod.node);
	if (r < 0)
		return r;
	parts->pod.host_network = cJSON_IsTrue(weir_field(spec, "hostNetwork"));
	r = add_containers(d, &path, spec, "containers", false, parts);
	if (r == 0)
		r = add_containers(d, &path, spec, "initContainers", true, parts);
	if (r == 0 && parts->n_ports)
		qsort(parts->ports, parts->n_ports, sizeof(*parts->ports), compare_ports);
	return r;
}

static int decode_pod(struct weir_decoder *d, const cJSON *json, struct pod_parts *parts)
{
	struct weir_pod *pod = &parts->pod;
	struct weir_path root = weir_path_root(), meta = weir_path_key(&root, "metadata");
	const cJSON *metadata = weir_field(json, "metadata");
	int r = weir_field_name(d, json, &pod->namespace_, &pod->name);

	if (r == 0)
		r = weir_field_labels(d, &meta, metadata, "labels", NULL, &pod->labels);
	if (r == 0)
		r = decode_uid(d, &meta, metadata, pod);
	if (r == 0)
		r = decode_life(d, &meta, metadata, pod);
	if (r == 0)
		r = decode_workload(d, metadata, parts);
	if (r == 0)
		r = decode_spec(d, json, parts);
	if (r == 0)
		r = decode_status(d, json, pod);
	return r;
}

/* The words of a pod that may be half decoded. */
static void put_words(struct weir_pool *pool, const struct weir_pod *p)
{
	weir_pool_put_string(pool, p->namespace_);
	weir_pool_put_string(pool, p->name);
	weir_pool_put_string(pool, p->node);
	weir_pool_put_labels(pool, p->labels);
	weir_workload_put(pool, p->workload);
}

static void put_parts(struct weir_pool *pool, const struct pod_parts *parts)
{
	for (unsigned i = 0; i < parts->n_ports; i++)
		weir_pool_put_string(pool, parts->ports[i].name);
	weir_pool_put_string(pool, parts->kind);
	weir_pool_put_string(pool, parts->workload);
}

/* The workload has the words of the parts from here on. */
static int finish(struct weir_pool *pool, struct pod_parts *parts, struct weir_pod **ret)
{
	int r = weir_workload_get(pool, parts->kind, parts->workload, parts->ports, parts->n_ports,
				  &parts->pod.workload);

	if (r < 0)
		return r;
	parts->kind = parts->workload = NULL;
	parts->n_ports = 0;
	return weir_pod_pack(&parts->pod, ret);
}

int weir_pod_decode(struct weir_pool *pool, const cJSON *json, struct weir_pod **ret,
		    struct weir_error *err)
{
	struct weir_decoder d = { .pool = pool, .err = err };
	struct pod_parts parts = { 0 };
	int r = decode_pod(&d, json, &parts);

	if (r == 0 && finish(pool, &parts, ret) < 0)
		r = weir_error_errno(err, ENOMEM, "Pod");
	if (r < 0) {
		put_parts(pool, &parts);
		put_words(pool, &parts.pod);
	}
	free(parts.ports);
	free(parts.pod.addrs);
	return r;
}

void weir_pod_free(struct weir_pool *pool, struct weir_pod **pod)
{
	if (!*pod)
		return;
	put_words(pool, *pod);
	free(weir_take(*pod));
}

/* --- made of parts ---------------------------------------------------------------- */

static int name(struct weir_pool *pool, const char *namespace_, const char *name,
		struct weir_pod *pod)
{
	pod->namespace_ = weir_pool_string(pool, namespace_);
	pod->name = weir_pool_string(pool, name);
	return pod->namespace_ && pod->name ? 0 : -ENOMEM;
}

static int copy_manifest(struct weir_pool *pool, const struct weir_pod *like, struct weir_pod *pod)
{
	if (!like) {
		pod->labels = weir_pool_labels(pool, NULL, 0);
		return pod->labels ? 0 : -ENOMEM;
	}
	pod->node = weir_string_ref(like->node);
	pod->labels = weir_labels_ref(like->labels);
	pod->workload = weir_block_ref(like->workload);
	pod->uid = like->uid;
	pod->created = like->created;
	pod->terminating = like->terminating;
	pod->host_network = like->host_network;
	pod->finished = like->finished;
	return 0;
}

int weir_pod_make(struct weir_pool *pool, const char *namespace_, const char *pod_name,
		  const struct weir_pod *like, const struct weir_addr *addrs, size_t n_addrs,
		  bool local, struct weir_pod **ret)
{
	struct weir_pod loose = { .local = local };
	int r;

	if (n_addrs > WEIR_POD_ADDRS_MAX)
		return -E2BIG;
	loose.addrs = (struct weir_addr *)(uintptr_t)addrs;
	loose.n_addrs = n_addrs & 15;
	r = name(pool, namespace_, pod_name, &loose);
	if (r == 0)
		r = copy_manifest(pool, like, &loose);
	if (r == 0)
		r = weir_pod_pack(&loose, ret);
	if (r < 0)
		put_words(pool, &loose);
	return r;
}
