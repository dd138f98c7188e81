/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * weirctl: options and commands are tables (options.c, commands.c), from which
 * usage, completion and the tests of the man page are made. A command asks
 * the daemon (call.c) and prints what it got (output.c).
 */
#include <cjson/cJSON.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

#include "weir/error.h"

enum weirctl_exit { WEIRCTL_OK, WEIRCTL_NO, WEIRCTL_FAILED };

enum weirctl_option_id {
	WEIRCTL_OUTPUT,
	WEIRCTL_SOCKET,
	WEIRCTL_HELP,
	WEIRCTL_VERSION,
	WEIRCTL_FOLLOW,
	WEIRCTL_NAMESPACE,
	WEIRCTL_UNMANAGED,
	WEIRCTL_POD,
	WEIRCTL_VERDICT,
	WEIRCTL_SINCE,
	WEIRCTL_LAST,
	WEIRCTL_FROM,
	WEIRCTL_TO,
	WEIRCTL_PORT,
	WEIRCTL_TIMEOUT,
	WEIRCTL_DIR,
	WEIRCTL_PLUGIN,
	WEIRCTL_BIN_DIR,
	WEIRCTL_ON_UNAVAILABLE,
	WEIRCTL_ROOT,
	WEIRCTL_FLOWS,
	WEIRCTL_WITHOUT,
	WEIRCTL_STAGED,
	WEIRCTL_HUB,
	WEIRCTL_TOKEN,
	WEIRCTL_CA,
	WEIRCTL_CLUSTER,
	WEIRCTL_WHERE,
	WEIRCTL_BY,
	WEIRCTL_MEASURE,
	WEIRCTL_NODE,
	WEIRCTL_FOR,
	WEIRCTL_USES,
	WEIRCTL_OPTION_MAX
};

#define WEIRCTL_BIT(id) (1ull << (id))

struct weirctl_option {
	const char *name;
	char letter;	 /* 0: only the long form */
	const char *arg; /* NULL: takes none */
	const char *help;
};
extern const struct weirctl_option weirctl_options[WEIRCTL_OPTION_MAX];

enum weirctl_format { WEIRCTL_TABLE, WEIRCTL_WIDE, WEIRCTL_JSON, WEIRCTL_YAML, WEIRCTL_FORMAT_MAX };

struct weirctl {
	const char *values[WEIRCTL_OPTION_MAX]; /* as given; "" for one without argument; NULL: not
						   given */
	char **operands;			/* of a command that takes some; ended by NULL */
	const char *verb;			/* of a command that has some, else NULL */
	const char *socket;
	enum weirctl_format format;
	unsigned width; /* columns of the terminal; 0: not a terminal, nothing is cut */
	bool colour;
};

struct weirctl_command {
	const char *name, *summary;
	const char *verbs;    /* "install|remove|status": one of them must follow; NULL: none may */
	const char *operands; /* "FILE...": words may follow; NULL: none may */
	uint64_t options;     /* WEIRCTL_BIT() of those it takes beside the global ones */
	/* enum weirctl_exit, or -errno with the reason in err */
	int (*run)(struct weirctl *ctl, struct weir_error *err);
};
extern const struct weirctl_command weirctl_commands[]; /* ended by a NULL name */

int weirctl_chain(struct weirctl *ctl, struct weir_error *err);
int weirctl_doctor(struct weirctl *ctl, struct weir_error *err);
int weirctl_dump(struct weirctl *ctl, struct weir_error *err);
int weirctl_endpoints(struct weirctl *ctl, struct weir_error *err);
int weirctl_explain(struct weirctl *ctl, struct weir_error *err);
int weirctl_flows(struct weirctl *ctl, struct weir_error *err);
int weirctl_hub(struct weirctl *ctl, struct weir_error *err);
int weirctl_identities(struct weirctl *ctl, struct weir_error *err);
int weirctl_map(struct weirctl *ctl, struct weir_error *err);
int weirctl_names(struct weirctl *ctl, struct weir_error *err);
int weirctl_policies(struct weirctl *ctl, struct weir_error *err);
int weirctl_propose(struct weirctl *ctl, struct weir_error *err);
int weirctl_simulate(struct weirctl *ctl, struct weir_error *err);
int weirctl_status(struct weirctl *ctl, struct weir_error *err);
int weirctl_top(struct weirctl *ctl, struct weir_error *err);
int weirctl_wait(struct weirctl *ctl, struct weir_error *err);

/* --- options.c --------------------------------------------------------------- */

/* Fills ctl and finds the command (NULL with --help and --version). */
int weirctl_parse(int argc, char **argv, struct weirctl *ctl, const struct weirctl_command **ret,
		  struct weir_error *err);
void weirctl_usage(FILE *out, const struct weirctl_command *command);

/* --- call.c -------------------------------------------------------------------- */

/* Ask the daemon. Takes params (may be NULL). *ret is the result, to be
 * deleted. -errno when it cannot be asked, with what to do in err; the same
 * when it answers with an error, and then its code is in *ret_code (which may
 * be NULL), else 0. */
int weirctl_call(const struct weirctl *ctl, const char *method, cJSON *params, int timeout_ms,
		 cJSON **ret, int *ret_code, struct weir_error *err);

/* The same, but the whole reply as text (malloc'd): numbers beyond 2^53 stay exact. */
int weirctl_call_text(const struct weirctl *ctl, const char *method, cJSON *params, int timeout_ms,
		      char **ret_text, cJSON **ret, int *ret_code, struct weir_error *err);

/* --- output.c ------------------------------------------------------------------ */

/* Is it for a person? WIDE says more where a command has more to say. */
static inline bool weirctl_for_people(const struct weirctl *ctl)
{
	return ctl->format == WEIRCTL_TABLE || ctl->format == WEIRCTL_WIDE;
}

/* In the format that was asked for; table draws the result for a person.
 * Returns 0 or -errno. */
int weirctl_print(const struct weirctl *ctl, const cJSON *result,
		  void (*table)(const struct weirctl *ctl, const cJSON *result),
		  struct weir_error *err);

enum weirctl_style { WEIRCTL_PLAIN, WEIRCTL_GOOD, WEIRCTL_BAD, WEIRCTL_DIM, WEIRCTL_STYLE_MAX };
/* Escape sequence that begins the style, "" without colours. PLAIN ends one. */
const char *weirctl_style(const struct weirctl *ctl, enum weirctl_style style);
void weirctl_terminal(struct weirctl *ctl); /* sets width and colour, from stdout and NO_COLOR */
const char *weirctl_ellipsis(void);	    /* one column wide */

/* Members of an answer; "" and 0 where there is none. */
const char *weirctl_text(const cJSON *object, const char *key);
double weirctl_number(const cJSON *object, const char *key);
bool weirctl_true(const cJSON *object, const char *key);
const cJSON *weirctl_member(const cJSON *object, const char *key);
bool weirctl_denied(const cJSON *object); /* its "verdict" */
/* "namespace/name" of a {"namespace","name"} in buf; key_name: "name" or "pod" */
const char *weirctl_name(const cJSON *object, const char *key_name, char *buf, size_t size);

/* 1536 -> "1.5 KiB"; cmd-top.c */
const char *weirctl_bytes(double n, char *buf, size_t size);

/* --- yaml.c ---------------------------------------------------------------------- */

int weirctl_yaml(const cJSON *json, FILE *out, struct weir_error *err);

/* --- duration.c ------------------------------------------------------------------- */

/* "1500ms", "30s", "5m", "2h", "1h30m"; *ret in ms; -EINVAL */
int weirctl_duration(const char *text, double *ret);
/* 93 -> "1m 33s" */
const char *weirctl_ago(double seconds, char *buf, size_t size);
