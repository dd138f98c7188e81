/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What systemd wants to hear from a daemon; nothing when it runs without it. */
#include <uv.h>

void weir_systemd_ready(uv_loop_t *loop, const char *status);
void weir_systemd_stopping(void);
