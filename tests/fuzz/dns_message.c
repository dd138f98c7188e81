/* SPDX-License-Identifier: Apache-2.0 */
/* Any bytes as a DNS answer: what is taken from it is within bounds, each name of the
 * chain is there once, and reading twice gives the same. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/dns/message.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(const struct weir_dns_answer *a)
{
	if (!a->n_names || a->n_names > WEIR_DNS_CHAIN_MAX || !a->n_addrs ||
	    a->n_addrs > WEIR_DNS_ADDRS_MAX || a->ttls[a->n_names - 1] != UINT32_MAX)
		abort();
	for (unsigned i = 0; i < a->n_names; i++) {
		if (strnlen(a->names[i], WEIR_DNS_NAME_MAX) == WEIR_DNS_NAME_MAX)
			abort();
		for (unsigned j = 0; j < i; j++)
			if (!strcmp(a->names[i], a->names[j]))
				abort();
	}
	for (size_t i = 0; i < a->n_addrs; i++)
		if (!weir_addr_size(&a->addrs[i].addr) || a->addrs[i].ttl > INT32_MAX)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct weir_dns_answer first, second;
	uint8_t *copy = malloc(size + !size); /* of exactly this size: beyond it is an error */

	if (!copy)
		return 0;
	if (size)
		memcpy(copy, data, size);
	if (weir_dns_parse(copy, size, &first) == 0) {
		check(&first);
		if (weir_dns_parse(copy, size, &second) < 0 || second.n_names != first.n_names ||
		    second.n_addrs != first.n_addrs ||
		    memcmp(first.addrs, second.addrs, first.n_addrs * sizeof(first.addrs[0])) != 0)
			abort();
	}
	free(copy);
	return 0;
}
