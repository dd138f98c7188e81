/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * /metrics, /healthz and /readyz. Runs in the main loop: no thread, no lock of
 * its own.
 */
#include <stdio.h>

#include "weir/error.h"

struct weird;
struct weir_http;

/* address: "127.0.0.1:9571", "[::1]:9571" */
int weir_http_start(struct weird *d, const char *address, struct weir_http **ret,
		    struct weir_error *err);
void weir_http_stop(struct weir_http **http);

/* --- pages: metrics.c, health.c ------------------------------------------------- */

/* malloc'd body and its HTTP status; NULL when memory is short. */
char *weir_page_metrics(struct weird *d, unsigned *ret_status);
/* policies.c: what the flow thread counted of policies, for the metrics. */
void weir_http_print_policies(struct weird *d, FILE *out);
char *weir_page_healthz(struct weird *d, unsigned *ret_status);
char *weir_page_readyz(struct weird *d, unsigned *ret_status);
