/* SPDX-License-Identifier: Apache-2.0 */
/* Nobody decodes a domain: its addresses are learned. It is freed as the others are. */
#include <stdlib.h>

#include "weir/cleanup.h"
#include "weir/object.h"

void weir_domain_free(struct weir_pool *pool, struct weir_domain **domain)
{
	struct weir_domain *d = weir_take(*domain);

	if (!d)
		return;
	weir_pool_put_string(pool, d->name);
	free(d);
}
