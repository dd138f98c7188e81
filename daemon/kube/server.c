/* SPDX-License-Identifier: Apache-2.0 */
/* One API server: its configuration, opened and closed. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/kube/internal.h"
#include "weir/cleanup.h"

/* The kubelet puts it there; a test may have it elsewhere. */
#define ACCOUNT_FOLDER "/var/run/secrets/kubernetes.io/serviceaccount"

static const char *account_folder(void)
{
	const char *folder = getenv("WEIR_SERVICE_ACCOUNT");

	return folder && *folder ? folder : ACCOUNT_FOLDER;
}

/* tls-server-name: the name in the server's certificate is not that of its
 * address. We ask for the name, and connect to the address. */
static int set_name(struct weir_kube *kube)
{
	const struct weir_kube_config *config = &kube->config;
	const char *host = strstr(config->server, "://") + 3;
	const char *rest = host + strcspn(host, "/"), *bracket = strchr(host, ']');
	const char *port = bracket && bracket < rest ? bracket + 1 : host;

	if (!config->tls_server_name) {
		kube->url = strdup(config->server);
		return kube->url ? 0 : -ENOMEM;
	}
	port += strcspn(port, ":/");
	if (asprintf(&kube->url, "%.*s%s%s", (int)(host - config->server), config->server,
		     config->tls_server_name, port) < 0) {
		kube->url = NULL;
		return -ENOMEM;
	}
	if (asprintf(&kube->redirect, "::%.*s:%.*s", (int)(port - host), host,
		     port < rest ? (int)(rest - port - 1) : 0, port + 1) < 0) {
		kube->redirect = NULL;
		return -ENOMEM;
	}
	kube->connect_to = curl_slist_append(NULL, kube->redirect);
	return kube->connect_to ? 0 : -ENOMEM;
}

int weir_kube_open(uv_loop_t *loop, const char *kubeconfig, struct weir_kube **ret,
		   struct weir_error *err)
{
	struct weir_kube_config config;
	struct weir_kube *kube;
	int r = *kubeconfig ? weir_kubeconfig_read(kubeconfig, &config, err)
			    : weir_kubeconfig_in_cluster(account_folder(), &config, err);

	if (r < 0)
		return r;
	kube = calloc(1, sizeof(*kube));
	if (!kube) {
		weir_kube_config_clear(&config);
		return weir_error_errno(err, ENOMEM, "API client");
	}
	kube->loop = loop;
	kube->heard_ms = weir_kube_now_ms();
	kube->config = config;
	curl_global_init(CURL_GLOBAL_DEFAULT);
	r = weir_multi_open(kube, err);
	if (r == 0 && set_name(kube) < 0)
		r = weir_error_errno(err, ENOMEM, "API client");
	if (r < 0) {
		weir_kube_close(&kube);
		return r;
	}
	*ret = kube;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	struct weir_kube *kube = handle->data;

	weir_connections_free(kube);
	weir_kube_config_clear(&kube->config);
	curl_slist_free_all(kube->connect_to);
	free(kube->redirect);
	free(kube->url);
	free(kube);
}

void weir_kube_close(struct weir_kube **k)
{
	struct weir_kube *kube = weir_take(*k);

	if (!kube)
		return;
	weir_transfer_drop_all(kube);
	weir_multi_close(kube, on_closed);
}

const char *weir_kube_url(const struct weir_kube *kube)
{
	return kube->config.server;
}
