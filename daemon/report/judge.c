/* SPDX-License-Identifier: Apache-2.0 */
/* What to do about the lease follows from what was seen of it, and when. */
#include <stdio.h>
#include <string.h>

#include "daemon/report/lease.h"

enum { DURATION_MS = 15000 }; /* of a lease that does not say */

static const char *text_at(const cJSON *object, const char *key)
{
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, key));

	return text ? text : "";
}

void weir_lease_see(struct weir_lease_view *view, const cJSON *lease, uint64_t now_ms)
{
	const cJSON *meta = cJSON_GetObjectItemCaseSensitive(lease, "metadata");
	const cJSON *spec = cJSON_GetObjectItemCaseSensitive(lease, "spec");
	const cJSON *seconds = cJSON_GetObjectItemCaseSensitive(spec, "leaseDurationSeconds");
	const char *version = text_at(meta, "resourceVersion");

	/* each renewal is a new version */
	if (!view->since_ms || strcmp(view->version, version))
		view->since_ms = now_ms;
	snprintf(view->version, sizeof(view->version), "%s", version);
	snprintf(view->holder, sizeof(view->holder), "%s", text_at(spec, "holderIdentity"));
	view->duration_ms = DURATION_MS;
	if (cJSON_IsNumber(seconds) && seconds->valuedouble >= 1 && seconds->valuedouble <= 3600)
		view->duration_ms = (uint32_t)seconds->valuedouble * 1000;
}

enum weir_lease_step weir_lease_judge(const struct weir_lease_view *view, const char *me,
				      uint64_t now_ms)
{
	if (!*view->version)
		return WEIR_LEASE_CREATE;
	if (!strcmp(view->holder, me))
		return WEIR_LEASE_RENEW;
	if (!*view->holder || now_ms - view->since_ms > view->duration_ms)
		return WEIR_LEASE_TAKE;
	return WEIR_LEASE_LEAVE;
}
