/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sign-in: a static token, a token of the issuer, a token of Kubernetes, in this
 * order; then the rules. What the file said when it was last read without an error holds.
 */
#include "hub/access/access.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <time.h>

#include "hub/access/internal.h"
#include "weir/cleanup.h"

struct weir_access {
	char *file;
	pthread_mutex_t lock; /* of rules: the pointer */
	struct weir_rules *rules;
	struct weir_audit *audit;
	struct weir_oidc *oidc;	    /* NULL: off */
	struct weir_review *review; /* NULL: off */
	struct weir_failures failures;
	struct weir_sessions sessions;
};

static bool is_set(const char *text)
{
	return text && *text;
}

static int open_parts(struct weir_access *a, const struct weir_access_config *c,
		      struct weir_error *err)
{
	int r = weir_access_reload(a, err);

	if (r == 0)
		r = weir_audit_open(c->audit, &a->audit, err);
	if (r == 0 && is_set(c->oidc.issuer) && !is_set(c->oidc.audience))
		r = weir_error_set(err, EINVAL, "oidc.audience: is needed with oidc.issuer");
	if (r == 0 && is_set(c->oidc.issuer) && weir_oidc_new(c, &a->oidc) < 0)
		r = weir_error_errno(err, ENOMEM, "access");
	if (r == 0 && is_set(c->kubernetes.server) && weir_review_new(c, &a->review) < 0)
		r = weir_error_errno(err, ENOMEM, "access");
	return r;
}

int weir_access_new(const struct weir_access_config *config, struct weir_access **ret,
		    struct weir_error *err)
{
	WEIR_CLEANUP(weir_access_free) struct weir_access *a = calloc(1, sizeof(*a));
	int r;

	if (!a)
		return weir_error_errno(err, ENOMEM, "access");
	pthread_mutex_init(&a->lock, NULL);
	pthread_mutex_init(&a->failures.lock, NULL);
	pthread_mutex_init(&a->sessions.lock, NULL);
	a->file = strdup(config->file);
	r = a->file ? open_parts(a, config, err) : weir_error_errno(err, ENOMEM, "access");
	if (r == 0)
		*ret = weir_take(a);
	return r;
}

void weir_access_free(struct weir_access **access)
{
	struct weir_access *a = weir_take(*access);

	if (!a)
		return;
	weir_rules_unref(&a->rules);
	weir_audit_close(&a->audit);
	weir_oidc_free(&a->oidc);
	weir_review_free(&a->review);
	pthread_mutex_destroy(&a->lock);
	pthread_mutex_destroy(&a->failures.lock);
	pthread_mutex_destroy(&a->sessions.lock);
	free(a->file);
	free(a);
}

int weir_access_check(const char *file, struct weir_error *err)
{
	struct weir_rules *rules = NULL;
	int r = weir_rules_read(file, &rules, err);

	weir_rules_unref(&rules);
	return r;
}

int weir_access_reload(struct weir_access *a, struct weir_error *err)
{
	struct weir_rules *rules = NULL, *old;
	int r = weir_rules_read(a->file, &rules, err);

	if (r == 0 && a->audit)
		r = weir_access_audit(a, "weir-hub", "", "reload", a->file, "done", err);
	if (r < 0) {
		weir_rules_unref(&rules);
		return r;
	}
	pthread_mutex_lock(&a->lock);
	old = a->rules;
	a->rules = rules;
	pthread_mutex_unlock(&a->lock);
	weir_rules_unref(&old);
	return 0;
}

static struct weir_rules *rules_of(struct weir_access *a)
{
	struct weir_rules *rules;

	pthread_mutex_lock(&a->lock);
	rules = a->rules;
	atomic_fetch_add(&rules->refs, 1);
	pthread_mutex_unlock(&a->lock);
	return rules;
}

void weir_access_describe(struct weir_access *a, struct weir_json *j)
{
	struct weir_rules *rules = rules_of(a);

	weir_rules_describe(rules, j);
	weir_rules_unref(&rules);
}

/* --- sign-in ---------------------------------------------------------------------------------- */

static const char *bearer_of(const char *authorization)
{
	static const char scheme[] = "Bearer ";

	if (!authorization || strncasecmp(authorization, scheme, strlen(scheme)) != 0)
		return NULL;
	authorization += strlen(scheme);
	return authorization + strspn(authorization, " ");
}

static int find_person(struct weir_access *a, const struct weir_rules *rules, const char *token,
		       uint64_t now, struct weir_person **ret, struct weir_error *err)
{
	int r = weir_token_find(rules, token, now, ret, err);
	bool ours = strncmp(token, WEIR_TOKEN_PREFIX, strlen(WEIR_TOKEN_PREFIX)) == 0;

	if (r == 0 && !ours && a->oidc)
		r = weir_oidc_sign_in(a->oidc, token, now, ret, err);
	if (r == 0 && !ours && a->review)
		r = weir_review_sign_in(a->review, token, now, ret, err);
	return r ? r : weir_error_set(err, EACCES, "the token is not known");
}

static int try_token(struct weir_access *a, const char *token, uint64_t now,
		     struct weir_person **ret, struct weir_error *err)
{
	WEIR_CLEANUP(weir_rules_unref) struct weir_rules *rules = rules_of(a);
	WEIR_CLEANUP(weir_person_free) struct weir_person *p = NULL;
	int r = find_person(a, rules, token, now, &p, err);

	if (r < 0)
		return r;
	if (weir_rules_apply(rules, p) < 0)
		return weir_error_errno(err, ENOMEM, "sign-in");
	*ret = weir_take(p);
	return 0;
}

bool weir_access_may_wait(const struct weir_access *a, const char *authorization)
{
	const char *token = bearer_of(authorization);

	return token && (a->oidc || a->review) &&
	       strncmp(token, WEIR_TOKEN_PREFIX, strlen(WEIR_TOKEN_PREFIX)) != 0;
}

int weir_access_sign_in(struct weir_access *a, const char *authorization, const char *from,
			struct weir_person **ret, struct weir_error *err)
{
	WEIR_CLEANUP(weir_person_free) struct weir_person *p = NULL;
	const char *token = bearer_of(authorization);
	uint64_t now = (uint64_t)time(NULL);
	struct weir_error why = { "" };
	int r;

	if (!token || !*token)
		return weir_error_set(err, EACCES, "sign in with \"Authorization: Bearer TOKEN\"");
	if (!weir_failures_may_try(&a->failures, from, now))
		return weir_error_set(err, EBUSY,
				      "too many failed sign-ins from this address; wait a minute");
	r = try_token(a, token, now, &p, err);
	if (r == -EACCES) {
		weir_failures_add(&a->failures, from, now);
		if (weir_access_audit(a, "", from, "sign-in", "", err ? err->text : "denied",
				      &why) < 0)
			return weir_error_set(err, EAGAIN, "%s", why.text);
	}
	if (r == 0 && weir_sessions_begin(&a->sessions, token, from, now)) {
		r = weir_access_audit(a, p->user, from, "sign-in", p->method, "done", err);
		if (r < 0)
			weir_sessions_end(&a->sessions, token, from);
	}
	if (r == 0)
		*ret = weir_take(p);
	return r;
}

int weir_access_audit(struct weir_access *a, const char *user, const char *from, const char *action,
		      const char *object, const char *outcome, struct weir_error *err)
{
	struct weir_audit_line line = { user, from, action, object, outcome };

	return weir_audit_write(a->audit, &line, err);
}

int weir_access_audit_read(struct weir_access *a, size_t last,
			   int (*fn)(void *data, const char *json), void *data,
			   struct weir_error *err)
{
	return weir_audit_read(a->audit, last, fn, data, err);
}
