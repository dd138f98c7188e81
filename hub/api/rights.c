/* SPDX-License-Identifier: Apache-2.0 */
/* Called by routes that change something, or show what is only for some. */
#include "hub/api/rights.h"

#include <errno.h>

#include "hub/api/internal.h"

int weir_rights_need(struct weir_request *r, enum weir_right right, const char *cluster,
		     const char *action, const char *object, struct weir_error *err)
{
	bool may = weir_person_may(r->person, right, cluster, NULL);
	int code = weir_access_audit(r->api->c.access, r->person->user, r->from, action, object,
				     may ? "allowed" : "denied", err);

	if (code < 0)
		return weir_error_prefix(err, -EIO, "audit log");
	return may ? 0
		   : weir_error_set(err, EACCES, "it takes the right \"%s\"",
				    weir_right_name(right));
}
