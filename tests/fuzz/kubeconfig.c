/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as a kubeconfig: an error or a server, never a crash. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/kube/kubeconfig.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_kube_config config;
	struct weir_error err = { "" };

	if (weir_kubeconfig_parse((const char *)data, size, "fuzz", &config, &err) < 0) {
		if (!err.text[0])
			abort();
		return 0;
	}
	if (!strstr(config.server, "://"))
		abort();
	weir_kube_config_clear(&config);
	return 0;
}
