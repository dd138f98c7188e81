/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the names in policies (domainNames) stand for: learned from the DNS answers that
 * pods of this node receive, and told to the cluster as domains. Main thread.
 *
 * The kernel copies an answer, it does not hold it up: a pod that connects at once may be
 * a moment faster than its address is in the tables. Its first packet is dropped then, and
 * TCP sends it again after a second.
 */
#include <stdint.h>

#include "daemon/dns/table.h"
#include "daemon/dns/wanted.h"
#include "weir/error.h"

struct weird;
struct weir_dns;
struct weir_changes;

/* What an earlier weird had learned is known again from here on. */
int weir_dns_start(struct weird *d, struct weir_dns **ret, struct weir_error *err);
void weir_dns_stop(struct weir_dns **dns);

/* For the reconciler, before it commits and with the world's lock held: policies and
 * Services may be others. True: the list of resolvers is not what it was. */
bool weir_dns_update(struct weir_dns *dns);
void weir_dns_fill(const struct weir_dns *dns, struct weir_changes *changes);

struct weir_dns_stats {
	uint64_t answers; /* messages read */
	uint64_t learned; /* that told addresses of a wanted name */
	uint64_t ignored; /* of other names, or without addresses */
	uint64_t malformed;
	uint64_t lost;	    /* copies that the kernel could not hand over */
	uint32_t resolvers; /* whose answers are copied now; 0: nobody asks for names */
	struct weir_dns_counts table;
};
void weir_dns_stats(const struct weir_dns *dns, struct weir_dns_stats *ret);
/* Why nothing is learned although policies name domains; "": it is. */
const char *weir_dns_trouble(const struct weir_dns *dns);

/* For the query "names": fn for each name, until in ms from now on. */
int weir_dns_each(const struct weir_dns *dns,
		  int (*fn)(void *data, const char *name, const struct weir_dns_lease *leases,
			    size_t n),
		  void *data);
uint64_t weir_dns_now(void);
