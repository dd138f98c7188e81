/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Tokens of a Kubernetes cluster: its API server says whose they are (TokenReview,
 * authentication.k8s.io/v1). Answers are kept for a short while, by the hash of the token.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/access/internal.h"
#include "hub/access/jose.h"
#include "weir/cleanup.h"

#define KEEP_S	   60
#define KEPT_MAX   1024
#define TOKEN_MAX  16384
#define GROUPS_MAX 256

struct kept {
	uint8_t hash[SHA256_DIGEST_LENGTH];
	uint64_t until;		    /* seconds; 0: free */
	struct weir_person *person; /* NULL: not authenticated */
};

struct weir_review {
	char *server, *token_file, *ca_file, *audience;
	pthread_mutex_t lock;
	struct kept kept[KEPT_MAX];
};

int weir_review_new(const struct weir_access_config *config, struct weir_review **ret)
{
	WEIR_CLEANUP(weir_review_free) struct weir_review *v = calloc(1, sizeof(*v));

	if (!v)
		return -ENOMEM;
	pthread_mutex_init(&v->lock, NULL);
	v->server = strdup(config->kubernetes.server);
	v->token_file = strdup(config->kubernetes.token_file);
	v->ca_file = strdup(config->kubernetes.ca_file);
	v->audience = strdup(config->kubernetes.audience);
	if (!v->server || !v->token_file || !v->ca_file || !v->audience)
		return -ENOMEM;
	*ret = weir_take(v);
	return 0;
}

void weir_review_free(struct weir_review **review)
{
	struct weir_review *v = weir_take(*review);

	if (!v)
		return;
	for (size_t i = 0; i < KEPT_MAX; i++)
		weir_person_free(&v->kept[i].person);
	pthread_mutex_destroy(&v->lock);
	free(v->server);
	free(v->token_file);
	free(v->ca_file);
	free(v->audience);
	free(v);
}

/* --- asking ---------------------------------------------------------------------------------- */

static char *request_body(const struct weir_review *v, const char *token)
{
	cJSON *json = cJSON_CreateObject(), *spec;
	char *text;

	cJSON_AddStringToObject(json, "apiVersion", "authentication.k8s.io/v1");
	cJSON_AddStringToObject(json, "kind", "TokenReview");
	spec = cJSON_AddObjectToObject(json, "spec");
	cJSON_AddStringToObject(spec, "token", token);
	if (*v->audience)
		cJSON_AddItemToArray(cJSON_AddArrayToObject(spec, "audiences"),
				     cJSON_CreateString(v->audience));
	text = cJSON_PrintUnformatted(json);
	cJSON_Delete(json);
	return text;
}

/* The hub's own token: Kubernetes writes it anew within the hour, so it is read each time. */
static char *own_token(const struct weir_review *v)
{
	char text[TOKEN_MAX] = "";
	FILE *f = *v->token_file ? fopen(v->token_file, "re") : NULL;
	size_t len = f ? fread(text, 1, sizeof(text) - 1, f) : 0;

	if (f)
		fclose(f);
	while (len && (text[len - 1] == '\n' || text[len - 1] == '\r'))
		text[--len] = 0;
	return len ? strdup(text) : NULL;
}

static bool is_for(const struct weir_review *v, const cJSON *status)
{
	const cJSON *one;

	if (!*v->audience)
		return true;
	cJSON_ArrayForEach (one, cJSON_GetObjectItemCaseSensitive(status, "audiences"))
		if (cJSON_IsString(one) && strcmp(one->valuestring, v->audience) == 0)
			return true;
	return false;
}

/* NULL in *ret: not authenticated. */
static int read_answer(const struct weir_review *v, const char *text, struct weir_person **ret,
		       struct weir_error *err)
{
	WEIR_CLEANUP(weir_person_free) struct weir_person *p = NULL;
	cJSON *json = weir_jose_has_nul(text, strlen(text)) ? NULL : cJSON_Parse(text);
	const cJSON *status = cJSON_GetObjectItemCaseSensitive(json, "status");
	const cJSON *user = cJSON_GetObjectItemCaseSensitive(status, "user"), *group;
	const char *name = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(user, "username"));
	int r = 0;

	if (!cJSON_IsObject(status))
		r = weir_error_set(err, EAGAIN, "%s: answers with no TokenReview", v->server);
	else if (cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(status, "authenticated")) && name &&
		 *name && is_for(v, status))
		r = weir_person_new(name, "kubernetes", &p);
	cJSON_ArrayForEach (group, cJSON_GetObjectItemCaseSensitive(user, "groups"))
		if (r == 0 && p && cJSON_IsString(group) && p->n_groups < GROUPS_MAX)
			r = weir_person_add_group(p, group->valuestring);
	cJSON_Delete(json);
	if (r == 0)
		*ret = weir_take(p);
	return r;
}

static int ask(const struct weir_review *v, const char *token, struct weir_person **ret,
	       struct weir_error *err)
{
	WEIR_AUTO_FREE char *body = request_body(v, token), *bearer = own_token(v), *text = NULL;
	char url[1024];
	struct weir_fetch f = { .url = url, .ca_file = v->ca_file, .bearer = bearer, .body = body };
	int r;

	snprintf(url, sizeof(url), "%s/apis/authentication.k8s.io/v1/tokenreviews", v->server);
	if (!body)
		return weir_error_errno(err, ENOMEM, "sign-in");
	r = weir_fetch(&f, &text, err);
	return r < 0 ? r : read_answer(v, text, ret, err);
}

/* --- kept answers ------------------------------------------------------------------------------
 */

static int copy_person(const struct weir_person *from, struct weir_person **ret)
{
	WEIR_CLEANUP(weir_person_free) struct weir_person *p = NULL;
	int r = weir_person_new(from->user, from->method, &p);

	for (size_t i = 0; r == 0 && i < from->n_groups; i++)
		r = weir_person_add_group(p, from->groups[i]);
	if (r == 0)
		*ret = weir_take(p);
	return r;
}

static struct kept *slot_of(struct weir_review *v, const uint8_t hash[SHA256_DIGEST_LENGTH])
{
	return &v->kept[(hash[0] | hash[1] << 8) % KEPT_MAX];
}

/* 1: known, *ret may be NULL; 0: not known. */
static int find_kept(struct weir_review *v, const uint8_t *hash, uint64_t now,
		     struct weir_person **ret)
{
	struct kept *k = slot_of(v, hash);

	if (k->until <= now || memcmp(k->hash, hash, sizeof(k->hash)) != 0)
		return 0;
	if (k->person && copy_person(k->person, ret) < 0)
		return 0;
	return 1;
}

static void keep(struct weir_review *v, const uint8_t *hash, uint64_t now,
		 const struct weir_person *person)
{
	struct kept *k = slot_of(v, hash);

	weir_person_free(&k->person);
	k->until = 0;
	if (person && copy_person(person, &k->person) < 0)
		return;
	memcpy(k->hash, hash, sizeof(k->hash));
	k->until = now + KEEP_S;
}

int weir_review_sign_in(struct weir_review *v, const char *token, uint64_t now,
			struct weir_person **ret, struct weir_error *err)
{
	uint8_t hash[SHA256_DIGEST_LENGTH];
	struct weir_person *p = NULL;
	int r;

	if (strlen(token) > TOKEN_MAX)
		return 0;
	SHA256((const uint8_t *)token, strlen(token), hash);
	pthread_mutex_lock(&v->lock);
	r = find_kept(v, hash, now, &p);
	pthread_mutex_unlock(&v->lock);
	if (r == 0) {
		r = ask(v, token, &p, err);
		if (r < 0)
			return r;
		pthread_mutex_lock(&v->lock);
		keep(v, hash, now, p);
		pthread_mutex_unlock(&v->lock);
	}
	*ret = p;
	return p != NULL;
}
