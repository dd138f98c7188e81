/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What weird consists of, in the order in which it is opened: what an earlier
 * weird left is read first, then the source; only then the kernel is changed,
 * and only then somebody is answered. Called by main.c.
 */
#include "daemon/parts.h"

#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "daemon/chain/chain.h"
#include "daemon/cluster/cluster.h"
#include "daemon/cni/cni.h"
#include "daemon/cni/forget.h"
#include "daemon/cni/local.h"
#include "daemon/dns/dns.h"
#include "daemon/flow/rejudge.h"
#include "daemon/http/http.h"
#include "daemon/kube/kube.h"
#include "daemon/node/addrs.h"
#include "daemon/node/linkwatch.h"
#include "daemon/query/query.h"
#include "daemon/reconcile/reconcile.h"
#include "daemon/report/report.h"
#include "daemon/simulate/simulate.h"
#include "daemon/source/source.h"
#include "daemon/weird.h"
#include "weir/cleanup.h"
#include "weir/log.h"

#define PATH_SIZE 4096

/* --- this boot, our folders ----------------------------------------------------- */

static int open_boot(struct weird *d, struct weir_error *err)
{
	const char *path = "/proc/sys/kernel/random/boot_id";
	WEIR_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	ssize_t n = fd < 0 ? -1 : read(fd, d->boot, sizeof(d->boot) - 1);

	if (n <= 0)
		return weir_error_errno(err, errno, "%s", path);
	d->boot[strcspn(d->boot, "\n")] = 0;
	d->started = time(NULL);
	return 0;
}

static int make_folder(const char *path, struct weir_error *err)
{
	if (mkdir(path, 0700) == 0 || errno == EEXIST)
		return 0;
	return weir_error_errno(err, errno, "%s", path);
}

static int open_folders(struct weird *d, struct weir_error *err)
{
	int r = make_folder(d->config->state_dir, err);

	return r < 0 ? r : make_folder(d->config->run_dir, err);
}

/* --- the world ------------------------------------------------------------------- */

static int open_world(struct weird *d, struct weir_error *err)
{
	struct weir_world *w = &d->world;

	pthread_mutex_init(&w->lock, NULL);
	w->node = d->config->node;
	/* an API server knows all pods of the node; a folder of manifests need not */
	d->isolate_unknown = !*d->config->files.path;
	if (weir_pool_new(&w->pool) < 0 || weir_compiler_new(&w->compiler) < 0 ||
	    weir_cluster_new(w->pool, w->compiler, &w->cluster) < 0 ||
	    weir_cluster_set_node_name(w->cluster, w->node) < 0)
		return weir_error_errno(err, ENOMEM, "world");
	return 0;
}

static void close_world(struct weird *d)
{
	struct weir_world *w = &d->world;

	weir_compiler_free(&w->compiler);
	weir_cluster_free(&w->cluster);
	weir_pool_free(&w->pool);
	free(weir_take(w->node_addrs));
	free(weir_take(w->guards));
	free(weir_take(w->interfaces));
	free(weir_take(w->tunnels));
	pthread_mutex_destroy(&w->lock);
}

/* Before there is a reconciler nobody needs to be told. */
static void on_node_addrs(void *data)
{
	weir_reconcile_kick(((struct weird *)data)->reconcile);
}

static int open_node_addrs(struct weird *d, struct weir_error *err)
{
	return weir_node_addrs_start(d->loop, &d->world, on_node_addrs, d, &d->node_addrs, err);
}

static void close_node_addrs(struct weird *d)
{
	weir_node_addrs_stop(&d->node_addrs);
}

/* --- endpoints -------------------------------------------------------------------- */

static void note_endpoint(void *data, const char *text)
{
	weir_log(WEIR_LOG_WARNING, "endpoint file set aside", "error", text, NULL);
}

static int open_endpoints(struct weird *d, struct weir_error *err)
{
	char dir[PATH_SIZE];
	int r;

	snprintf(dir, sizeof(dir), "%s/endpoints", d->config->run_dir);
	r = weir_endpoints_open(dir, &d->endpoints, note_endpoint, NULL, err);
	if (r < 0)
		return r;
	weir_cni_drop_dead(d, NULL);
	for (struct weir_endpoint *ep = weir_endpoints_first(d->endpoints); r == 0 && ep;
	     ep = ep->next) {
		if (ep->namespace_ && ep->pod)
			r = weir_cni_update_local(d, ep->namespace_, ep->pod, ep->uid, err);
	}
	return r;
}

static void close_endpoints(struct weird *d)
{
	weir_endpoints_close(&d->endpoints);
}

/* --- the API server ------------------------------------------------------------------ */

static int open_kube(struct weird *d, struct weir_error *err)
{
	return *d->config->files.path
		       ? 0
		       : weir_kube_open(d->loop, d->config->kubernetes.kubeconfig, &d->kube, err);
}

static void close_kube(struct weird *d)
{
	weir_kube_close(&d->kube);
}

/* --- backend, source, reconciler ---------------------------------------------------- */

static struct weir_backend_config backend_config(const struct weird *d)
{
	return (struct weir_backend_config){
		.name = "weird",
		.nflog_group = (uint16_t)d->config->nflog_group,
		.answer_group = (uint16_t)d->config->dns.nflog_group,
	};
}

static int open_backend(struct weird *d, struct weir_error *err)
{
	struct weir_backend_config config = backend_config(d);
	int r = weir_backend_open(&config, d->config->backend, &d->backend, &d->backend_note, err);

	if (r < 0)
		return r;
	weir_log(WEIR_LOG_INFO, "backend", "name", weir_backend_name(d->backend), "why",
		 d->backend_note.text[0] ? d->backend_note.text : NULL, NULL);
	return 0;
}

static void close_backend(struct weird *d)
{
	weir_backend_close(&d->backend);
}

static int open_rejudge(struct weird *d, struct weir_error *err)
{
	if (d->config->connections == WEIR_CONNECTIONS_KEEP)
		return 0;
	return weir_rejudge_new(d, &d->rejudge, err);
}

static void close_rejudge(struct weird *d)
{
	weir_rejudge_free(&d->rejudge);
}

static int open_reconcile(struct weird *d, struct weir_error *err)
{
	int r = weir_reconcile_new(d, &d->reconcile);

	return r < 0 ? weir_error_errno(err, -r, "out of memory") : 0;
}

static void close_reconcile(struct weird *d)
{
	weir_reconcile_free(&d->reconcile);
}

static int open_dns(struct weird *d, struct weir_error *err)
{
	return weir_dns_start(d, &d->dns, err);
}

static void close_dns(struct weird *d)
{
	weir_dns_stop(&d->dns);
}

static void on_link(void *data, const struct weir_link *link, bool gone)
{
	weir_reconcile_heard(((struct weird *)data)->reconcile, link, gone);
}

static int open_link_watch(struct weird *d, struct weir_error *err)
{
	return d->config->anti_spoofing
		       ? weir_link_watch_start(d->loop, on_link, d, &d->link_watch, err)
		       : 0;
}

static void close_link_watch(struct weird *d)
{
	weir_link_watch_stop(&d->link_watch);
}

static int open_source(struct weird *d, struct weir_error *err)
{
	return d->kube ? weir_source_kubernetes_open(d, &d->source, err)
		       : weir_source_files_open(d, d->config->files.path, &d->source, err);
}

static void close_source(struct weird *d)
{
	if (d->source)
		d->source->ops->close(weir_take(d->source));
}

/* A failure is logged and retried; it is no reason not to answer. */
static int first_run(struct weird *d, struct weir_error *err)
{
	weir_reconcile_now(d->reconcile, NULL);
	malloc_trim(0); /* decoding 30,000 manifests takes much more than keeping them */
	return 0;
}

/* --- what weird tells others --------------------------------------------------------- */

static int open_report(struct weird *d, struct weir_error *err)
{
	return weir_report_start(d, &d->report, err);
}

static void close_report(struct weird *d)
{
	weir_report_stop(&d->report);
}

/* --- what others talk to ------------------------------------------------------------- */

static int open_flows(struct weird *d, struct weir_error *err)
{
	struct weir_error why = { "" };

	if (weird_flows_open(d, &why) < 0) {
		weird_flows_close(d);
		weir_log(WEIR_LOG_ERROR,
			 "no flow records until this is repaired and weird restarted", "error",
			 why.text, NULL);
	}
	return 0;
}

static int open_rpc(struct weird *d, struct weir_error *err)
{
	static const struct weir_rpc_method *const methods[] = { weir_cni_methods,
								 weir_query_methods, NULL };

	return weir_rpc_server_start(d->loop, d->config->rpc, methods, d, &d->rpc, err);
}

static void close_rpc(struct weird *d)
{
	weir_simulation_stop(d);
	weir_rpc_server_stop(&d->rpc);
}

/* A port that is taken must not keep pods from being protected. */
static int open_http(struct weird *d, struct weir_error *err)
{
	struct weir_error why;

	if (*d->config->metrics && weir_http_start(d, d->config->metrics, &d->http, &why) < 0)
		weir_log(WEIR_LOG_ERROR, "no metrics", "error", why.text, NULL);
	return 0;
}

static void close_http(struct weird *d)
{
	weir_http_stop(&d->http);
}

/* Last: from now on pods may come through us. */
static int open_keeper(struct weird *d, struct weir_error *err)
{
	return weir_keeper_start(d, &d->keeper, err);
}

static void close_keeper(struct weird *d)
{
	weir_keeper_stop(&d->keeper);
}

/* --- all of it ------------------------------------------------------------------------ */

static const struct {
	const char *name;
	int (*open)(struct weird *d, struct weir_error *err);
	void (*close)(struct weird *d);
} parts[] = {
	{ "boot", open_boot, NULL },
	{ "folders", open_folders, NULL },
	{ "world", open_world, close_world },
	{ "node addresses", open_node_addrs, close_node_addrs },
	{ "endpoints", open_endpoints, close_endpoints },
	{ "API server", open_kube, close_kube },
	{ "backend", open_backend, close_backend },
	{ "rejudge", open_rejudge, close_rejudge },
	{ "reconciler", open_reconcile, close_reconcile },
	{ "names", open_dns, close_dns },
	{ "links", open_link_watch, close_link_watch },
	{ "source", open_source, close_source },
	{ "first run", first_run, NULL },
	{ "report", open_report, close_report },
	{ "flows", open_flows, weird_flows_close },
	{ "rpc", open_rpc, close_rpc },
	{ "http", open_http, close_http },
	{ "chain", open_keeper, close_keeper },
};

static void close_from(struct weird *d, size_t n)
{
	while (n-- > 0) {
		if (parts[n].close)
			parts[n].close(d);
	}
}

int weird_open(struct weird *d, struct weir_error *err)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(parts); i++) {
		int r = parts[i].open(d, err);

		if (r < 0) {
			close_from(d, i + 1);
			return weir_error_prefix(err, r, "%s", parts[i].name);
		}
	}
	return 0;
}

void weird_close(struct weird *d)
{
	close_from(d, WEIR_ARRAY_SIZE(parts));
}
