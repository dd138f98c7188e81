/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The configuration of a program: a struct of its own, and a table that says of
 * each member its key, type, default and help. Reading a file, flags, checks, the
 * usage text and the lists in error messages come from the table. Used by weird
 * (daemon/config) and weir-hub (hub/config).
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include "weir/addr.h"
#include "weir/error.h"

struct weir_config_strings {
	size_t n;
	char **items;
};

struct weir_config_prefixes {
	size_t n;
	struct weir_prefix *items;
};

enum weir_config_type {		       /* the member is */
			WEIR_KEY_TEXT, /* char *: any text */
			WEIR_KEY_PATH, /* char *: an absolute path, or empty where the default is */
			WEIR_KEY_CHOICE,   /* unsigned: one of choices[] */
			WEIR_KEY_NUMBER,   /* unsigned: without a unit */
			WEIR_KEY_DURATION, /* unsigned: 500ms, 10s, 5m, 1h; kept in ms */
			WEIR_KEY_AGE,	   /* uint64_t: a duration of weeks or years; kept in ms */
			WEIR_KEY_SIZE,	   /* uint64_t: 65536, 512KiB, 8MiB, 1GiB; kept in bytes */
			WEIR_KEY_STRINGS,  /* struct weir_config_strings */
			WEIR_KEY_PREFIXES, /* struct weir_config_prefixes: CIDRs */
			WEIR_KEY_TYPE_MAX
};

struct weir_config_key {
	const char *name; /* "flows.interval"; the flag is --flows-interval */
	enum weir_config_type type;
	size_t offset;		    /* of the member of the program's struct */
	const char *value;	    /* the default, written as on the command line */
	const char *help;	    /* one line */
	uint64_t min, max;	    /* NUMBER, DURATION and AGE (ms), SIZE (bytes) */
	const char *const *choices; /* CHOICE: NULL-terminated, index = value */
};

/* A line of such a table. */
#define WEIR_CONFIG_KEY(struct_, name_, type_, member_, value_, help_, ...)                        \
	{                                                                                          \
		.name = name_, .type = WEIR_KEY_##type_, .value = value_,                          \
		.offset = offsetof(struct_, member_), .help = help_, __VA_ARGS__                   \
	}

struct weir_config_table {
	const struct weir_config_key *keys; /* in the order of the documentation; ended by a
					       NULL name */
	size_t size;			    /* of the program's struct */
};

/* In each function: config is the program's struct, of that table. */

const struct weir_config_key *weir_config_find(const struct weir_config_table *table,
					       const char *name);
/* What a value of this type looks like: "DURATION", "PATH", ... */
const char *weir_config_type_name(enum weir_config_type type);
/* "flows-max-connections" of "flows.maxConnections"; into buf, which it returns. */
#define WEIR_CONFIG_FLAG_MAX 64
const char *weir_config_flag(const struct weir_config_key *key, char *buf);

/* All defaults, in fresh memory; free with weir_config_release(). */
int weir_config_defaults(const struct weir_config_table *table, void **ret, struct weir_error *err);
void weir_config_release(const struct weir_config_table *table, void *config);
/* The text of a file called name. An error leaves config partly changed. */
int weir_config_parse(const struct weir_config_table *table, void *config, const char *text,
		      size_t len, const char *name, struct weir_error *err);
int weir_config_read(const struct weir_config_table *table, void *config, const char *path,
		     struct weir_error *err);
/* One key from text, as a flag has it: list items are separated by commas. */
int weir_config_set(void *config, const struct weir_config_key *key, const char *text,
		    struct weir_error *err);

/* "500ms", "15m", "24h". -EINVAL: it is none; -ERANGE: beyond 64 bits. */
int weir_duration_parse(const char *text, uint64_t *ret_ms);

/* --- the command line ------------------------------------------------------------- */

/* An option that is no key. */
struct weir_config_word {
	const char *name;  /* "check-config" */
	const char *value; /* what it takes: "FILE"; NULL: nothing */
	const char *help;
	int id; /* > 0; a letter is also a short option */
};

struct weir_config_line {
	const char *program; /* for messages */
	const struct weir_config_table *table;
	const struct weir_config_word *words; /* ended by a NULL name */
};

/* Tells fn of each word, in order; flags of keys are passed over. */
int weir_config_words(const struct weir_config_line *line, int argc, char **argv,
		      void (*fn)(void *data, int id, const char *value), void *data,
		      struct weir_error *err);
/* Then: sets what the flags of keys say. */
int weir_config_flags(const struct weir_config_line *line, int argc, char **argv, void *config,
		      struct weir_error *err);
/* For --help: the words; and the keys with flag, default and help. */
void weir_config_usage_words(const struct weir_config_line *line, FILE *out);
void weir_config_usage(const struct weir_config_table *table, FILE *out);
