/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Ending connections in conntrack, in the network namespace of the calling thread. */
#include "weir/backend.h"

/* conntrack forgets them; what it does not know is no error. */
int weir_conntrack_end(const struct weir_ending *endings, size_t n, struct weir_error *err);
