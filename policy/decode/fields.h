/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What all decoders of objects share: fields by name, messages that carry the
 * path of the field, the syntax of names. Every function returns 0 or
 * -EINVAL/-ENOMEM with the message in d->err.
 */
#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>

#include "weir/error.h"
#include "weir/policy.h"
#include "weir/pool.h"

struct weir_decoder {
	struct weir_pool *pool;
	struct weir_error *err;
	struct weir_part *parts; /* memory of what is being decoded */
};

/* Zeroed memory until weir_decoder_end(); NULL, with the error set. */
void *weir_decoder_alloc(struct weir_decoder *d, size_t n, size_t size);
void weir_decoder_end(struct weir_decoder *d);

/* "spec.ingress[0].from[1].ipBlock.cidr" */
#define WEIR_PATH_MAX 160
struct weir_path {
	char text[WEIR_PATH_MAX];
};
struct weir_path weir_path_root(void);
struct weir_path weir_path_key(const struct weir_path *parent, const char *key);
struct weir_path weir_path_index(const struct weir_path *parent, unsigned index);

/* "PATH: what is wrong"; returns -EINVAL. */
int weir_field_error(struct weir_decoder *d, const struct weir_path *path, const char *fmt, ...)
	__attribute__((format(printf, 3, 4)));

/* A child that is there and not null, else NULL. */
const cJSON *weir_field(const cJSON *object, const char *key);
/* The same, checked to be of the kind; *ret NULL when absent. */
int weir_field_object(struct weir_decoder *d, const struct weir_path *path, const cJSON *object,
		      const char *key, const cJSON **ret);
int weir_field_array(struct weir_decoder *d, const struct weir_path *path, const cJSON *object,
		     const char *key, const cJSON **ret);
int weir_field_text(struct weir_decoder *d, const struct weir_path *path, const cJSON *object,
		    const char *key, const char **ret);
int weir_field_port(struct weir_decoder *d, const struct weir_path *path, const cJSON *value,
		    uint16_t *ret); /* 1..65535 */
int weir_field_protocol(struct weir_decoder *d, const struct weir_path *path, const cJSON *object,
			uint8_t *ret); /* key "protocol"; TCP when absent */
/* Every key is one of known (NULL-ended), else an error with what was meant. */
int weir_field_known(struct weir_decoder *d, const struct weir_path *path, const cJSON *object,
		     const char *const *known);
int weir_field_string(struct weir_decoder *d, const char *text, const char **ret); /* interns */

/* metadata.name and .namespace, checked; namespace "default" when absent.
 * *ret_ns is not touched when ret_ns is NULL (cluster-wide kinds). */
int weir_field_name(struct weir_decoder *d, const cJSON *json, const char **ret_ns,
		    const char **ret_name);
/* A map of strings at key of object, interned; the empty set when absent.
 * extra, when given, is added, in place of what the map has under its key. */
int weir_field_labels(struct weir_decoder *d, const struct weir_path *path, const cJSON *object,
		      const char *key, const struct weir_label_input *extra,
		      const struct weir_labels **ret);
int weir_selector_decode(struct weir_decoder *d, const struct weir_path *path, const cJSON *json,
			 struct weir_selector *ret);
void weir_selector_put_words(struct weir_pool *pool, const struct weir_selector *s);

/* Syntax (apimachinery util/validation); NULL: right, else what would be. */
const char *weir_syntax_dns_label(const char *s);
const char *weir_syntax_dns_subdomain(const char *s);
const char *weir_syntax_label_key(const char *s);
const char *weir_syntax_label_value(const char *s);
const char *weir_syntax_port_name(const char *s);
