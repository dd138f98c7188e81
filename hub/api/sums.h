/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Sums of the store, for those answers that are made of them. */
#include "hub/api/request.h"

/* The question that r asks, by these dimensions; r->end is filled. */
int weir_sums_ask(struct weir_request *r, const enum weir_dimension *dims, unsigned n_dims,
		  weir_sum_fn *fn, void *data, struct weir_error *err);
/* "connections": n, "denied": n, ... */
void weir_sums_put(struct weir_json *j, const struct weir_sum *sum);
