/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One configuration value from its text: durations, sizes, choices, lists.
 * Called for defaults, for flags and for what stands in the file, so that all
 * three are checked alike. Does not know where a text came from.
 */
#include "lib/config/value.h"

#include <ctype.h>
#include <errno.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "weir/cleanup.h"

struct unit {
	const char *name;
	uint64_t factor;
};

static const struct unit durations[] = {
	{ "ms", 1 }, { "s", 1000 }, { "m", 60 * 1000 }, { "h", 3600 * 1000 }, { NULL, 0 },
};
static const struct unit sizes[] = {
	{ "", 1 }, { "KiB", 1ull << 10 }, { "MiB", 1ull << 20 }, { "GiB", 1ull << 30 }, { NULL, 0 },
};
static const struct unit numbers[] = { { "", 1 }, { NULL, 0 } };

static const struct {
	const struct unit *units;
	const char *want;
} scales[WEIR_KEY_TYPE_MAX] = {
	[WEIR_KEY_NUMBER] = { numbers, "a number" },
	[WEIR_KEY_DURATION] = { durations, "a duration (want e.g. 500ms, 10s, 5m, 1h)" },
	[WEIR_KEY_AGE] = { durations, "a duration (want e.g. 12h, 168h)" },
	[WEIR_KEY_SIZE] = { sizes, "a size (want e.g. 65536, 512KiB, 8MiB)" },
};

static void *member(void *config, const struct weir_config_key *key)
{
	return (char *)config + key->offset;
}

/* Digits and a unit; -EINVAL for anything else, -ERANGE beyond 64 bits. */
static int parse_scaled(const char *text, const struct unit *units, uint64_t *ret)
{
	char *end;
	unsigned long long n;
	uint64_t value;

	if (!isdigit((unsigned char)*text))
		return -EINVAL;
	errno = 0;
	n = strtoull(text, &end, 10);
	if (errno)
		return -ERANGE;
	for (const struct unit *u = units; u->name; u++) {
		if (strcmp(end, u->name))
			continue;
		if (__builtin_mul_overflow((uint64_t)n, u->factor, &value))
			return -ERANGE;
		*ret = value;
		return 0;
	}
	return -EINVAL;
}

int weir_duration_parse(const char *text, uint64_t *ret_ms)
{
	return parse_scaled(text, durations, ret_ms);
}

/* 90000 ms -> "90s"; the largest unit without a remainder */
static const char *format_scaled(uint64_t value, const struct unit *units, char *buf, size_t size)
{
	const struct unit *best = units;

	for (const struct unit *u = units; u->name; u++) {
		if (value && value % u->factor == 0)
			best = u;
	}
	snprintf(buf, size, "%" PRIu64 "%s", value / best->factor, best->name);
	return buf;
}

static int set_scaled(void *config, const struct weir_config_key *key, const char *text,
		      struct weir_error *err)
{
	const struct unit *units = scales[key->type].units;
	uint64_t value;
	char low[32], high[32];
	int r = parse_scaled(text, units, &value);

	if (r == -EINVAL)
		return weir_error_set(err, EINVAL, "\"%s\" is not %s", text,
				      scales[key->type].want);
	if (r < 0 || value < key->min || value > key->max)
		return weir_error_set(err, EINVAL, "%s is not within %s and %s", text,
				      format_scaled(key->min, units, low, sizeof(low)),
				      format_scaled(key->max, units, high, sizeof(high)));
	if (key->type == WEIR_KEY_SIZE || key->type == WEIR_KEY_AGE)
		*(uint64_t *)member(config, key) = value;
	else
		*(unsigned *)member(config, key) = (unsigned)value;
	return 0;
}

static int set_choice(void *config, const struct weir_config_key *key, const char *text,
		      struct weir_error *err)
{
	char list[128] = "";

	for (unsigned i = 0; key->choices[i]; i++) {
		if (!strcmp(key->choices[i], text)) {
			*(unsigned *)member(config, key) = i;
			return 0;
		}
		snprintf(list + strlen(list), sizeof(list) - strlen(list), "%s%s", i ? ", " : "",
			 key->choices[i]);
	}
	return weir_error_set(err, EINVAL, "\"%s\" is none of: %s", text, list);
}

static int set_text(void *config, const struct weir_config_key *key, const char *text,
		    struct weir_error *err)
{
	char **to = member(config, key), *copy;

	if (key->type == WEIR_KEY_PATH && *text != '/' && (*text || *key->value))
		return weir_error_set(err, EINVAL, "\"%s\" is not an absolute path", text);
	copy = strdup(text);
	if (!copy)
		return weir_error_errno(err, ENOMEM, "%s", key->name);
	free(*to);
	*to = copy;
	return 0;
}

static int set_strings(void *config, const struct weir_config_key *key, const char *const *items,
		       size_t n, struct weir_error *err)
{
	struct weir_config_strings *to = member(config, key);

	weir_config_value_clear(config, key);
	to->items = calloc(n ? n : 1, sizeof(*to->items));
	if (!to->items)
		return weir_error_errno(err, ENOMEM, "%s", key->name);
	for (; to->n < n; to->n++) {
		to->items[to->n] = strdup(items[to->n]);
		if (!to->items[to->n])
			return weir_error_errno(err, ENOMEM, "%s", key->name);
	}
	return 0;
}

static int set_prefixes(void *config, const struct weir_config_key *key, const char *const *items,
			size_t n, struct weir_error *err)
{
	struct weir_config_prefixes *to = member(config, key);

	weir_config_value_clear(config, key);
	to->items = calloc(n ? n : 1, sizeof(*to->items));
	if (!to->items)
		return weir_error_errno(err, ENOMEM, "%s", key->name);
	for (; to->n < n; to->n++) {
		if (weir_prefix_parse(items[to->n], true, &to->items[to->n]) < 0)
			return weir_error_set(err, EINVAL,
					      "\"%s\" is not a CIDR (want e.g. 10.244.1.0/24)",
					      items[to->n]);
	}
	return 0;
}

int weir_config_value_set(void *config, const struct weir_config_key *key, const char *const *items,
			  size_t n, struct weir_error *err)
{
	if (key->type == WEIR_KEY_STRINGS)
		return set_strings(config, key, items, n, err);
	if (key->type == WEIR_KEY_PREFIXES)
		return set_prefixes(config, key, items, n, err);
	if (n != 1)
		return weir_error_set(err, EINVAL, "want one value");
	if (key->type == WEIR_KEY_CHOICE)
		return set_choice(config, key, items[0], err);
	if (scales[key->type].units)
		return set_scaled(config, key, items[0], err);
	return set_text(config, key, items[0], err);
}

void weir_config_value_clear(void *config, const struct weir_config_key *key)
{
	if (key->type == WEIR_KEY_STRINGS) {
		struct weir_config_strings *s = member(config, key);

		while (s->n)
			free(s->items[--s->n]);
		free(weir_take(s->items));
	} else if (key->type == WEIR_KEY_PREFIXES) {
		struct weir_config_prefixes *p = member(config, key);

		p->n = 0;
		free(weir_take(p->items));
	} else if (key->type == WEIR_KEY_TEXT || key->type == WEIR_KEY_PATH) {
		char **text = member(config, key);

		free(weir_take(*text));
	}
}
