/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What is allowed only to some, and written down whoever tries. */
#include "hub/api/request.h"

/* Whether the person holds the right in this whole cluster (NULL: everywhere). Either way the
 * audit log has a line before this returns: without one nothing is done. -EACCES: no. */
int weir_rights_need(struct weir_request *r, enum weir_right right, const char *cluster,
		     const char *action, const char *object, struct weir_error *err);
