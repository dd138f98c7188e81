/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The backend that enforces nothing and remembers what it was asked: for
 * --dry-run, for tests of whoever calls a backend, and as the example that
 * docs/BACKENDS.md walks through.
 */
#include "weir/backend.h"

extern const struct weir_backend_ops weir_fake_ops;

/* What was called since open, one line each (see fake.c for the words). */
const char *weir_fake_calls(const struct weir_backend *b);
/* The next apply fails with this errno, and needs_full is true until a full
 * one succeeds. */
void weir_fake_fail_next(struct weir_backend *b, int code);
