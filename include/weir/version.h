/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Prints "program version" and the features that configure chose, for
 * --version; returns 0 for main to return. */
int weir_print_version(const char *program);
