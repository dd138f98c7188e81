/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What hub.yaml(5) says must hold together: no person's token and no flow goes
 * over a network unencrypted. Called by options.c.
 */
#include "hub/config/config.h"

#include <errno.h>
#include <netinet/in.h>
#include <stdlib.h>
#include <string.h>

#include "hub/store/store.h"
#include "weir/cleanup.h"

void weir_hub_config_free(struct weir_hub_config **config)
{
	weir_config_release(&weir_hub_config_table, weir_take(*config));
}

static void set_sockaddr(const struct weir_addr *addr, uint16_t port, struct sockaddr_storage *ret)
{
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)ret;
	struct sockaddr_in *v4 = (struct sockaddr_in *)ret;

	memset(ret, 0, sizeof(*ret));
	ret->ss_family = addr->family;
	if (addr->family == AF_INET6) {
		memcpy(&v6->sin6_addr, addr->bytes, sizeof(v6->sin6_addr));
		v6->sin6_port = htons(port);
	} else {
		memcpy(&v4->sin_addr, addr->bytes, sizeof(v4->sin_addr));
		v4->sin_port = htons(port);
	}
}

int weir_hub_sockaddr(const char *text, struct sockaddr_storage *ret)
{
	const char *colon = strrchr(text, ':'), *start = text;
	char host[WEIR_ADDR_STRLEN + 2];
	struct weir_addr addr;
	size_t len;
	char *end;
	long port;

	if (!colon || colon == text)
		return -EINVAL;
	port = strtol(colon + 1, &end, 10);
	len = (size_t)(colon - text);
	if (*text == '[' && colon[-1] == ']') {
		start++;
		len -= 2;
	}
	if (end == colon + 1 || *end || port < 1 || port > UINT16_MAX || len >= sizeof(host))
		return -EINVAL;
	memcpy(host, start, len);
	host[len] = 0;
	if (weir_addr_parse(host, &addr) < 0 || (addr.family == AF_INET6) != (start != text))
		return -EINVAL;
	set_sockaddr(&addr, (uint16_t)port, ret);
	return 0;
}

static bool is_loopback(const struct sockaddr_storage *sa)
{
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)sa;

	if (sa->ss_family == AF_INET6)
		return IN6_IS_ADDR_LOOPBACK(&((const struct sockaddr_in6 *)sa)->sin6_addr);
	return ntohl(v4->sin_addr.s_addr) >> 24 == 127;
}

static int check_http(const struct weir_hub_config *c, struct weir_error *err)
{
	struct sockaddr_storage sa;

	if (weir_hub_sockaddr(c->http.address, &sa) < 0)
		return weir_error_set(err, EINVAL,
				      "http.address: \"%s\" is no address (want e.g. 0.0.0.0:9573)",
				      c->http.address);
	if (!*c->http.certificate != !*c->http.key)
		return weir_error_set(err, EINVAL,
				      "http.certificate and http.key: one means nothing without "
				      "the other");
	if (!*c->http.certificate && !is_loopback(&sa))
		return weir_error_set(
			err, EINVAL,
			"http.address: %s without TLS: tokens and flows would leave "
			"this machine unencrypted; set http.certificate and http.key, "
			"or listen on 127.0.0.1",
			c->http.address);
	return 0;
}

static int check_metrics(const struct weir_hub_config *c, struct weir_error *err)
{
	struct sockaddr_storage sa;

	if (*c->metrics.address && weir_hub_sockaddr(c->metrics.address, &sa) < 0)
		return weir_error_set(
			err, EINVAL,
			"metrics.address: \"%s\" is no address (want e.g. 127.0.0.1:9574)",
			c->metrics.address);
	for (size_t i = 0; i < c->metrics.flow_labels.n; i++) {
		enum weir_dimension d = weir_dimension_of(c->metrics.flow_labels.items[i]);

		if (d == WEIR_DIM_MAX || d == WEIR_DIM_TIME)
			return weir_error_set(err, EINVAL,
					      "metrics.flowLabels: \"%s\" is no dimension of "
					      "flows (see hub.yaml(5))",
					      c->metrics.flow_labels.items[i]);
	}
	return 0;
}

static int check_node(const char *key, const char *address, struct weir_error *err)
{
	return !strncmp(address, "tcp://", 6) && address[6]
		       ? 0
		       : weir_error_set(err, EINVAL,
					"%s: \"%s\" is no address (want tcp://address:port)", key,
					address);
}

static int check_nodes(const char *key, const struct weir_config_strings *addresses,
		       struct weir_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < addresses->n; i++)
		r = check_node(key, addresses->items[i], err);
	return r;
}

static int check_store(const struct weir_hub_config *c, struct weir_error *err)
{
	if (c->store.type == WEIR_HUB_CLICKHOUSE && !*c->store.url)
		return weir_error_set(err, EINVAL,
				      "store.url: store.type clickhouse needs it (want "
				      "http://HOST:8123/?database=NAME)");
	if (c->store.rollup_ms < c->store.raw_ms)
		return weir_error_set(err, EINVAL,
				      "store.rollup: sums are kept as long as flows (store.raw), "
				      "or longer");
	return 0;
}

int weir_hub_config_check(const struct weir_hub_config *config, struct weir_error *err)
{
	int r = check_http(config, err);

	if (r == 0)
		r = check_metrics(config, err);
	if (r == 0 && *config->address)
		r = check_node("address", config->address, err);
	if (r == 0)
		r = check_nodes("listen", &config->listen, err);
	if (r == 0)
		r = check_nodes("connect", &config->connect, err);
	return r < 0 ? r : check_store(config, err);
}
