/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Looks at the folder when inotify tells of a change, and from time to time, for
 * a primary's file may be a link to one elsewhere; then weir_chain_install() does
 * what is to be done. A primary that is gone may
 * be one that is being written anew: our file outlives it for a short time,
 * so that no pod starts without weir in between.
 */
#include "daemon/chain/chain.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/source/watch.h"
#include "weir/cleanup.h"
#include "weir/log.h"

enum {
	LOOK_MS = 10000, /* without any event */
	RETRY_MS = 1000, /* after an error of ours; doubled each time, */
	RETRY_MAX_MS = 30000,
	PLUGIN_TIMEOUT_MS = 5000, /* at least */
	PLUGIN_MARGIN_MS = 2000,  /* beyond the time that ADD may wait for its pod */
};

struct weir_keeper {
	struct weird *d;
	struct weir_watch *watch;
	uv_timer_t timer;
	char *entry;
	struct weir_chain chain; /* as it is now */
	struct weir_error error; /* why it could not be made so; "" */
	uint64_t orphan_since;	 /* ms of uv_now(); 0: there is a primary */
	unsigned errors;	 /* in a row */
	bool begun;		 /* what a kill may have left is gone */
};

static bool is_fine(const struct weir_keeper *k)
{
	return !k->error.text[0] &&
	       (k->chain.state == WEIR_CHAIN_IN_SYNC || k->chain.state == WEIR_CHAIN_NATIVE);
}

/* A chain that names a plugin which is not there lets no pod start. */
static int check_plugin(const struct weir_keeper *k, struct weir_error *err)
{
	WEIR_AUTO_FREE char *path = NULL;

	if (asprintf(&path, "%s/weir", k->d->config->chain.bin_dir) < 0)
		return weir_error_errno(err, ENOMEM, "chain");
	return access(path, X_OK) < 0
		       ? weir_error_errno(err, errno, "%s: weir is not put into the chain", path)
		       : 0;
}

static void report(const struct weir_keeper *k, enum weir_chain_state before,
		   const struct weir_error *error_before)
{
	const char *why = k->error.text[0] ? k->error.text : k->chain.why.text;

	if (k->chain.state == before && !strcmp(k->error.text, error_before->text))
		return;
	weir_log(is_fine(k) ? WEIR_LOG_INFO : WEIR_LOG_WARNING, "CNI chain", "state",
		 weir_chain_state_name(k->chain.state), "primary", k->chain.primary, "file",
		 k->chain.ours, "error", *why ? why : NULL, NULL);
}

static void on_timer(uv_timer_t *timer);

static void again_in(struct weir_keeper *k, uint64_t ms)
{
	uv_timer_start(&k->timer, on_timer, ms, 0);
}

/* Is a primary that has gone gone for good? */
static bool keep_orphan(struct weir_keeper *k)
{
	uint64_t now = uv_now(k->d->loop);

	if (k->chain.state != WEIR_CHAIN_NO_PRIMARY) {
		k->orphan_since = 0;
		return true;
	}
	if (!k->orphan_since)
		k->orphan_since = now;
	return now - k->orphan_since < k->d->config->chain.primary_timeout_ms;
}

static bool will_write(const struct weir_keeper *k)
{
	return k->chain.state == WEIR_CHAIN_MISSING || k->chain.state == WEIR_CHAIN_OUT_OF_DATE;
}

static int make_it_so(struct weir_keeper *k)
{
	const char *dir = k->d->config->chain.dir;
	int r = weir_chain_look(dir, k->entry, &k->chain, &k->error);
	bool keeps;

	if (r < 0)
		return r;
	keeps = keep_orphan(k);
	if (k->begun && is_fine(k))
		return 0;
	if (will_write(k))
		r = check_plugin(k, &k->error);
	if (r == 0)
		r = weir_chain_install(dir, k->entry, keeps, &k->chain, &k->error);
	k->begun |= r == 0;
	return r;
}

static uint64_t next_look(const struct weir_keeper *k)
{
	uint64_t retry = RETRY_MS;

	if (!k->errors && k->chain.state == WEIR_CHAIN_NO_PRIMARY && k->chain.ours[0])
		return k->orphan_since + k->d->config->chain.primary_timeout_ms -
		       uv_now(k->d->loop);
	if (!k->errors)
		return LOOK_MS;
	for (unsigned i = 1; i < k->errors && retry < RETRY_MAX_MS; i++)
		retry *= 2;
	return retry < RETRY_MAX_MS ? retry : RETRY_MAX_MS;
}

static void keep(struct weir_keeper *k)
{
	struct weir_error before = k->error;
	enum weir_chain_state state = k->chain.state;

	k->error.text[0] = 0;
	k->errors = make_it_so(k) < 0 ? k->errors + 1 : 0;
	report(k, state, &before);
	again_in(k, next_look(k));
}

static void on_timer(uv_timer_t *timer)
{
	keep(timer->data);
}

/* Once for all events that are there, and not before others had their turn: pods
 * wait for this loop. Not for a file that is being written by us, or by weirctl:
 * when that fails, it would fail again at once. */
static void on_change(void *data, const char *name)
{
	if (!name || !weir_chain_is_temporary(name))
		again_in(data, 0);
}

/* The plugin must not give up while weird still waits for the API server. */
static unsigned plugin_timeout_ms(const struct weir_config *config)
{
	unsigned ms = config->cni.pod_timeout_ms + PLUGIN_MARGIN_MS;

	return ms > PLUGIN_TIMEOUT_MS ? ms : PLUGIN_TIMEOUT_MS;
}

int weir_keeper_start(struct weird *d, struct weir_keeper **ret, struct weir_error *err)
{
	struct weir_keeper *k;
	int r;

	*ret = NULL;
	if (!d->config->chain.manage)
		return 0;
	k = calloc(1, sizeof(*k));
	if (!k)
		return weir_error_errno(err, ENOMEM, "chain");
	k->d = d;
	k->chain.state = WEIR_CHAIN_STATE_MAX; /* unlike any */
	k->entry = weir_chain_entry(d->config->rpc, plugin_timeout_ms(d->config),
				    d->config->chain.on_unavailable == WEIR_ON_UNAVAILABLE_ALLOW);
	uv_timer_init(d->loop, &k->timer);
	k->timer.data = k;
	r = k->entry ? weir_watch_start(d->loop, d->config->chain.dir, on_change, k, &k->watch, err)
		     : weir_error_errno(err, ENOMEM, "chain");
	if (r < 0) {
		weir_keeper_stop(&k);
		return r;
	}
	keep(k);
	*ret = k;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	struct weir_keeper *k = handle->data;

	free(k->entry);
	free(k);
}

void weir_keeper_stop(struct weir_keeper **keeper)
{
	struct weir_keeper *k = weir_take(*keeper);

	if (!k)
		return;
	weir_watch_stop(&k->watch);
	uv_close((uv_handle_t *)&k->timer, on_closed);
}

static void add_text(cJSON *object, const char *key, const char *text)
{
	if (*text)
		cJSON_AddStringToObject(object, key, text);
	else
		cJSON_AddNullToObject(object, key);
}

cJSON *weir_keeper_status(const struct weir_keeper *k)
{
	cJSON *status = cJSON_CreateObject();

	cJSON_AddBoolToObject(status, "manage", k != NULL);
	if (!k)
		return status;
	cJSON_AddStringToObject(status, "dir", k->d->config->chain.dir);
	cJSON_AddStringToObject(status, "state", weir_chain_state_name(k->chain.state));
	cJSON_AddBoolToObject(status, "inSync", is_fine(k));
	add_text(status, "primary", k->chain.primary);
	add_text(status, "file", k->chain.ours);
	add_text(status, "reason", k->error.text[0] ? k->error.text : k->chain.why.text);
	return status;
}

bool weir_keeper_in_sync(const struct weir_keeper *k)
{
	return is_fine(k);
}
