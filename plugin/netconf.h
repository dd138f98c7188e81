/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The network configuration that a runtime writes to our stdin (CNI spec,
 * section 1): what the plugin itself needs of it. Everything else, prevResult
 * above all, is kept as the bytes that came, because it is passed on unchanged.
 */
#include <stdbool.h>
#include <stddef.h>

#include "plugin/spec.h"
#include "weir/error.h"

/* A piece of somebody else's text. */
struct weir_slice {
	const char *text; /* NULL: not there */
	size_t len;
};

struct weir_netconf {
	struct weir_slice raw;	       /* all of it */
	struct weir_slice prev_result; /* the value of prevResult, as it stands there */
	const struct weir_cni_version *version;
	char version_text[16]; /* as the runtime wrote it */
	char socket[108];
	int timeout_ms;
	bool allow_unavailable; /* onUnavailable: allow */
};

/* text: NUL-terminated. On error *ret_code is the CNI error code; version and
 * version_text are set as far as they were understood. */
int weir_netconf_parse(const char *text, size_t len, struct weir_netconf *ret, int *ret_code,
		       struct weir_error *err);
