/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Base64 (RFC 4648, section 4) as kubeconfig has it: padded, white space ignored. */
#include <stddef.h>

/* malloc'd, with a NUL behind it; -EINVAL, -ENOMEM. */
int weir_base64_decode(const char *text, char **ret, size_t *ret_len);
