/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who is enrolled, who is let in, and who is out again: a revocation holds also
 * when it cannot be written. Called by the API, by the thread that receives, and
 * while hands are shaken.
 */
#include "hub/receive/registry.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hub/receive/internal.h"
#include "weir/cleanup.h"
#include "weir/file.h"
#include "weir/log.h"

#define NODES_MAX 10000u

uint64_t weir_receive_now_ms(clockid_t clock)
{
	struct timespec t;

	clock_gettime(clock, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* --- opening ---------------------------------------------------------------------- */

int weir_registry_open(const struct weir_registry_config *config, struct weir_registry **ret,
		       struct weir_error *err)
{
	struct weir_registry *r = calloc(1, sizeof(*r));
	char key[4096];
	int failed;

	if (!r)
		return weir_error_errno(err, ENOMEM, "nodes");
	pthread_mutex_init(&r->write_lock, NULL);
	pthread_mutex_init(&r->lock, NULL);
	snprintf(r->path, sizeof(r->path), "%s/nodes.json", config->state_dir);
	snprintf(key, sizeof(key), "%s/hub.key", config->state_dir);
	r->nodes.max = config->max_nodes ? config->max_nodes : NODES_MAX;
	r->address = strdup(config->address ? config->address : "");
	failed = r->address ? weir_curve_keypair(key, r->public_key, r->secret_key, err)
			    : weir_error_errno(err, ENOMEM, "nodes");
	if (failed == 0)
		failed = weir_registry_load(r, err);
	if (failed < 0) {
		weir_registry_close(&r);
		return failed;
	}
	*ret = r;
	return 0;
}

void weir_registry_close(struct weir_registry **registry)
{
	struct weir_registry *r = weir_take(*registry);

	if (!r)
		return;
	weir_registry_save(r);
	weir_nodes_clear(&r->nodes);
	free(r->passes);
	free(r->address);
	explicit_bzero(r->secret_key, sizeof(r->secret_key));
	pthread_mutex_destroy(&r->lock);
	pthread_mutex_destroy(&r->write_lock);
	free(r);
}

const char *weir_registry_server_key(const struct weir_registry *r)
{
	return r->public_key;
}

int weir_registry_write(struct weir_registry *r, struct weir_error *err)
{
	WEIR_AUTO_FREE char *text = NULL;

	pthread_mutex_lock(&r->lock);
	text = weir_registry_text(r);
	r->dirty = false;
	pthread_mutex_unlock(&r->lock);
	if (!text)
		return weir_error_errno(err, ENOMEM, "%s", r->path);
	return weir_file_replace(r->path, text, strlen(text), 0600, err);
}

void weir_registry_save(struct weir_registry *r)
{
	struct weir_error err;
	bool dirty;

	pthread_mutex_lock(&r->write_lock);
	pthread_mutex_lock(&r->lock);
	dirty = r->dirty;
	pthread_mutex_unlock(&r->lock);
	if (dirty && weir_registry_write(r, &err) < 0)
		weir_log(WEIR_LOG_ERROR, "the list of nodes cannot be written", "error", err.text,
			 NULL);
	pthread_mutex_unlock(&r->write_lock);
}

void weir_registry_watch(struct weir_registry *r, void (*changed)(void *data), void *data)
{
	pthread_mutex_lock(&r->write_lock);
	r->changed = changed;
	r->changed_data = data;
	pthread_mutex_unlock(&r->write_lock);
}

/* --- revocation ---------------------------------------------------------------------- */

int weir_registry_revoke(struct weir_registry *r, const char *cluster, const char *node,
			 struct weir_error *err)
{
	struct weir_link_node *n;
	int failed = 0;

	pthread_mutex_lock(&r->write_lock);
	pthread_mutex_lock(&r->lock);
	n = weir_nodes_by_name(&r->nodes, cluster, node);
	if (!n)
		failed = weir_error_set(err, ENOENT, "no node %s of cluster %s is enrolled", node,
					cluster);
	if (n && !n->state.revoked_ms) {
		n->state.revoked_ms = weir_receive_now_ms(CLOCK_REALTIME);
		weir_nodes_set_key(&r->nodes, n, NULL);
	}
	pthread_mutex_unlock(&r->lock);
	if (failed == 0) {
		if (r->changed)
			r->changed(r->changed_data);
		failed = weir_registry_write(r, err);
	}
	pthread_mutex_unlock(&r->write_lock);
	return failed;
}

/* --- who is who ---------------------------------------------------------------------- */

bool weir_registry_admits(struct weir_registry *r, const char *key)
{
	uint64_t now = weir_receive_now_ms(CLOCK_REALTIME);
	struct weir_link_node *n;
	bool ret = false;

	pthread_mutex_lock(&r->lock);
	n = weir_nodes_by_key(&r->nodes, key);
	if (n)
		ret = n->refused_until_ms <= weir_receive_now_ms(CLOCK_MONOTONIC);
	for (size_t i = 0; !n && !ret && i < r->n_passes; i++)
		ret = weir_pass_is_open(&r->passes[i], now);
	pthread_mutex_unlock(&r->lock);
	return ret;
}

struct weir_link_node *weir_registry_node(struct weir_registry *r, const char *key)
{
	struct weir_link_node *n;

	pthread_mutex_lock(&r->lock);
	n = weir_nodes_by_key(&r->nodes, key);
	if (n && n->refused_until_ms > weir_receive_now_ms(CLOCK_MONOTONIC))
		n = NULL;
	pthread_mutex_unlock(&r->lock);
	return n;
}

struct weir_link_node *weir_registry_find(struct weir_registry *r, const char *cluster,
					  const char *node)
{
	struct weir_link_node *n;

	pthread_mutex_lock(&r->lock);
	n = weir_nodes_by_name(&r->nodes, cluster, node);
	pthread_mutex_unlock(&r->lock);
	return n;
}

void weir_registry_boot(struct weir_registry *r, struct weir_link_node *n, const char *boot,
			char *ret_before)
{
	pthread_mutex_lock(&r->lock);
	strcpy(ret_before, n->state.boot);
	if (strcmp(n->state.boot, boot) != 0) {
		strcpy(n->state.boot, boot);
		r->dirty = true;
	}
	pthread_mutex_unlock(&r->lock);
}

int weir_registry_list(struct weir_registry *r, struct weir_node_state **ret, size_t *ret_n)
{
	uint64_t now = weir_receive_now_ms(CLOCK_MONOTONIC),
		 today = weir_receive_now_ms(CLOCK_REALTIME);
	struct weir_node_state *all;
	size_t n = 0;

	pthread_mutex_lock(&r->lock);
	all = calloc(r->nodes.n + 1, sizeof(*all));
	for (size_t i = 0; all && i < r->nodes.n; i++) {
		const struct weir_link_node *node = r->nodes.by_name[i];

		if (!node->state.enrolled_ms)
			continue;
		all[n] = node->state;
		if (node->refused_until_ms > now)
			all[n].cut_off_until_ms = today + node->refused_until_ms - now;
		if (node->newest_ms && node->newest_ms < today)
			all[n].behind_ms = today - node->newest_ms;
		n++;
	}
	pthread_mutex_unlock(&r->lock);
	if (!all)
		return -ENOMEM;
	*ret = all;
	*ret_n = n;
	return 0;
}
