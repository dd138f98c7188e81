/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A hash of names and of the suffixes of wildcards, which begin with a dot; a name is
 * looked up once for itself and once for each of its dots, however many policies there
 * are. Called by learn.c and by the query "names". Pure.
 */
#include "daemon/dns/wanted.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <uthash.h>

#include "weir/cleanup.h"

struct pattern {
	UT_hash_handle hh;
	char text[];
};

struct weir_dns_wanted {
	struct pattern *patterns;
};

int weir_dns_wanted_new(struct weir_dns_wanted **ret)
{
	*ret = calloc(1, sizeof(**ret));
	return *ret ? 0 : -ENOMEM;
}

void weir_dns_wanted_free(struct weir_dns_wanted **wanted)
{
	struct weir_dns_wanted *w = weir_take(*wanted);
	struct pattern *p, *next;

	if (!w)
		return;
	HASH_ITER (hh, w->patterns, p, next) {
		HASH_DEL(w->patterns, p);
		free(p);
	}
	free(w);
}

static struct pattern *find(const struct weir_dns_wanted *w, const char *text, size_t len)
{
	struct pattern *p;

	HASH_FIND(hh, w->patterns, text, len, p);
	return p;
}

/* Without the star of a wildcard and the final dot. */
static const char *trim(const char *pattern, size_t *ret_len)
{
	pattern += *pattern == '*';
	*ret_len = strlen(pattern);
	if (*ret_len && pattern[*ret_len - 1] == '.')
		--*ret_len;
	return pattern;
}

int weir_dns_wanted_add(struct weir_dns_wanted *w, const char *pattern)
{
	struct pattern *p;
	size_t len;

	pattern = trim(pattern, &len);
	p = calloc(1, sizeof(*p) + len + 1);
	if (!p)
		return -ENOMEM;
	for (size_t i = 0; i < len; i++)
		p->text[i] = (char)tolower((unsigned char)pattern[i]);
	if (find(w, p->text, len))
		free(p);
	else
		HASH_ADD_KEYPTR(hh, w->patterns, p->text, len, p);
	return 0;
}

static int add_peer(struct weir_dns_wanted *w, const struct weir_peer *peer)
{
	int r = 0;

	if (peer->kind != WEIR_PEER_DOMAINS)
		return 0;
	for (uint16_t i = 0; i < peer->n_names && r == 0; i++)
		r = weir_dns_wanted_add(w, peer->names[i]);
	return r;
}

int weir_dns_wanted_add_policy(struct weir_dns_wanted *w, const struct weir_policy *policy)
{
	int r = 0;

	for (int d = 0; d < WEIR_DIRECTION_MAX; d++)
		for (uint16_t i = 0; i < policy->n_rules[d]; i++) {
			const struct weir_rule *rule = &policy->rules[d][i];

			for (uint16_t j = 0; j < rule->n_peers && r == 0; j++)
				r = add_peer(w, &rule->peers[j]);
		}
	return r;
}

bool weir_dns_wanted_none(const struct weir_dns_wanted *w)
{
	return !w->patterns;
}

enum weir_dns_want weir_dns_wants(const struct weir_dns_wanted *w, const char *name)
{
	if (*name == '.') /* no name, but what a wildcard looks like in here */
		return WEIR_DNS_UNWANTED;
	if (find(w, name, strlen(name)))
		return WEIR_DNS_SPELT_OUT;
	for (const char *dot = strchr(name, '.'); dot; dot = strchr(dot + 1, '.'))
		if (find(w, dot, strlen(dot)))
			return WEIR_DNS_WILDCARD;
	return WEIR_DNS_UNWANTED;
}

bool weir_dns_matches(const char *pattern, const char *name)
{
	bool wildcard = *pattern == '*';
	size_t len, n = strlen(name);

	pattern = trim(pattern, &len);
	if (wildcard ? n <= len : n != len)
		return false;
	return strncasecmp(name + n - len, pattern, len) == 0;
}
