/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* Between the files of this folder. */
#include <pthread.h>
#include <stdatomic.h>

#include "hub/access/access.h"

/* --- roles.c ------------------------------------------------------------------------ */

/* What a role is bound over. */
enum weir_over {
	WEIR_OVER_FLEET,
	WEIR_OVER_CLUSTERS,
	WEIR_OVER_PROJECTS,
	WEIR_OVER_WORKSPACES, /* named parts of a project: "project/workspace" */
	WEIR_OVER_NAMESPACES,
	WEIR_OVER_MAX
};
const char *weir_over_name(enum weir_over over);

struct weir_role {
	const char *name;
	enum weir_over over;
	unsigned rights; /* bits: weir_right */
};
enum weir_right weir_right_of(const char *name); /* WEIR_RIGHT_MAX: none */
const struct weir_role *weir_role_find(const struct weir_role *own, size_t n, const char *name);
/* The built-in ones; non-zero ends. */
void weir_role_each(int (*fn)(void *data, const struct weir_role *role), void *data);

/* --- file.c: access.yaml ------------------------------------------------------------- */

struct weir_binding {
	const struct weir_role *role;
	char **users, **groups;
	size_t n_users, n_groups;
	struct weir_scope scope; /* what it is over */
};

struct weir_token {
	char *user;
	char **groups;
	size_t n_groups;
	uint8_t hash[32]; /* SHA-256 of the token's text */
	uint64_t expires; /* seconds since the epoch, 0: never */
};

/* The file, read and checked. Never changed; replaced as a whole. */
struct weir_rules {
	atomic_uint refs;
	struct weir_role *roles; /* own */
	size_t n_roles;
	struct weir_binding *bindings;
	size_t n_bindings;
	struct weir_token *tokens;
	size_t n_tokens;
};
/* As weir_access_describe() */
void weir_rules_describe(const struct weir_rules *rules, struct weir_json *j);
int weir_rules_parse(const char *text, size_t len, const char *name, struct weir_rules **ret,
		     struct weir_error *err);
int weir_rules_read(const char *path, struct weir_rules **ret, struct weir_error *err);
void weir_rules_unref(struct weir_rules **rules);

/* --- token.c ------------------------------------------------------------------------- */

#define WEIR_TOKEN_PREFIX "weir_"
/* Somebody without scopes; the rules give them. */
int weir_person_new(const char *user, const char *method, struct weir_person **ret);
int weir_person_add_group(struct weir_person *person, const char *group);
/* 1: the token is of this person; 0: it is none of ours. -EACCES: it is over. */
int weir_token_find(const struct weir_rules *rules, const char *token, uint64_t now,
		    struct weir_person **ret, struct weir_error *err);
/* All scopes of a person, by user and groups. */
int weir_rules_apply(const struct weir_rules *rules, struct weir_person *person);

/* --- fetch.c: HTTPS to the issuer and the API server --------------------------------- */

struct weir_fetch {
	const char *url, *ca_file;
	const char *bearer; /* NULL: none */
	const char *body;   /* JSON to post; NULL: GET */
};
/* 200 or 201 only; *ret: the body, free(). -EAGAIN: it does not answer, or with an error. */
int weir_fetch(const struct weir_fetch *f, char **ret, struct weir_error *err);

/* --- oidc.c --------------------------------------------------------------------------- */

struct weir_oidc;
int weir_oidc_new(const struct weir_access_config *config, struct weir_oidc **ret);
void weir_oidc_free(struct weir_oidc **oidc);
/* 0: not a token of this issuer. 1: *ret signed in. -EACCES, -EAGAIN. */
int weir_oidc_sign_in(struct weir_oidc *oidc, const char *token, uint64_t now,
		      struct weir_person **ret, struct weir_error *err);

/* --- review.c: TokenReview of Kubernetes ----------------------------------------------- */

struct weir_review;
int weir_review_new(const struct weir_access_config *config, struct weir_review **ret);
void weir_review_free(struct weir_review **review);
int weir_review_sign_in(struct weir_review *review, const char *token, uint64_t now,
			struct weir_person **ret, struct weir_error *err);

/* --- failures.c: who guesses ------------------------------------------------------------ */

#define WEIR_FAILURES_PLACES 4096
struct weir_failures {
	pthread_mutex_t lock;
	struct {
		uint64_t address; /* hash */
		double tokens;	  /* tries left */
		uint64_t at;	  /* seconds */
	} places[WEIR_FAILURES_PLACES];
};
/* False: this address has failed too often of late. */
bool weir_failures_may_try(struct weir_failures *f, const char *address, uint64_t now);
void weir_failures_add(struct weir_failures *f, const char *address, uint64_t now);

/* --- sessions.c: requests of one token from one address within an hour are one sign-in ---- */

#define WEIR_SESSIONS_PLACES 8192
struct weir_sessions {
	pthread_mutex_t lock;
	struct {
		uint8_t key[32];
		uint64_t until; /* seconds */
	} places[WEIR_SESSIONS_PLACES];
};
/* True: this is a new one. */
bool weir_sessions_begin(struct weir_sessions *s, const char *token, const char *from,
			 uint64_t now);
void weir_sessions_end(struct weir_sessions *s, const char *token, const char *from);

/* --- audit.c --------------------------------------------------------------------------- */

struct weir_audit;
int weir_audit_open(const char *path, struct weir_audit **ret, struct weir_error *err);
void weir_audit_close(struct weir_audit **audit);
struct weir_audit_line {
	const char *user, *from, *action, *object, *outcome;
};
int weir_audit_write(struct weir_audit *audit, const struct weir_audit_line *line,
		     struct weir_error *err);
int weir_audit_read(struct weir_audit *audit, size_t last, int (*fn)(void *data, const char *json),
		    void *data, struct weir_error *err);
