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

int weir_config_set(struct weir_config *config, const struct weir_config_key *key, const char *text,
		    struct weir_error *err)
{
	bool list = key->type == WEIR_KEY_STRINGS || key->type == WEIR_KEY_PREFIXES;
	WEIR_AUTO_FREE const char **items = NULL;
	WEIR_AUTO_FREE char *copy = strdup(text);
	size_t n = 0;
	int r;

	if (!list) {
		r = weir_config_value_set(config, key, &text, 1, err);
		return r < 0 ? weir_error_prefix(err, r, "%s", key->name) : 0;
	}
	items = calloc(strlen(text) + 1, sizeof(*items));
	if (!copy || !items)
		return weir_error_errno(err, ENOMEM, "%s", key->name);
	for (char *save = NULL, *item = strtok_r(copy, ",", &save); item;
	     item = strtok_r(NULL, ",", &save))
		items[n++] = item;
	r = weir_config_value_set(config, key, items, n, err);
	return r < 0 ? weir_error_prefix(err, r, "%s", key->name) : 0;
}

void weir_config_free(struct weir_config **config)
{
	if (!*config)
		return;
	for (const struct weir_config_key *k = weir_config_keys; k->name; k++)
		weir_config_value_clear(*config, k);
	free(weir_take(*config));
}

int weir_config_new(struct weir_config **ret, struct weir_error *err)
{
	WEIR_CLEANUP(weir_config_free) struct weir_config *config = calloc(1, sizeof(*config));
	int r;

	if (!config)
		return weir_error_errno(err, ENOMEM, "configuration");
	for (const struct weir_config_key *k = weir_config_keys; k->name; k++) {
		r = weir_config_set(config, k, k->value, err);
		if (r < 0)
			return weir_error_prefix(err, r, "default");
	}
	*ret = weir_take(config);
	return 0;
}

static int fill_node(struct weir_config *config, struct weir_error *err)
{
	char name[256] = "";

	if (*config->node)
		return 0;
	if (gethostname(name, sizeof(name) - 1) < 0 || !*name)
		return weir_error_set(err, EINVAL, "node: the host has no name; set it");
	return weir_config_set(config, weir_config_key("node"), name, err);
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
