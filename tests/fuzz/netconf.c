/* SPDX-License-Identifier: Apache-2.0 */
/* A hostile runtime: any bytes as network configuration. What is taken must
 * hold prevResult as a slice of the text. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "plugin/netconf.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = malloc(size + 1);
	struct weir_netconf conf;
	struct weir_error err;
	int code = 0;

	if (!text)
		return 0;
	memcpy(text, data, size);
	text[size] = 0;
	if (weir_netconf_parse(text, size, &conf, &code, &err) == 0 && conf.prev_result.text) {
		if (conf.prev_result.text < text || conf.prev_result.len < 2 ||
		    conf.prev_result.text + conf.prev_result.len > text + size ||
		    conf.prev_result.text[0] != '{' ||
		    conf.prev_result.text[conf.prev_result.len - 1] != '}')
			abort();
	}
	free(text);
	return 0;
}
