/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Numbers of flow records and batches go on where an earlier weird of this
 * boot ended, and none is ever used twice, also after kill -9: the next ones
 * are in a file of the run directory that is mapped into memory, and lasts as
 * long as the boot does.
 */
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include "weir/error.h"

struct weir_numbers {
	_Atomic uint64_t seq, batch; /* the next ones to use */
};

/* Missing, unreadable or of another boot: from 1. The publisher counts them up where they
 * are. hole: those before may never have been used (the file is one of an older weird). */
int weir_numbers_open(const char *path, const char *boot, struct weir_numbers **ret, bool *ret_hole,
		      struct weir_error *err);
void weir_numbers_close(struct weir_numbers **numbers);
