/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Who somebody is, and what they may do. Sign-in by static token, OIDC or
 * Kubernetes TokenReview; roles bound to users and groups over clusters, projects and
 * namespaces, from a file that is followed; every sign-in, denial and change in the
 * audit log. Called by the API, from many threads.
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "hub/access/scope.h"
#include "weir/error.h"

/* What a role may hold. A scope comes with each. */
enum weir_right {
	WEIR_RIGHT_FLOWS, /* see flows, sums, the map */
	WEIR_RIGHT_NODES, /* see nodes and their gaps; enrol and revoke: ..._MANAGE */
	WEIR_RIGHT_NODES_MANAGE,
	WEIR_RIGHT_CLUSTER_POLICIES,   /* write cluster policies (fleet) */
	WEIR_RIGHT_NAMESPACE_POLICIES, /* write policies of namespaces (fleet) */
	WEIR_RIGHT_ACCESS,	       /* see roles and bindings */
	WEIR_RIGHT_AUDIT,	       /* read the audit log */
	WEIR_RIGHT_MAX
};
const char *weir_right_name(enum weir_right right);

struct weir_access;

/* Somebody who signed in; free with weir_person_free(). */
struct weir_person {
	char *user;
	char **groups;
	size_t n_groups;
	char *method;				  /* "token", "oidc", "kubernetes" */
	struct weir_scope scopes[WEIR_RIGHT_MAX]; /* where each right holds */
};
void weir_person_free(struct weir_person **person);
/* Does the right hold there? cluster or namespace_ NULL: for the whole fleet, the whole cluster. */
bool weir_person_may(const struct weir_person *person, enum weir_right right, const char *cluster,
		     const char *namespace_);

struct weir_access_config {
	const char *file;  /* access.yaml: tokens' hashes, projects, roles, bindings */
	const char *audit; /* the audit log: appended to, never rewritten */
	struct {
		const char *issuer, *audience, *user_claim, *groups_claim;
		const char *ca_file; /* of the issuer; "": the system's */
	} oidc;			     /* issuer "": off */
	struct {
		const char *server, *token_file, *ca_file;
		const char *audience;
	} kubernetes; /* server "": off */
};

/* A new static token, and what of it goes into access.yaml. -EIO: no random numbers. */
#define WEIR_TOKEN_TEXT 64
#define WEIR_TOKEN_HASH 72
int weir_access_make_token(char token[WEIR_TOKEN_TEXT], char hash[WEIR_TOKEN_HASH]);

int weir_access_new(const struct weir_access_config *config, struct weir_access **ret,
		    struct weir_error *err);
void weir_access_free(struct weir_access **access);
/* What is wrong with a file like access.yaml. */
int weir_access_check(const char *file, struct weir_error *err);
/* The file has changed, or may have. An error keeps what was in force. */
int weir_access_reload(struct weir_access *access, struct weir_error *err);

/* authorization: the HTTP header's value, NULL when there is none. from: the client's address,
 * for the audit log. May ask the issuer or the API server (seconds), so not for an
 * event loop. -EACCES: err says what is wrong with it, nothing that helps to guess;
 * -EAGAIN: who could tell does not answer. */
int weir_access_sign_in(struct weir_access *access, const char *authorization, const char *from,
			struct weir_person **ret, struct weir_error *err);

/* False: this sign-in asks nobody else, and takes no time. */
bool weir_access_may_wait(const struct weir_access *access, const char *authorization);

/* Members of an object: the roles that there are, and who is bound to them over what. */
struct weir_json;
void weir_access_describe(struct weir_access *access, struct weir_json *j);

/* A line of the audit log: who did, or tried, what to which object. Fails only when
 * it cannot be written: then what was to be done must not be done. */
int weir_access_audit(struct weir_access *access, const char *user, const char *from,
		      const char *action, const char *object, const char *outcome,
		      struct weir_error *err);
/* Whether each line of a file holds the hash of the one before. *ret_line: the first that does
 * not, from 1; 0: all do. */
int weir_audit_verify(const char *path, uint64_t *ret_line, struct weir_error *err);
/* The last lines, oldest first, as JSON objects. */
int weir_access_audit_read(struct weir_access *access, size_t last,
			   int (*fn)(void *data, const char *json), void *data,
			   struct weir_error *err);
