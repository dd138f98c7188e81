/* SPDX-License-Identifier: Apache-2.0 */
/* Which backends this build has: one line each, in the order of "auto". */
#include "weir/backend.h"

#include "backends/fake/fake.h"

const struct weir_backend_ops *const weir_backends[] = {
	&weir_fake_ops,
	NULL,
};
