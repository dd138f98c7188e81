/* SPDX-License-Identifier: Apache-2.0 */
/* IP addresses and prefixes of both families: parse, format, compare, contain. */
#include "weir/addr.h"

#include <arpa/inet.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

int weir_addr_parse(const char *text, struct weir_addr *ret)
{
	struct weir_addr a = { 0 };

	a.family = strchr(text, ':') ? AF_INET6 : AF_INET;
	if (inet_pton(a.family, text, a.bytes) != 1)
		return -EINVAL;
	*ret = a;
	return 0;
}

const char *weir_addr_format(const struct weir_addr *a, char *buf)
{
	if (!a->family || !inet_ntop(a->family, a->bytes, buf, WEIR_ADDR_STRLEN))
		strcpy(buf, "-");
	return buf;
}

int weir_addr_compare(const struct weir_addr *a, const struct weir_addr *b)
{
	if (a->family != b->family)
		return a->family < b->family ? -1 : 1;
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes));
}

static void clear_host_bits(struct weir_addr *a, uint8_t len)
{
	size_t i = len / 8;

	if (i < sizeof(a->bytes) && len % 8)
		a->bytes[i++] &= (uint8_t)(0xFF << (8 - len % 8));
	if (i < sizeof(a->bytes))
		memset(a->bytes + i, 0, sizeof(a->bytes) - i);
}

struct weir_prefix weir_prefix_of(const struct weir_addr *a, uint8_t len)
{
	struct weir_prefix p = { .addr = *a, .len = len };

	clear_host_bits(&p.addr, len);
	return p;
}

int weir_prefix_parse(const char *text, bool strict, struct weir_prefix *ret)
{
	const char *slash = strchr(text, '/');
	char host[WEIR_ADDR_STRLEN], *end;
	struct weir_prefix p;
	struct weir_addr a;
	unsigned long len;

	if (!slash || (size_t)(slash - text) >= sizeof(host))
		return -EINVAL;
	memcpy(host, text, (size_t)(slash - text));
	host[slash - text] = 0;
	if (weir_addr_parse(host, &a) < 0)
		return -EINVAL;
	if (slash[1] < '0' || slash[1] > '9' || (slash[1] == '0' && slash[2]))
		return -EINVAL;
	len = strtoul(slash + 1, &end, 10);
	if (*end || len > weir_addr_bits(&a))
		return -EINVAL;
	p = weir_prefix_of(&a, (uint8_t)len);
	if (strict && weir_addr_compare(&p.addr, &a) != 0)
		return -EINVAL;
	*ret = p;
	return 0;
}

const char *weir_prefix_format(const struct weir_prefix *p, char *buf)
{
	char host[WEIR_ADDR_STRLEN];

	snprintf(buf, WEIR_PREFIX_STRLEN, "%s/%u", weir_addr_format(&p->addr, host), p->len);
	return buf;
}

bool weir_prefix_contains(const struct weir_prefix *p, const struct weir_addr *a)
{
	struct weir_prefix q;

	if (p->addr.family != a->family)
		return false;
	q = weir_prefix_of(a, p->len);
	return memcmp(q.addr.bytes, p->addr.bytes, sizeof(q.addr.bytes)) == 0;
}

bool weir_prefix_covers(const struct weir_prefix *outer, const struct weir_prefix *inner)
{
	return outer->len <= inner->len && weir_prefix_contains(outer, &inner->addr);
}

int weir_prefix_compare(const struct weir_prefix *a, const struct weir_prefix *b)
{
	int r = weir_addr_compare(&a->addr, &b->addr);

	return r ? r : (int)a->len - (int)b->len;
}
