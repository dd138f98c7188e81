/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* An endpoint as a file: JSON, replaced atomically. */
#include "daemon/endpoint/endpoint.h"

/* Name of its file: only characters that are safe in one. */
#define WEIR_ENDPOINT_NAME_MAX 256
int weir_endpoint_file_name(const char *container_id, const char *ifname, char *buf);
int weir_endpoint_write(int dir, const struct weir_endpoint *ep, struct weir_error *err);
int weir_endpoint_read(int dir, const char *name, struct weir_endpoint **ret,
		       struct weir_error *err);
