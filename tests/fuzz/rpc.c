/* SPDX-License-Identifier: Apache-2.0 */
/* A hostile client: frames, requests, and what a CNI request decodes to. */
#include <stdint.h>
#include <stdlib.h>

#include "daemon/cni/cni.h"
#include "daemon/rpc/request.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct weir_endpoint *ep = NULL;
	struct weir_rpc_request request;
	enum weir_rpc_code code;
	struct weir_error err;
	long frame = weir_rpc_frame(data, size, WEIR_RPC_REQUEST_MAX);

	if (frame > (long)size)
		abort();
	if (weir_rpc_request_parse((const char *)data, size, &request, &code, &err) < 0)
		return 0;
	if (weir_cni_endpoint(request.params, &ep, &code, &err) == 0)
		weir_endpoint_free(&ep);
	weir_rpc_request_clear(&request);
	return 0;
}
