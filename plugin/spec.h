/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Versions of the CNI specification, and what each of them has. */
#include <stdbool.h>

struct weir_cni_version {
	const char *text;
	bool has_check;	 /* since 0.4.0 */
	bool has_status; /* STATUS and GC: since 1.1.0 */
};

/* Ascending, ended by a NULL text. */
extern const struct weir_cni_version weir_cni_versions[];
/* NULL when we do not speak it. */
const struct weir_cni_version *weir_cni_version_find(const char *text);
