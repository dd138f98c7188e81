/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the runtime can ask of the plugin: CNI_COMMAND. */
#include "plugin/ask.h"
#include "plugin/netconf.h"

/* Runs the command of env; returns the exit status. */
int weir_command_run(const struct weir_cni_env *env, const struct weir_netconf *conf);
