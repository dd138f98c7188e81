/* SPDX-License-Identifier: Apache-2.0 */
/* prevResult: addresses and interfaces of the pod (CNI spec, "Result Types"). */
#include "daemon/cni/result.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>

static const char *text_of(const cJSON *object, const char *key)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));
}

static int list_of(const cJSON *result, const char *key, const cJSON **ret, struct weir_error *err)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(result, key);

	if (list && !cJSON_IsNull(list) && !cJSON_IsArray(list))
		return weir_error_set(err, EINVAL, "prevResult.%s is not a list", key);
	*ret = cJSON_IsArray(list) ? list : NULL;
	return 0;
}

/* In the container: its sandbox is not empty. */
static bool is_inside(const cJSON *interface)
{
	const char *sandbox = text_of(interface, "sandbox");

	return sandbox && *sandbox;
}

/* "10.0.0.1/24" */
static int add_addr(const char *text, unsigned index, struct weir_endpoint *ep,
		    struct weir_error *err)
{
	struct weir_prefix prefix;
	struct weir_addr addr;
	char host[WEIR_ADDR_STRLEN];
	size_t len = text ? strcspn(text, "/") : 0;

	if (!text || len >= sizeof(host) || weir_prefix_parse(text, false, &prefix) < 0)
		return weir_error_set(
			err, EINVAL,
			"prevResult.ips[%u].address: \"%.60s\" is not an address with "
			"its prefix length (want e.g. 10.0.0.5/24)",
			index, text ? text : "");
	memcpy(host, text, len);
	host[len] = 0;
	if (weir_addr_parse(host, &addr) < 0)
		return weir_error_set(err, EINVAL, "prevResult.ips[%u].address: \"%s\"", index,
				      host);
	for (size_t i = 0; i < ep->n_addrs; i++)
		if (weir_addr_compare(&ep->addrs[i], &addr) == 0)
			return 0;
	ep->addrs[ep->n_addrs++] = addr;
	return 0;
}

/* Whether ips[] entry ip belongs to the interface that ADD is about. */
static int is_ours(const cJSON *ip, unsigned index, const cJSON *interfaces,
		   const struct weir_endpoint *ep, bool *ret, struct weir_error *err)
{
	const cJSON *number = cJSON_GetObjectItemCaseSensitive(ip, "interface"), *interface;
	const char *name;

	*ret = true;
	if (!number || cJSON_IsNull(number))
		return 0;
	interface = cJSON_IsNumber(number) && number->valuedouble >= 0 &&
				    number->valuedouble < cJSON_GetArraySize(interfaces)
			    ? cJSON_GetArrayItem(interfaces, (int)number->valuedouble)
			    : NULL;
	if (!interface)
		return weir_error_set(err, EINVAL,
				      "prevResult.ips[%u].interface is not an index of "
				      "prevResult.interfaces",
				      index);
	name = text_of(interface, "name");
	*ret = is_inside(interface) && name && strcmp(name, ep->ifname) == 0;
	return 0;
}

static int take_addrs(const cJSON *ips, const cJSON *interfaces, struct weir_endpoint *ep,
		      struct weir_error *err)
{
	const cJSON *ip;
	unsigned index = 0;

	ep->addrs = calloc((size_t)cJSON_GetArraySize(ips) + 1, sizeof(*ep->addrs));
	if (!ep->addrs)
		return weir_error_errno(err, ENOMEM, "prevResult");
	cJSON_ArrayForEach (ip, ips) {
		bool ours;
		int r = is_ours(ip, index, interfaces, ep, &ours, err);

		if (r == 0 && ours)
			r = add_addr(text_of(ip, "address"), index, ep, err);
		if (r < 0)
			return r;
		index++;
	}
	return 0;
}

static int copy(const char *text, char **ret)
{
	if (!text || *ret)
		return 0;
	*ret = strdup(text);
	return *ret ? 0 : -ENOMEM;
}

/* bridge names three interfaces (bridge, host end, pod end), ptp two: the
 * host's end is the last one outside that is listed before the pod's. */
static int take_interfaces(const cJSON *interfaces, struct weir_endpoint *ep,
			   struct weir_error *err)
{
	const char *host = NULL;
	const cJSON *interface;

	cJSON_ArrayForEach (interface, interfaces) {
		const char *name = text_of(interface, "name");

		if (!is_inside(interface)) {
			host = name;
			continue;
		}
		if (!name || strcmp(name, ep->ifname) != 0)
			continue;
		if (copy(text_of(interface, "mac"), &ep->mac) < 0 ||
		    copy(host, &ep->host_ifname) < 0)
			return weir_error_errno(err, ENOMEM, "prevResult");
	}
	return 0;
}

int weir_cni_result_decode(const cJSON *result, struct weir_endpoint *ep, struct weir_error *err)
{
	const cJSON *interfaces, *ips;
	int r;

	if (!cJSON_IsObject(result))
		return weir_error_set(err, EINVAL, "prevResult is not an object");
	r = list_of(result, "interfaces", &interfaces, err);
	if (r == 0)
		r = list_of(result, "ips", &ips, err);
	if (r == 0)
		r = take_addrs(ips, interfaces, ep, err);
	if (r == 0)
		r = take_interfaces(interfaces, ep, err);
	return r;
}
