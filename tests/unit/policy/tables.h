/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The compiled tables as text. Numbers are replaced by what they stand for, and
 * everything is in an order of its own: equal tables are equal bytes, whatever
 * led to them. */
#include "weir/compiler.h"

/* All there is in c, which has nothing pending. The caller frees it. */
char *tables_text(struct weir_compiler *c);
