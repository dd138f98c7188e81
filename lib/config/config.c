/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What is the same for every program's configuration: defaults, one key from
 * its flag, the names of keys. Knows the table and no single key.
 */
#include "weir/config.h"

#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/config/value.h"
#include "weir/cleanup.h"

static const char *const type_names[] = {
	[WEIR_KEY_TEXT] = "TEXT",	  [WEIR_KEY_PATH] = "PATH",
	[WEIR_KEY_CHOICE] = "CHOICE",	  [WEIR_KEY_NUMBER] = "NUMBER",
	[WEIR_KEY_DURATION] = "DURATION", [WEIR_KEY_AGE] = "DURATION",
	[WEIR_KEY_SIZE] = "SIZE",	  [WEIR_KEY_STRINGS] = "LIST",
	[WEIR_KEY_PREFIXES] = "CIDRS",
};
_Static_assert(WEIR_ARRAY_SIZE(type_names) == WEIR_KEY_TYPE_MAX, "a name for each type");

const char *weir_config_type_name(enum weir_config_type type)
{
	return type_names[type];
}

const struct weir_config_key *weir_config_find(const struct weir_config_table *table,
					       const char *name)
{
	for (const struct weir_config_key *k = table->keys; k->name; k++) {
		if (!strcmp(k->name, name))
			return k;
	}
	return NULL;
}

const char *weir_config_flag(const struct weir_config_key *key, char *buf)
{
	char *to = buf, *end = buf + WEIR_CONFIG_FLAG_MAX - 2;

	for (const char *from = key->name; *from && to < end; from++) {
		bool word = isupper((unsigned char)*from) && from > key->name &&
			    islower((unsigned char)from[-1]);

		if (word)
			*to++ = '-';
		*to++ = *from == '.' ? '-' : (char)tolower((unsigned char)*from);
	}
	*to = 0;
	return buf;
}

int weir_config_set(void *config, const struct weir_config_key *key, const char *text,
		    struct weir_error *err)
{
	bool list = key->type == WEIR_KEY_STRINGS || key->type == WEIR_KEY_PREFIXES;
	WEIR_AUTO_FREE const char **items = NULL;
	WEIR_AUTO_FREE char *copy = strdup(text);
	size_t n = 0;
	int r;

	if (!list) {
		r = weir_config_value_set(config, key, &text, 1, err);
		return r < 0 ? weir_error_prefix(err, r, "%s", key->name) : 0;
	}
	items = calloc(strlen(text) + 1, sizeof(*items));
	if (!copy || !items)
		return weir_error_errno(err, ENOMEM, "%s", key->name);
	for (char *save = NULL, *item = strtok_r(copy, ",", &save); item;
	     item = strtok_r(NULL, ",", &save))
		items[n++] = item;
	r = weir_config_value_set(config, key, items, n, err);
	return r < 0 ? weir_error_prefix(err, r, "%s", key->name) : 0;
}

void weir_config_release(const struct weir_config_table *table, void *config)
{
	if (!config)
		return;
	for (const struct weir_config_key *k = table->keys; k->name; k++)
		weir_config_value_clear(config, k);
	free(config);
}

int weir_config_defaults(const struct weir_config_table *table, void **ret, struct weir_error *err)
{
	void *config = calloc(1, table->size);
	int r = config ? 0 : weir_error_errno(err, ENOMEM, "configuration");

	for (const struct weir_config_key *k = table->keys; r == 0 && k->name; k++) {
		r = weir_config_set(config, k, k->value, err);
		if (r < 0)
			weir_error_prefix(err, r, "default");
	}
	if (r < 0) {
		weir_config_release(table, config);
		return r;
	}
	*ret = config;
	return 0;
}
