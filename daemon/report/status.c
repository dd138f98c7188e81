/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The status of ClusterNetworkPolicies: is it understood, and on how many
 * endpoints of this node is it in force. Written when that has changed, one
 * policy at a time: read, merged with what others wrote, put with the version
 * that was read.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include <uthash.h>

#include "daemon/cluster/cluster.h"
#include "daemon/reconcile/reconcile.h"
#include "daemon/report/report.h"
#include "daemon/source/source.h"
#include "weir/cleanup.h"
#include "weir/log.h"

#define KIND	   "ClusterNetworkPolicy"
#define COLLECTION "/apis/policy.networking.k8s.io/v1alpha2/clusternetworkpolicies"

enum {
	REQUEST_MS = 5000,
	AGAIN_MS = 10000, /* after a failure */
	LOOK_MS = 30000,  /* what was written may have been lost with its object, or overwritten */
};

/* What one policy's status is to say, and what it said when we wrote it last. */
struct entry {
	char *name;
	struct weir_condition conditions[2];
	char *written; /* text of these; NULL: not written by us */
	uint64_t tried_ms;
	unsigned round;
	UT_hash_handle hh;
};

struct weir_status {
	struct weird *d;
	struct entry *entries;
	unsigned round;
	struct entry *busy; /* the one being written */
	struct weir_kube_call *call;
	uint64_t written;
};

static uint64_t now_ms(void)
{
	return uv_hrtime() / 1000000;
}

static void free_entry(struct entry *e)
{
	free(e->name);
	free(e->written);
	free(e);
}

/* --- what it is to say ------------------------------------------------------------- */

static struct entry *entry_of(struct weir_status *s, const char *name)
{
	struct entry *e = NULL;

	HASH_FIND_STR(s->entries, name, e);
	if (!e) {
		e = calloc(1, sizeof(*e));
		if (!e || !(e->name = strdup(name))) {
			free(e);
			return NULL;
		}
		HASH_ADD_KEYPTR(hh, s->entries, e->name, strlen(e->name), e);
	}
	e->round = s->round;
	return e;
}

static void say(struct weir_condition *c, const char *type, bool status, const char *reason,
		const char *message)
{
	c->type = type;
	c->status = status;
	c->reason = reason;
	snprintf(c->message, sizeof(c->message), "%s", message);
}

static int collect_policy(void *data, const struct weir_policy *policy)
{
	struct weir_status *s = data;
	struct weir_reconcile_state state;
	struct entry *e;
	char text[WEIR_ERROR_MAX], warning[WEIR_RULE_WARNING_MAX];
	bool closed;

	if (strcmp(policy->kind, KIND))
		return 0;
	e = entry_of(s, policy->name);
	if (!e)
		return 0;
	weir_reconcile_state(s->d->reconcile, &state);
	closed = weir_policy_warning(policy, warning, sizeof(warning));
	say(&e->conditions[0], "weir.dev/Accepted", true, closed ? "FailsClosed" : "Accepted",
	    closed ? warning : "all of it is understood");
	snprintf(text, sizeof(text), "generation %lld %s on %u endpoints of node %s",
		 (long long)policy->generation, state.in_sync ? "in force" : "not in force yet",
		 weir_compiler_selected(s->d->world.compiler, policy), s->d->world.node);
	say(&e->conditions[1], "weir.dev/Realised", state.in_sync,
	    state.in_sync ? "Realised" : "Pending", text);
	return 0;
}

static void collect_broken(struct weir_status *s)
{
	cJSON *status = s->d->source->ops->status(s->d->source), *item;

	cJSON_ArrayForEach (item, cJSON_GetObjectItemCaseSensitive(status, "broken")) {
		const char *kind = cJSON_GetStringValue(cJSON_GetObjectItem(item, "kind"));
		const char *name = cJSON_GetStringValue(cJSON_GetObjectItem(item, "name"));
		const char *error = cJSON_GetStringValue(cJSON_GetObjectItem(item, "error"));
		struct entry *e = NULL;

		if (kind && name && error && !strcmp(kind, KIND))
			e = entry_of(s, name);
		if (!e)
			continue;
		say(&e->conditions[0], "weir.dev/Accepted", false, "Invalid", error);
		say(&e->conditions[1], "weir.dev/Realised", false, "Invalid",
		    "this form of it is not in force; the last valid one stays");
	}
	cJSON_Delete(status);
}

static void collect(struct weir_status *s)
{
	struct entry *e, *next;

	s->round++;
	pthread_mutex_lock(&s->d->world.lock);
	weir_cluster_each_policy(s->d->world.cluster, collect_policy, s);
	pthread_mutex_unlock(&s->d->world.lock);
	collect_broken(s);
	HASH_ITER (hh, s->entries, e, next) {
		if (e->round == s->round || e == s->busy)
			continue;
		HASH_DEL(s->entries, e);
		free_entry(e);
	}
}

static char *text_of(const struct entry *e)
{
	char *text;

	if (asprintf(&text, "%d %s %d %s", e->conditions[0].status, e->conditions[0].message,
		     e->conditions[1].status, e->conditions[1].message) < 0)
		return NULL;
	return text;
}

/* --- writing it ------------------------------------------------------------------------ */

static void write_next(struct weir_status *s);

static void end_write(struct weir_status *s, const struct weir_error *err)
{
	struct entry *e = weir_take(s->busy);

	if (err) {
		weir_log(WEIR_LOG_WARNING, "status of a policy not written", "policy", e->name,
			 "error", err->text, NULL);
	} else {
		free(e->written);
		e->written = text_of(e);
	}
	write_next(s);
}

static void on_put(void *data, const struct weir_kube_answer *answer)
{
	struct weir_status *s = data;

	s->call = NULL;
	s->written += !answer->error;
	end_write(s, answer->error);
}

static void ask(struct weir_status *s, const char *method, const char *suffix, const cJSON *body,
		void (*done)(void *data, const struct weir_kube_answer *answer))
{
	WEIR_AUTO_FREE char *path = NULL;
	struct weir_kube_request request = {
		.method = method, .body = body, .timeout_ms = REQUEST_MS, .done = done, .data = s
	};
	struct weir_error err;

	if (asprintf(&path, COLLECTION "/%s%s", s->busy->name, suffix) < 0) {
		path = NULL;
		weir_error_errno(&err, ENOMEM, "status");
		end_write(s, &err);
		return;
	}
	request.path = path;
	if (weir_kube_request(s->d->kube, &request, &s->call, &err) < 0)
		end_write(s, &err);
}

static void on_read(void *data, const struct weir_kube_answer *answer)
{
	struct weir_status *s = data;
	struct entry *e = s->busy;
	time_t t = time(NULL);
	struct tm tm;
	char now[32];
	cJSON *status, *body;

	s->call = NULL;
	if (answer->error) {
		end_write(s, answer->error);
		return;
	}
	gmtime_r(&t, &tm);
	strftime(now, sizeof(now), "%Y-%m-%dT%H:%M:%SZ", &tm);
	status = weir_conditions_merge(answer->body, e->conditions, WEIR_ARRAY_SIZE(e->conditions),
				       now);
	if (!status) {
		end_write(s, NULL);
		return;
	}
	body = cJSON_Duplicate(answer->body, true);
	cJSON_DeleteItemFromObjectCaseSensitive(body, "status");
	cJSON_AddItemToObject(body, "status", status);
	ask(s, "PUT", "/status", body, on_put);
	cJSON_Delete(body);
}

/* It has something new to say and was not tried just now, or was not looked at for long. */
static bool is_due(const struct entry *e, uint64_t now)
{
	WEIR_AUTO_FREE char *text = text_of(e);
	bool said = text && e->written && !strcmp(e->written, text);

	return text && (!e->tried_ms || now - e->tried_ms >= (said ? LOOK_MS : AGAIN_MS));
}

static void write_next(struct weir_status *s)
{
	uint64_t now = now_ms();
	struct entry *e, *next;

	HASH_ITER (hh, s->entries, e, next) {
		if (e->round != s->round || !is_due(e, now))
			continue;
		e->tried_ms = now;
		s->busy = e;
		ask(s, "GET", "", NULL, on_read);
		return;
	}
}

void weir_status_update(struct weir_status *s)
{
	if (s->busy)
		return;
	collect(s);
	write_next(s);
}

void weir_status_forget(struct weir_status *s)
{
	struct entry *e, *next;

	weir_kube_cancel(&s->call);
	s->busy = NULL;
	HASH_ITER (hh, s->entries, e, next) {
		HASH_DEL(s->entries, e);
		free_entry(e);
	}
}

/* --- life ---------------------------------------------------------------------------------- */

int weir_status_new(struct weird *d, struct weir_status **ret, struct weir_error *err)
{
	struct weir_status *s = calloc(1, sizeof(*s));

	if (!s)
		return weir_error_errno(err, ENOMEM, "status");
	s->d = d;
	*ret = s;
	return 0;
}

void weir_status_free(struct weir_status **status)
{
	struct weir_status *s = weir_take(*status);

	if (!s)
		return;
	weir_status_forget(s);
	free(s);
}

uint64_t weir_status_written(const struct weir_status *s)
{
	return s->written;
}
