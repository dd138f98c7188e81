/* SPDX-License-Identifier: Apache-2.0 */
/* A hostile node: any bytes as batch.v1; what is taken must print as JSON. */
#include <stdint.h>
#include <stdlib.h>

#include "weir/wire.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static int print(void *data, const struct weir_record *record)
{
	struct weir_json_buffer *text = data;
	char why[256];

	text->len = 0;
	weir_record_why(record, why, sizeof(why));
	return weir_record_to_json(record, "node", text);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_json_buffer text = { 0 };
	struct weir_batch_header header;
	struct weir_error err;

	weir_batch_decode(data, size, &header, print, &text, &err);
	weir_json_buffer_free(&text);
	return 0;
}
