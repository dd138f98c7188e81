/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Reads a DNS answer with the C library's own parser, which knows headers,
 * records and compressed names; what is here is which of the records count.
 * Called by learn.c with what came over the network. Pure.
 */
#include "daemon/dns/message.h"

#include <arpa/nameser.h>
#include <ctype.h>
#include <errno.h>
#include <limits.h>
#include <string.h>

/* Lower case, no final dot; -EBADMSG: longer than a name may be. Bytes that are no
 * part of a host's name stay escaped, so that they are like no name of a policy. */
static int copy_name(const char *from, char *ret)
{
	size_t len = strlen(from);

	if (len && from[len - 1] == '.' && (len == 1 || from[len - 2] != '\\'))
		len--;
	if (len >= WEIR_DNS_NAME_MAX)
		return -EBADMSG;
	for (size_t i = 0; i < len; i++)
		ret[i] = (char)tolower((unsigned char)from[i]);
	ret[len] = 0;
	return 0;
}

static uint32_t ttl_of(const ns_rr *rr)
{
	uint32_t ttl = ns_rr_ttl(*rr);

	return ttl > INT32_MAX ? 0 : ttl; /* RFC 2181, section 8 */
}

static int read_question(ns_msg *m, struct weir_dns_answer *ret)
{
	ns_rr rr;

	if (!ns_msg_getflag(*m, ns_f_qr) || ns_msg_getflag(*m, ns_f_opcode) != ns_o_query ||
	    ns_msg_getflag(*m, ns_f_rcode) != ns_r_noerror || !ns_msg_count(*m, ns_s_an))
		return -ENOMSG;
	if (ns_msg_count(*m, ns_s_qd) != 1 || ns_parserr(m, ns_s_qd, 0, &rr) < 0)
		return -EBADMSG;
	if (ns_rr_class(rr) != ns_c_in)
		return -ENOMSG;
	ret->n_names = 1;
	ret->ttls[0] = UINT32_MAX;
	return copy_name(ns_rr_name(rr), ret->names[0]);
}

static bool owned_by(const ns_rr *rr, const char *name)
{
	char owner[WEIR_DNS_NAME_MAX];

	return ns_rr_class(*rr) == ns_c_in && copy_name(ns_rr_name(*rr), owner) == 0 &&
	       strcmp(owner, name) == 0;
}

static int add_alias(ns_msg *m, const ns_rr *rr, struct weir_dns_answer *ret)
{
	char text[NS_MAXDNAME], *name = ret->names[ret->n_names];
	uint32_t ttl = ttl_of(rr);

	if (ret->n_names == WEIR_DNS_CHAIN_MAX)
		return -EBADMSG;
	if (ns_name_uncompress(ns_msg_base(*m), ns_msg_end(*m), ns_rr_rdata(*rr), text,
			       sizeof(text)) < 0 ||
	    copy_name(text, name) < 0)
		return -EBADMSG;
	for (unsigned i = 0; i < ret->n_names; i++) {
		if (strcmp(ret->names[i], name) == 0)
			return -EBADMSG; /* a loop */
		if (ttl < ret->ttls[i])
			ret->ttls[i] = ttl;
	}
	ret->ttls[ret->n_names++] = UINT32_MAX;
	return 0;
}

/* Records may come in any order, but mostly the chain is in its own: one pass finds
 * all of it, and another one finds that there is no more. */
static int follow_aliases(ns_msg *m, struct weir_dns_answer *ret)
{
	unsigned known;

	do {
		known = ret->n_names;
		for (int i = 0; i < ns_msg_count(*m, ns_s_an); i++) {
			ns_rr rr;
			int r;

			if (ns_parserr(m, ns_s_an, i, &rr) < 0)
				return -EBADMSG;
			if (ns_rr_type(rr) != ns_t_cname ||
			    !owned_by(&rr, ret->names[ret->n_names - 1]))
				continue;
			r = add_alias(m, &rr, ret);
			if (r < 0)
				return r;
		}
	} while (ret->n_names > known);
	return 0;
}

static bool address_of(const ns_rr *rr, struct weir_addr *ret)
{
	*ret = (struct weir_addr){ 0 };
	if (ns_rr_type(*rr) == ns_t_a && ns_rr_rdlen(*rr) == 4)
		ret->family = AF_INET;
	else if (ns_rr_type(*rr) == ns_t_aaaa && ns_rr_rdlen(*rr) == 16)
		ret->family = AF_INET6;
	else
		return false;
	memcpy(ret->bytes, ns_rr_rdata(*rr), ns_rr_rdlen(*rr));
	return true;
}

static int read_addresses(ns_msg *m, struct weir_dns_answer *ret)
{
	const char *last = ret->names[ret->n_names - 1];

	for (int i = 0; i < ns_msg_count(*m, ns_s_an); i++) {
		struct weir_dns_address *a = &ret->addrs[ret->n_addrs];
		ns_rr rr;

		if (ns_parserr(m, ns_s_an, i, &rr) < 0)
			return -EBADMSG;
		if (ret->n_addrs == WEIR_DNS_ADDRS_MAX || !address_of(&rr, &a->addr) ||
		    !owned_by(&rr, last))
			continue;
		a->ttl = ttl_of(&rr);
		ret->n_addrs++;
	}
	return ret->n_addrs ? 0 : -ENOMSG;
}

int weir_dns_parse(const uint8_t *message, size_t len, struct weir_dns_answer *ret)
{
	ns_msg m;
	int r;

	ret->n_names = 0;
	ret->n_addrs = 0;
	if (len > NS_MAXMSG || ns_initparse(message, (int)len, &m) < 0)
		return -EBADMSG;
	r = read_question(&m, ret);
	if (r == 0)
		r = follow_aliases(&m, ret);
	return r < 0 ? r : read_addresses(&m, ret);
}
