/* SPDX-License-Identifier: Apache-2.0 */
/* Any text as weird.yaml: an error or a configuration, never a crash. */
#include <stdlib.h>

#include "daemon/config/config.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_config *config = NULL;
	struct weir_error err = { "" };

	if (weir_config_new(&config, &err) < 0)
		abort();
	if (weir_config_parse(&weir_config_table, config, (const char *)data, size, "fuzz", &err) ==
	    0)
		weir_config_complete(config, &err);
	else if (!err.text[0])
		abort();
	weir_config_free(&config);
	return 0;
}
