/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Static tokens, and what the rules give to somebody. A token is 32 random bytes, so
 * a fast hash is enough: there is nothing to guess from. All hashes are
 * compared, each in full, so that the time tells nothing.
 */
#include <errno.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/access/internal.h"
#include "weir/base64url.h"
#include "weir/cleanup.h"

#define SECRET_BYTES 32

/* --- persons ---------------------------------------------------------------------------- */

int weir_person_new(const char *user, const char *method, struct weir_person **ret)
{
	WEIR_CLEANUP(weir_person_free) struct weir_person *p = calloc(1, sizeof(*p));

	if (!p)
		return -ENOMEM;
	p->user = strdup(user);
	p->method = strdup(method);
	if (!p->user || !p->method)
		return -ENOMEM;
	*ret = weir_take(p);
	return 0;
}

int weir_person_add_group(struct weir_person *person, const char *group)
{
	char **groups = realloc(person->groups, (person->n_groups + 1) * sizeof(char *));

	if (!groups)
		return -ENOMEM;
	person->groups = groups;
	groups[person->n_groups] = strdup(group);
	if (!groups[person->n_groups])
		return -ENOMEM;
	person->n_groups++;
	return 0;
}

void weir_person_free(struct weir_person **person)
{
	struct weir_person *p = weir_take(*person);

	if (!p)
		return;
	for (size_t i = 0; i < p->n_groups; i++)
		free(p->groups[i]);
	for (int r = 0; r < WEIR_RIGHT_MAX; r++)
		weir_scope_clear(&p->scopes[r]);
	free(p->groups);
	free(p->user);
	free(p->method);
	free(p);
}

bool weir_person_may(const struct weir_person *person, enum weir_right right, const char *cluster,
		     const char *namespace_)
{
	const struct weir_scope *s = &person->scopes[right];

	return cluster ? weir_scope_has(s, cluster, namespace_) : weir_scope_is_all(s);
}

/* --- tokens ------------------------------------------------------------------------------ */

int weir_token_find(const struct weir_rules *rules, const char *token, uint64_t now,
		    struct weir_person **ret, struct weir_error *err)
{
	WEIR_CLEANUP(weir_person_free) struct weir_person *p = NULL;
	const struct weir_token *found = NULL;
	uint8_t hash[SHA256_DIGEST_LENGTH];
	int r;

	SHA256((const uint8_t *)token, strlen(token), hash);
	for (size_t i = 0; i < rules->n_tokens; i++)
		if (CRYPTO_memcmp(rules->tokens[i].hash, hash, sizeof(hash)) == 0)
			found = &rules->tokens[i];
	if (!found)
		return 0;
	if (found->expires && now >= found->expires)
		return weir_error_set(err, EACCES, "the token has expired");
	r = weir_person_new(found->user, "token", &p);
	for (size_t i = 0; r == 0 && i < found->n_groups; i++)
		r = weir_person_add_group(p, found->groups[i]);
	if (r < 0)
		return weir_error_errno(err, -r, "sign-in");
	*ret = weir_take(p);
	return 1;
}

int weir_access_make_token(char token[WEIR_TOKEN_TEXT], char hash[WEIR_TOKEN_HASH])
{
	uint8_t secret[SECRET_BYTES], sum[SHA256_DIGEST_LENGTH];
	size_t len = strlen(WEIR_TOKEN_PREFIX);

	if (RAND_bytes(secret, sizeof(secret)) != 1)
		return -EIO;
	memcpy(token, WEIR_TOKEN_PREFIX, len);
	weir_base64url_encode(secret, sizeof(secret), token + len);
	len = strlen(token);
	SHA256((const uint8_t *)token, len, sum);
	len = (size_t)snprintf(hash, WEIR_TOKEN_HASH, "sha256:");
	for (size_t i = 0; i < sizeof(sum); i++)
		len += (size_t)snprintf(hash + len, WEIR_TOKEN_HASH - len, "%02x", sum[i]);
	OPENSSL_cleanse(secret, sizeof(secret));
	return 0;
}

/* --- what the rules give ------------------------------------------------------------------ */

static bool is_bound(const struct weir_binding *b, const struct weir_person *p)
{
	for (size_t i = 0; i < b->n_users; i++)
		if (strcmp(b->users[i], p->user) == 0)
			return true;
	for (size_t i = 0; i < b->n_groups; i++)
		for (size_t k = 0; k < p->n_groups; k++)
			if (strcmp(b->groups[i], p->groups[k]) == 0)
				return true;
	return false;
}

static int add_scope(struct weir_scope *to, const struct weir_scope *what)
{
	for (size_t i = 0; i < what->n_grants; i++)
		if (weir_scope_add(to, what->grants[i].cluster, what->grants[i].namespace_) < 0)
			return -ENOMEM;
	return 0;
}

int weir_rules_apply(const struct weir_rules *rules, struct weir_person *person)
{
	for (size_t i = 0; i < rules->n_bindings; i++) {
		const struct weir_binding *b = &rules->bindings[i];

		for (int r = 0; r < WEIR_RIGHT_MAX && is_bound(b, person); r++)
			if (b->role->rights >> r & 1 &&
			    add_scope(&person->scopes[r], &b->scope) < 0)
				return -ENOMEM;
	}
	return 0;
}
