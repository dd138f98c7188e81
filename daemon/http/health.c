/* SPDX-License-Identifier: Apache-2.0 */
/* The pages for probes: alive (the loop turns), ready (policy is in force). */
#include <microhttpd.h>
#include <stdio.h>
#include <string.h>

#include "daemon/http/http.h"
#include "daemon/reconcile/reconcile.h"
#include "daemon/weird.h"

char *weir_page_healthz(struct weird *d, unsigned *ret_status)
{
	*ret_status = MHD_HTTP_OK;
	return strdup("ok\n");
}

char *weir_page_readyz(struct weird *d, unsigned *ret_status)
{
	struct weir_reconcile_state state;
	char *text;

	weir_reconcile_state(d->reconcile, &state);
	if (state.runs > state.failures && !*state.error) {
		*ret_status = MHD_HTTP_OK;
		return strdup("ok\n");
	}
	*ret_status = MHD_HTTP_SERVICE_UNAVAILABLE;
	if (asprintf(&text, "not ready: %s\n",
		     *state.error ? state.error : "the first run is not through yet") < 0)
		return NULL;
	return text;
}
