/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Method "simulate": what would other policies change? Checks the shape of the
 * question; the rest is done in a child (daemon/simulate).
 */
#include "daemon/query/query.h"

#include "daemon/simulate/simulate.h"

static bool is_array(const cJSON *params, const char *key)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(params, key);

	return !item || cJSON_IsArray(item);
}

void weir_query_simulate(struct weird *d, const cJSON *params, struct weir_rpc_reply *reply)
{
	const char *flows;
	double rows;

	if (weir_query_text(params, "flows", reply, &flows) < 0 ||
	    weir_query_number(params, "rows", WEIR_SIMULATE_ROWS_MAX, 0, reply, &rows) < 0)
		return;
	if (!is_array(params, "files") || !is_array(params, "without")) {
		weir_rpc_reply_error(reply, WEIR_RPC_BAD_REQUEST,
				     "parameters \"files\" and \"without\" must be arrays", NULL);
		return;
	}
	weir_simulation_start(d, params, reply);
}
