/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Numbers of flow records and batches go on where an earlier weird of this
 * boot ended, and none is ever used twice, also after kill -9: the file in the
 * run directory holds a number that has not been reached yet.
 */
#include <stdbool.h>
#include <stdint.h>

#include "weir/error.h"

struct weir_numbers {
	uint64_t seq, batch; /* the next ones to use; at start */
	bool hole;	     /* numbers before them may never have been used */
};

/* Missing, unreadable or of another boot: from 1. */
void weir_numbers_load(const char *path, const char *boot, struct weir_numbers *ret);
/* Reserve: numbers below seq and batch may be in use. clean: exactly those are. */
int weir_numbers_save(const char *path, const char *boot, uint64_t seq, uint64_t batch, bool clean,
		      struct weir_error *err);
