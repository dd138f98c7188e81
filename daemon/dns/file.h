/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The learned names on disk, so that a restart forgets none:
 *
 *	weir names 1
 *	name api.example.com
 *	192.0.2.1 1700000000000
 *	end 1
 *
 * An address is followed by the end of its time in milliseconds since the epoch,
 * the last line tells how many addresses there are. What is not whole is not used.
 */
#include "daemon/dns/table.h"
#include "weir/error.h"

/* Clocks: what the table counts in, and the same moment by the wall clock. */
struct weir_dns_clock {
	uint64_t now, wall; /* ms */
};

/* Written beside, renamed over: there is always a whole one. */
int weir_dns_file_write(const char *path, const struct weir_dns_table *t,
			const struct weir_dns_clock *clock, struct weir_error *err);
/* fn for each name that has addresses left; none holds longer than max_ms from now on,
 * whatever the clock was when they were written. -ENOENT: there is no file; -EBADMSG:
 * it is damaged or of another version, and fn was never called. */
int weir_dns_file_read(const char *path, const struct weir_dns_clock *clock, uint64_t max_ms,
		       int (*fn)(void *data, const char *name, const struct weir_dns_lease *leases,
				 size_t n),
		       void *data, struct weir_error *err);
