/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Enrolment: tokens are made, and what they let in. A change is made in memory,
 * written, and taken back when it cannot be written. Only hashes are kept: who
 * reads the file can enrol nothing.
 */
#include <errno.h>
#include <openssl/sha.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <time.h>

#include "hub/receive/internal.h"
#include "weir/base64url.h"
#include "weir/cleanup.h"
#include "weir/log.h"

static void hash_of(const char *secret, uint8_t *ret)
{
	SHA256((const uint8_t *)secret, strlen(secret), ret);
}

bool weir_pass_is_open(const struct weir_pass *p, uint64_t now)
{
	return p->uses && p->expires_ms > now;
}

static void drop_closed(struct weir_registry *r)
{
	uint64_t now = weir_receive_now_ms(CLOCK_REALTIME);
	size_t n = 0;

	for (size_t i = 0; i < r->n_passes; i++)
		if (weir_pass_is_open(&r->passes[i], now))
			r->passes[n++] = r->passes[i];
	r->n_passes = n;
}

static int add_pass(struct weir_registry *r, const struct weir_pass *p, struct weir_error *err)
{
	struct weir_pass *passes;

	drop_closed(r);
	if (r->n_passes >= WEIR_PASSES_MAX)
		return weir_error_set(err, ENOSPC, "%u tokens are open; let some expire first",
				      WEIR_PASSES_MAX);
	passes = realloc(r->passes, (r->n_passes + 1) * sizeof(*passes));
	if (!passes)
		return weir_error_errno(err, ENOMEM, "token");
	r->passes = passes;
	passes[r->n_passes++] = *p;
	return 0;
}

static void remove_pass(struct weir_registry *r, const uint8_t *hash)
{
	for (size_t i = 0; i < r->n_passes; i++)
		if (!memcmp(r->passes[i].hash, hash, WEIR_HASH_LEN))
			r->passes[i] = r->passes[--r->n_passes];
}

static int check_name(const char *what, const char *name, struct weir_error *err)
{
	struct weir_link_message m = { .n_boots = 0 };
	WEIR_AUTO_FREE char *text = NULL;
	int failed = strlen(name) < sizeof(m.node) ? 0 : -EINVAL;

	if (failed == 0) {
		strcpy(m.node, name);
		strcpy(m.cluster, name);
		text = weir_link_write(WEIR_LINK_ENROLLED, &m);
		failed = text ? weir_link_read(WEIR_LINK_ENROLLED, text, strlen(text), &m, NULL)
			      : -ENOMEM;
	}
	if (failed == -ENOMEM)
		return weir_error_errno(err, ENOMEM, "token");
	if (failed < 0)
		return weir_error_set(err, EINVAL,
				      "%s: letters, digits, '.', '-' and '_', a letter or digit "
				      "first, at most %d",
				      what, WEIR_LINK_NAME_MAX);
	return 0;
}

static int fill_pass(struct weir_pass *p, const char *cluster, const char *node, uint64_t ttl_ms,
		     unsigned uses, struct weir_error *err)
{
	int failed = check_name("cluster", cluster, err);

	if (failed == 0 && node)
		failed = check_name("node", node, err);
	if (failed == 0 && (!ttl_ms || !uses))
		failed = weir_error_set(err, EINVAL, "a token must be good for something");
	if (failed < 0)
		return failed;
	strcpy(p->cluster, cluster);
	strcpy(p->node, node ? node : "");
	p->expires_ms = weir_receive_now_ms(CLOCK_REALTIME) + ttl_ms;
	p->uses = uses;
	return 0;
}

int weir_registry_make_token(struct weir_registry *r, const char *cluster, const char *node,
			     uint64_t ttl_ms, unsigned uses, char **ret, struct weir_error *err)
{
	struct weir_link_token token = { .address = "" };
	struct weir_pass p = { .uses = 0 };
	WEIR_AUTO_FREE char *text = NULL;
	uint8_t secret[32];
	int failed = fill_pass(&p, cluster, node, ttl_ms, uses, err);

	if (failed < 0)
		return failed;
	if (getrandom(secret, sizeof(secret), 0) != sizeof(secret))
		return weir_error_errno(err, EIO, "token");
	weir_base64url_encode(secret, sizeof(secret), token.secret);
	hash_of(token.secret, p.hash);
	strcpy(token.server_key, r->public_key);
	snprintf(token.address, sizeof(token.address), "%s", r->address);
	text = weir_link_token_write(&token);
	explicit_bzero(&token, sizeof(token));
	explicit_bzero(secret, sizeof(secret));
	if (!text)
		return weir_error_errno(err, ENOMEM, "token");
	pthread_mutex_lock(&r->write_lock);
	pthread_mutex_lock(&r->lock);
	failed = add_pass(r, &p, err);
	pthread_mutex_unlock(&r->lock);
	if (failed == 0 && (failed = weir_registry_write(r, err)) < 0) {
		pthread_mutex_lock(&r->lock);
		remove_pass(r, p.hash);
		pthread_mutex_unlock(&r->lock);
	}
	pthread_mutex_unlock(&r->write_lock);
	if (failed == 0)
		*ret = weir_take(text);
	return failed;
}

/* --- enrolment ------------------------------------------------------------------------ */

static struct weir_pass *find_pass(struct weir_registry *r, const char *secret, const char *node,
				   struct weir_error *err)
{
	uint8_t hash[WEIR_HASH_LEN];
	uint64_t now = weir_receive_now_ms(CLOCK_REALTIME);

	hash_of(secret, hash);
	for (size_t i = 0; i < r->n_passes; i++) {
		struct weir_pass *p = &r->passes[i];

		if (memcmp(p->hash, hash, sizeof(hash)) != 0)
			continue;
		if (!weir_pass_is_open(p, now)) {
			weir_error_set(err, EACCES,
				       "the token is %s; make another with weirctl "
				       "hub enrol",
				       p->uses ? "expired" : "used up");
			return NULL;
		}
		if (!*p->node || !strcmp(p->node, node))
			return p;
		weir_error_set(err, EACCES, "the token is for another node than %s", node);
		return NULL;
	}
	weir_error_set(err, EACCES, "the hub knows no such token; make one with weirctl hub enrol");
	return NULL;
}

/* Under whatever name it comes: what let it in once may not let it in again. */
static bool was_revoked(const struct weir_registry *r, const char *key)
{
	for (size_t i = 0; i < r->nodes.n; i++)
		if (r->nodes.by_name[i]->state.enrolled_ms &&
		    r->nodes.by_name[i]->state.revoked_ms &&
		    !strcmp(r->nodes.by_name[i]->state.key, key))
			return true;
	return false;
}

/* With both locks. ret_undo: what to put back. */
static int admit(struct weir_registry *r, const char *key, struct weir_pass *p, const char *node,
		 struct weir_link_node **ret, struct weir_node_state *ret_undo,
		 struct weir_error *err)
{
	struct weir_link_node *n = weir_nodes_by_name(&r->nodes, p->cluster, node);
	int failed = 0;

	if (n && n->state.enrolled_ms && !*p->node)
		return weir_error_set(err, EACCES,
				      "node %s of cluster %s is %s; make a token for this node by "
				      "name",
				      node, p->cluster,
				      n->state.revoked_ms ? "revoked"
							  : "enrolled with another key");
	if (!*p->node && was_revoked(r, key))
		return weir_error_set(err, EACCES,
				      "this key was revoked; make a token for node %s "
				      "by name",
				      node);
	if (!n)
		failed = weir_nodes_add(&r->nodes, p->cluster, node, &n);
	if (failed < 0)
		return weir_error_set(err, EACCES, "no more than %zu nodes can be enrolled",
				      r->nodes.max);
	*ret_undo = n->state;
	n->state.enrolled_ms = weir_receive_now_ms(CLOCK_REALTIME);
	n->state.revoked_ms = 0;
	n->refused_until_ms = n->penalty_ms = 0;
	weir_nodes_set_key(&r->nodes, n, key);
	p->uses--;
	*ret = n;
	return 0;
}

static void take_back(struct weir_registry *r, struct weir_link_node *n,
		      const struct weir_node_state *before)
{
	bool had = before->enrolled_ms && !before->revoked_ms;

	weir_nodes_set_key(&r->nodes, n, had ? before->key : NULL);
	n->state = *before; /* enrolled_ms 0: as if it were not there */
}

static void give_back(struct weir_registry *r, const char *secret)
{
	uint8_t hash[WEIR_HASH_LEN];

	hash_of(secret, hash);
	for (size_t i = 0; i < r->n_passes; i++)
		r->passes[i].uses += !memcmp(r->passes[i].hash, hash, sizeof(hash));
}

static int enrol_new(struct weir_registry *r, const char *key, const char *secret, const char *node,
		     struct weir_link_node **ret, struct weir_error *err)
{
	struct weir_node_state before;
	struct weir_pass *p;
	int failed = -EACCES;

	pthread_mutex_lock(&r->lock);
	p = find_pass(r, secret, node, err);
	if (p)
		failed = admit(r, key, p, node, ret, &before, err);
	pthread_mutex_unlock(&r->lock);
	if (failed < 0)
		return failed;
	failed = weir_registry_write(r, err);
	if (failed == 0)
		return 0;
	weir_log(WEIR_LOG_ERROR, "a node cannot be enrolled", "node", node, "error", err->text,
		 NULL);
	pthread_mutex_lock(&r->lock);
	take_back(r, *ret, &before);
	give_back(r, secret);
	pthread_mutex_unlock(&r->lock);
	return weir_error_set(err, EACCES, "the hub cannot write its list of nodes");
}

int weir_registry_enrol(struct weir_registry *r, const char *key, const char *secret,
			const char *node, struct weir_link_node **ret, struct weir_error *err)
{
	struct weir_link_node *n;
	int failed;

	pthread_mutex_lock(&r->write_lock);
	pthread_mutex_lock(&r->lock);
	n = weir_nodes_by_key(&r->nodes, key);
	pthread_mutex_unlock(&r->lock);
	if (!n) {
		failed = enrol_new(r, key, secret, node, ret, err);
	} else if (strcmp(n->state.node, node) != 0) {
		failed = weir_error_set(err, EACCES, "this key is enrolled as node %s",
					n->state.node);
	} else { /* our answer was lost */
		*ret = n;
		failed = 0;
	}
	pthread_mutex_unlock(&r->write_lock);
	return failed;
}
