/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Objects from JSON with single quotes, for the tests of policy/decode/. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "weir/cleanup.h"
#include "weir/object.h"
#include "weir/policy.h"

static struct weir_pool *pool;

static inline int open_pool(void **state)
{
	return weir_pool_new(&pool);
}

static inline int close_pool(void **state)
{
	weir_pool_free(&pool);
	return 0;
}

static inline cJSON *json_of(const char *text)
{
	WEIR_AUTO_FREE char *copy = strdup(text);
	cJSON *json;

	for (char *c = copy; *c; c++)
		*c = *c == '\'' ? '"' : *c;
	json = cJSON_Parse(copy);
	if (!json)
		fail_msg("not JSON: %s", copy);
	return json;
}

/* What fn makes of it, which must be something. */
#define DECODE(fn, manifest, ret)                                                                  \
	do {                                                                                       \
		struct weir_error err_ = { "" };                                                   \
		cJSON *json_ = json_of(manifest);                                                  \
		if (fn(pool, json_, ret, &err_) < 0)                                               \
			fail_msg("%s", err_.text);                                                 \
		cJSON_Delete(json_);                                                               \
	} while (0)

/* Refused with this message, twice: the first time leaves nothing behind. */
#define REFUSED(fn, type, manifest, want)                                                          \
	do {                                                                                       \
		cJSON *json_ = json_of(manifest);                                                  \
		size_t bytes_ = 0;                                                                 \
		for (int i_ = 0; i_ < 2; i_++) {                                                   \
			struct weir_error err_ = { "" };                                           \
			type *object_ = NULL;                                                      \
			assert_true(fn(pool, json_, &object_, &err_) < 0);                         \
			assert_null(object_);                                                      \
			assert_string_equal(err_.text, want);                                      \
			if (i_)                                                                    \
				assert_int_equal(weir_pool_bytes(pool), bytes_);                   \
			bytes_ = weir_pool_bytes(pool);                                            \
		}                                                                                  \
		cJSON_Delete(json_);                                                               \
	} while (0)
