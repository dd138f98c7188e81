/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The names that were learned, with their addresses and how long they hold.
 * Bounded, without a clock of its own: times are milliseconds that the caller
 * counts from wherever it likes.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "weir/addr.h"

struct weir_dns_table;

struct weir_dns_lease {
	struct weir_addr addr;
	uint64_t until; /* holds before, and no longer at */
};

struct weir_dns_limits {
	/* Names that only a wildcard asks for: they are bounded by nothing else, and
	 * must not take the place of those that a policy spells out. */
	uint32_t names;
	uint32_t addrs; /* of one name */
};

struct weir_dns_counts {
	uint32_t names, addrs;
	uint64_t expired;	  /* addresses whose time was over */
	uint64_t names_refused;	  /* there were too many */
	uint64_t addrs_displaced; /* another one of the name was to hold longer */
};

int weir_dns_table_new(const struct weir_dns_limits *limits, struct weir_dns_table **ret);
void weir_dns_table_free(struct weir_dns_table **table);

/* The name has these addresses, each at least until its time; what it had it keeps.
 * wildcard: nobody spells it out. 0, -ENOSPC: one name too many, -ENOMEM. */
int weir_dns_table_learn(struct weir_dns_table *t, const char *name, bool wildcard,
			 const struct weir_dns_lease *leases, size_t n);
/* Drops the addresses whose time is over; when to call again, UINT64_MAX: never. */
uint64_t weir_dns_table_expire(struct weir_dns_table *t, uint64_t now);
/* Drops the names for which stays is false; those that stay may be another kind. */
void weir_dns_table_sweep(struct weir_dns_table *t,
			  bool (*stays)(void *data, const char *name, bool *ret_wildcard),
			  void *data);

/* Is there anything to tell? */
bool weir_dns_table_changed(const struct weir_dns_table *t);
/* fn for each name whose set of addresses is not what fn was told last; n 0: it is
 * gone. Addresses ascend. What fn fails for comes again next time; the first error. */
int weir_dns_table_changes(struct weir_dns_table *t,
			   int (*fn)(void *data, const char *name,
				     const struct weir_dns_lease *leases, size_t n),
			   void *data);
/* fn for each name, by name; ends early when fn returns non-zero. */
int weir_dns_table_each(const struct weir_dns_table *t,
			int (*fn)(void *data, const char *name, const struct weir_dns_lease *leases,
				  size_t n),
			void *data);
void weir_dns_table_counts(const struct weir_dns_table *t, struct weir_dns_counts *ret);
