/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* DNS answers that log rules copy to an NFLOG group, each at once and as a whole. For
 * the answers slot of backends whose rules have such a group. */
#include "weir/answer.h"

int weir_kernel_answers_open(const struct weir_answer_config *config,
			     struct weir_answer_source **ret, struct weir_error *err);

/* One NFLOG message, header included: the packet in it. False: there is none. */
bool weir_answers_decode(const uint8_t *msg, size_t len, const uint8_t **ret, size_t *ret_len);
