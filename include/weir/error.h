/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What went wrong, in words, for whoever decides what to do about it.
 *
 * A function that can fail returns 0 or -errno and takes, as its last
 * parameter, the caller's weir_error (which may be NULL). It fills it only
 * when it fails. On the way up each layer puts its own name in front:
 * "nftables: apply: map in_4: No space left on device". lib/, policy/ and
 * backends/ never log; the program that decides logs the text once.
 */
#include <stdarg.h>

#define WEIR_ERROR_MAX 512

struct weir_error {
	char text[WEIR_ERROR_MAX]; /* always terminated; truncated, never split in UTF-8 */
};

/* Write the text; returns -code. code is a positive errno. err may be NULL. */
int weir_error_set(struct weir_error *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* The same, with ": " and strerror(code) behind the text. */
int weir_error_errno(struct weir_error *err, int code, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* Put "text: " in front of what is there; returns ret, so that a caller can
 * write: return weir_error_prefix(err, r, "map %s", name); */
int weir_error_prefix(struct weir_error *err, int ret, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));
