/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Log lines on stderr, key=value or JSON. Only programs log (never lib/,
 * policy/, backends/): a message says what happened, its fields to which
 * object, and what to do about it.
 *
 *   weir_log(WEIR_LOG_WARNING, "policy refused",
 *            "namespace", ns, "policy", name, "error", err.text, NULL);
 */
enum weir_log_level {
	WEIR_LOG_ERROR,
	WEIR_LOG_WARNING,
	WEIR_LOG_INFO,
	WEIR_LOG_DEBUG,
	WEIR_LOG_MAX_
};

enum weir_log_format { WEIR_LOG_KV, WEIR_LOG_JSON };

void weir_log_setup(enum weir_log_level max, enum weir_log_format format);
int weir_log_level_parse(const char *name, enum weir_log_level *ret);

/* One line, written with one write(2). After msg come pairs of key and value
 * (C strings; a NULL value is left out), ended by NULL. */
void weir_log(enum weir_log_level level, const char *msg, ... /* key, value, NULL */)
	__attribute__((sentinel));
