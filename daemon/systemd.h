/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What systemd wants to hear; nothing when weird runs without it. */
#include <uv.h>

void weir_systemd_ready(uv_loop_t *loop, const char *status);
void weir_systemd_stopping(void);
