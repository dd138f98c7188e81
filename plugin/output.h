/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the plugin prints on stdout for the runtime. */
#include "plugin/netconf.h"

/* An error object (CNI spec, "Error"); returns 1, for main to return.
 * details may be NULL. */
int weir_print_error(const char *cni_version, int code, const char *msg, const char *details);
/* The versions that we speak, for VERSION. */
int weir_print_versions(const char *cni_version);
/* prevResult, as it came. */
int weir_print_result(const struct weir_netconf *conf);
