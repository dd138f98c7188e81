/* SPDX-License-Identifier: Apache-2.0 */
/* Service v1: the addresses and ports under which it is dialled. */
#include <errno.h>
#include <stdlib.h>

#include "policy/decode/addrs.h"
#include "policy/decode/fields.h"
#include "weir/object.h"

static int decode_addrs(struct weir_decoder *d, const cJSON *json, const cJSON *spec,
			struct weir_service *service)
{
	struct weir_path root = weir_path_root(), at_spec = weir_path_key(&root, "spec");
	struct weir_path at_status = weir_path_key(&root, "status");
	struct weir_path at_ip = weir_path_key(&at_spec, "clusterIP");
	const cJSON *balancer = weir_field(weir_field(json, "status"), "loadBalancer");
	struct weir_addr_list list = { 0 };
	const char *ip = NULL;
	int r = weir_addr_list_add_array(d, &at_spec, spec, "clusterIPs", NULL, &list);

	if (r == 0)
		r = weir_field_text(d, &at_spec, spec, "clusterIP", &ip);
	if (r == 0)
		r = weir_addr_list_add(d, &at_ip, ip, &list);
	if (r == 0)
		r = weir_addr_list_add_array(d, &at_spec, spec, "externalIPs", NULL, &list);
	if (r == 0)
		r = weir_addr_list_add_array(d, &at_status, balancer, "ingress", "ip", &list);
	service->addrs = weir_addr_list_take(&list, &service->n_addrs);
	return r;
}

static int decode_port(struct weir_decoder *d, const struct weir_path *path, const cJSON *json,
		       struct weir_service_port *port)
{
	struct weir_path at = weir_path_key(path, "port");
	const cJSON *number = weir_field(json, "port");
	const char *name = NULL;
	int r;

	if (!number)
		return weir_field_error(d, &at, "is missing");
	r = weir_field_port(d, &at, number, &port->port);
	if (r == 0)
		r = weir_field_protocol(d, path, json, &port->protocol);
	if (r == 0)
		r = weir_field_text(d, path, json, "name", &name);
	if (r == 0 && name)
		r = weir_field_string(d, name, &port->name);
	return r;
}

static int decode_ports(struct weir_decoder *d, const cJSON *spec, struct weir_service *service)
{
	struct weir_path root = weir_path_root(), at_spec = weir_path_key(&root, "spec");
	struct weir_path path = weir_path_key(&at_spec, "ports");
	const cJSON *list = NULL, *item;
	int n, r = weir_field_array(d, &at_spec, spec, "ports", &list);

	if (r < 0)
		return r;
	n = cJSON_GetArraySize(list);
	if (n > UINT16_MAX)
		return weir_field_error(d, &path, "more than %d ports", UINT16_MAX);
	service->ports = n ? calloc((size_t)n, sizeof(*service->ports)) : NULL;
	if (n && !service->ports)
		return weir_error_errno(d->err, ENOMEM, "%s", path.text);
	cJSON_ArrayForEach (item, list) {
		struct weir_path at = weir_path_index(&path, service->n_ports);

		r = decode_port(d, &at, item, &service->ports[service->n_ports++]);
		if (r < 0)
			return r;
	}
	return 0;
}

int weir_service_decode(struct weir_pool *pool, const cJSON *json, struct weir_service **ret,
			struct weir_error *err)
{
	struct weir_path root = weir_path_root();
	struct weir_decoder d = { .pool = pool, .err = err };
	struct weir_service *service = calloc(1, sizeof(*service));
	const cJSON *spec = NULL;
	int r;

	if (!service)
		return weir_error_errno(err, ENOMEM, "Service");
	r = weir_field_name(&d, json, &service->namespace_, &service->name);
	if (r == 0)
		r = weir_field_object(&d, &root, json, "spec", &spec);
	if (r == 0)
		r = decode_addrs(&d, json, spec, service);
	if (r == 0)
		r = decode_ports(&d, spec, service);
	if (r < 0) {
		weir_service_free(pool, &service);
		return r;
	}
	*ret = service;
	return 0;
}

void weir_service_free(struct weir_pool *pool, struct weir_service **service)
{
	struct weir_service *s = *service;

	if (!s)
		return;
	for (unsigned i = 0; i < s->n_ports; i++)
		weir_pool_put_string(pool, s->ports[i].name);
	weir_pool_put_string(pool, s->namespace_);
	weir_pool_put_string(pool, s->name);
	free(s->addrs);
	free(s->ports);
	free(s);
	*service = NULL;
}
