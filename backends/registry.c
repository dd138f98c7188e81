/* SPDX-License-Identifier: Apache-2.0 */
/* Which backends this build has: one line each, in the order of "auto". */
#include "config.h"

#include "weir/backend.h"

#include "backends/fake/fake.h"
#if WEIR_HAVE_NFTABLES
#include "backends/nftables/nftables.h"
#endif

const struct weir_backend_ops *const weir_backends[] = {
#if WEIR_HAVE_NFTABLES
	&weir_nftables_ops,
#endif
	&weir_fake_ops,
	NULL,
};
