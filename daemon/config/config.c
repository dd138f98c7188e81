/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A whole configuration: defaults, then the file, then flags, then what
 * depends on the machine. Called by main.c; knows the table (keys.c) and no
 * single key but in weir_config_complete().
 */
#include "daemon/config/config.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

#include "daemon/dns/resolver.h"
#include "weir/cleanup.h"

void weir_config_free(struct weir_config **config)
{
	weir_config_release(&weir_config_table, weir_take(*config));
}

int weir_config_new(struct weir_config **ret, struct weir_error *err)
{
	void *config;
	int r = weir_config_defaults(&weir_config_table, &config, err);

	if (r == 0)
		*ret = config;
	return r;
}

static int fill_node(struct weir_config *config, struct weir_error *err)
{
	char name[256] = "";

	if (*config->node)
		return 0;
	if (gethostname(name, sizeof(name) - 1) < 0 || !*name)
		return weir_error_set(err, EINVAL, "node: the host has no name; set it");
	return weir_config_set(config, weir_config_find(&weir_config_table, "node"), name, err);
}

static int check_address(const char *address, const struct weir_config *config, const char *key,
			 struct weir_error *err)
{
	if (!strncmp(address, "ipc://", 6) && address[6])
		return 0;
	if (strncmp(address, "tcp://", 6) || !address[6])
		return weir_error_set(err, EINVAL,
				      "%s: \"%s\" is no address (want ipc:///path or "
				      "tcp://address:port)",
				      key, address);
	if (!*config->flows.curve_secret)
		return weir_error_set(err, EINVAL,
				      "%s: %s needs flows.curve.secret: records do not leave "
				      "the node unencrypted",
				      key, address);
	return 0;
}

static int check_addresses(const struct weir_config *config, struct weir_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < config->flows.publish.n; i++)
		r = check_address(config->flows.publish.items[i], config, "flows.publish", err);
	for (size_t i = 0; r == 0 && i < config->flows.connect.n; i++)
		r = check_address(config->flows.connect.items[i], config, "flows.connect", err);
	return r;
}

static int check_dns(const struct weir_config *config, struct weir_error *err)
{
	if (config->dns.nflog_group == config->nflog_group)
		return weir_error_set(err, EINVAL,
				      "dns.nflogGroup: %u is the group for denied packets "
				      "(nflogGroup); want another one",
				      config->nflog_group);
	if (config->dns.min_ttl_ms > config->dns.max_ttl_ms)
		return weir_error_set(err, EINVAL, "dns.minTTL is longer than dns.maxTTL");
	for (size_t i = 0; i < config->dns.resolvers.n; i++) {
		struct weir_dns_resolver resolver;

		if (weir_dns_resolver_parse(config->dns.resolvers.items[i], &resolver) < 0)
			return weir_error_set(err, EINVAL,
					      "dns.resolvers: \"%s\" is no address, CIDR, "
					      "NAMESPACE/SERVICE, nor \"node\"",
					      config->dns.resolvers.items[i]);
	}
	return 0;
}

int weir_config_complete(struct weir_config *config, struct weir_error *err)
{
	int r = fill_node(config, err);

	if (r < 0)
		return r;
	if (*config->flows.curve_clients && !*config->flows.curve_secret)
		return weir_error_set(err, EINVAL,
				      "flows.curve.clients: means nothing without "
				      "flows.curve.secret");
	if (*config->files.path && *config->kubernetes.kubeconfig)
		return weir_error_set(err, EINVAL,
				      "source: there is one source: files.path or "
				      "kubernetes.kubeconfig, not both");
	r = check_dns(config, err);
	return r < 0 ? r : check_addresses(config, err);
}
