/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What a measure is of flows, in SQL: an aggregate. sums.c has the list. */
#include "hub/store/store.h"

extern const char *const weir_measures[WEIR_SUM_MAX];
