/* SPDX-License-Identifier: Apache-2.0 */
/* Tells the forms of a resolver apart. Called when the configuration is checked, and by
 * resolvers.c. Pure. */
#include "daemon/dns/resolver.h"

#include <errno.h>
#include <string.h>

static int copy_word(const char *from, size_t len, char *ret, size_t size)
{
	static const char chars[] = "abcdefghijklmnopqrstuvwxyz0123456789-.";

	if (!len || len >= size || strspn(from, chars) < len)
		return -EINVAL;
	memcpy(ret, from, len);
	ret[len] = 0;
	return 0;
}

static int parse_service(const char *text, struct weir_dns_resolver *ret)
{
	const char *slash = strchr(text, '/');
	int r;

	if (!slash || strspn(slash + 1, "0123456789") == strlen(slash + 1))
		return -EINVAL; /* what has a number behind its slash was to be a CIDR */
	ret->kind = WEIR_DNS_SERVICE;
	r = copy_word(text, (size_t)(slash - text), ret->namespace_, sizeof(ret->namespace_));
	return r < 0 ? r : copy_word(slash + 1, strlen(slash + 1), ret->name, sizeof(ret->name));
}

int weir_dns_resolver_parse(const char *text, struct weir_dns_resolver *ret)
{
	struct weir_addr addr;

	*ret = (struct weir_dns_resolver){ .kind = WEIR_DNS_PREFIX };
	if (strcmp(text, "node") == 0) {
		ret->kind = WEIR_DNS_NODE;
		return 0;
	}
	if (weir_addr_parse(text, &addr) == 0) {
		ret->prefix = weir_prefix_of(&addr, weir_addr_bits(&addr));
		return 0;
	}
	if (weir_prefix_parse(text, true, &ret->prefix) == 0)
		return 0;
	return parse_service(text, ret);
}
