/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Enforcement with nf_tables, in table "inet weir" and nothing else. */
#include "weir/backend.h"

extern const struct weir_backend_ops weir_nftables_ops;
