/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A request's text, taken apart; apart from sockets, so that it can be fuzzed. */
#include <cjson/cJSON.h>
#include <stddef.h>

#include "weir/error.h"
#include "weir/rpc.h"

struct weir_rpc_request {
	cJSON *json;
	const char *method;
	const cJSON *params; /* NULL: none */
};

/* 0, or -EINVAL with the text and the code to answer with. */
int weir_rpc_request_parse(const char *text, size_t len, struct weir_rpc_request *ret,
			   enum weir_rpc_code *ret_code, struct weir_error *err);
void weir_rpc_request_clear(struct weir_rpc_request *request);
