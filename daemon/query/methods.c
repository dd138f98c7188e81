/* SPDX-License-Identifier: Apache-2.0 */
/* The table of the methods that weirctl asks. main gives it to the RPC server. */
#include "daemon/query/query.h"

const struct weir_rpc_method weir_query_methods[] = {
	{ "dump", weir_query_dump },
	{ "endpoints", weir_query_endpoints },
	{ "explain", weir_query_explain },
	{ "flows", weir_query_flows },
	{ "identities", weir_query_identities },
	{ "names", weir_query_names },
	{ "policies", weir_query_policies },
	{ "simulate", weir_query_simulate },
	{ "status", weir_query_status },
	{ "wait", weir_query_wait },
	{ NULL, NULL },
};
