/* SPDX-License-Identifier: Apache-2.0 */
/* From a plugin's request to the endpoint that it is about. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>

#include "daemon/cni/cni.h"
#include "daemon/cni/result.h"
#include "weir/cleanup.h"

const char *weir_cni_param(const cJSON *params, const char *key)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(params, key));

	return text ? text : "";
}

/* The value of KEY in "IgnoreUnknown=1;KEY=value;...", NULL when absent. */
static char *cni_arg(const char *args, const char *key)
{
	size_t len = strlen(key);

	while (*args) {
		size_t item = strcspn(args, ";");

		if (item > len && strncmp(args, key, len) == 0 && args[len] == '=')
			return item > len + 1 ? strndup(args + len + 1, item - len - 1) : NULL;
		args += item;
		args += *args == ';';
	}
	return NULL;
}

/* Without both names it is not a pod of Kubernetes (podman gives only the
 * name, ctr nothing), and no policy can select it. */
static void take_identity(const char *args, struct weir_endpoint *ep)
{
	ep->namespace_ = cni_arg(args, "K8S_POD_NAMESPACE");
	ep->pod = cni_arg(args, "K8S_POD_NAME");
	ep->uid = cni_arg(args, "K8S_POD_UID");
	if (ep->namespace_ && ep->pod)
		return;
	free(weir_take(ep->namespace_));
	free(weir_take(ep->pod));
	free(weir_take(ep->uid));
}

static int take_netns(const char *path, struct weir_endpoint *ep, struct weir_error *err)
{
	struct stat st;

	if (!*path)
		return weir_error_set(err, EINVAL, "CNI_NETNS is not set");
	if (stat(path, &st) < 0)
		return weir_error_errno(err, errno, "CNI_NETNS %s", path);
	ep->netns = strdup(path);
	ep->netns_dev = st.st_dev;
	ep->netns_ino = st.st_ino;
	return ep->netns ? 0 : weir_error_errno(err, ENOMEM, "%s", path);
}

static int take_key(const cJSON *params, struct weir_endpoint *ep, struct weir_error *err)
{
	const char *container = weir_cni_param(params, "containerId");
	const char *ifname = weir_cni_param(params, "ifname");

	if (!*container)
		return weir_error_set(err, EINVAL, "CNI_CONTAINERID is not set");
	if (!*ifname || strchr(ifname, '/'))
		return weir_error_set(err, EINVAL,
				      "CNI_IFNAME \"%.32s\" is not an interface's name", ifname);
	ep->container_id = strdup(container);
	ep->ifname = strdup(ifname);
	return ep->container_id && ep->ifname ? 0 : weir_error_errno(err, ENOMEM, "%s", container);
}

int weir_cni_endpoint(const cJSON *params, struct weir_endpoint **ret, enum weir_rpc_code *ret_code,
		      struct weir_error *err)
{
	const cJSON *config = cJSON_GetObjectItemCaseSensitive(params, "config");
	struct weir_endpoint *ep = calloc(1, sizeof(*ep));
	int r;

	*ret_code = WEIR_RPC_INVALID_ENVIRONMENT;
	if (!ep)
		return weir_error_errno(err, ENOMEM, "endpoint");
	r = take_key(params, ep, err);
	if (r == 0)
		r = take_netns(weir_cni_param(params, "netns"), ep, err);
	if (r == 0) {
		*ret_code = WEIR_RPC_DECODE_FAILURE;
		take_identity(weir_cni_param(params, "args"), ep);
		ep->network = strdup(weir_cni_param(config, "name"));
		ep->added = time(NULL);
		r = weir_cni_result_decode(cJSON_GetObjectItemCaseSensitive(config, "prevResult"),
					   ep, err);
	}
	if (r < 0) {
		weir_endpoint_free(&ep);
		return r;
	}
	*ret = ep;
	return 0;
}
