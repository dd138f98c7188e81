/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From an answer to the tables: read what the kernel copied, keep what a policy asks
 * for, tell the cluster, and have the reconciler apply it in the same turn. One timer
 * takes away what has expired, one writes the file. Opened by parts.c; the reconciler
 * calls back (weir_dns_update), since policies decide what is wanted.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <uv.h>

#include "daemon/cluster/cluster.h"
#include "daemon/dns/dns.h"
#include "daemon/dns/file.h"
#include "daemon/dns/message.h"
#include "daemon/dns/resolvers.h"
#include "daemon/reconcile/reconcile.h"
#include "daemon/weird.h"
#include "weir/cleanup.h"
#include "weir/log.h"

#define READ_BUDGET    256u
#define EXPIRE_STEP_MS 100u  /* what ends within it ends together */
#define SAVE_SOON_MS   200u  /* after other addresses came */
#define SAVE_LATE_MS   5000u /* after known ones were told again */
#define SAVE_SHARE     20u   /* at most a 20th of the time goes into writing */
#define RESOLV_CONF    "/etc/resolv.conf"

struct weir_dns {
	struct weird *d;
	struct weir_dns_table *table;
	struct weir_dns_wanted *wanted;
	struct weir_dns_resolvers resolvers;
	struct weir_answer_source *source; /* NULL: nobody asked for a name yet */
	uv_poll_t poll;
	uv_timer_t expire, save;
	int open;		     /* handles that are not closed yet */
	uint64_t expire_at;	     /* when the timer is set for; UINT64_MAX: it is not */
	uint64_t save_at;	     /* the same; UINT64_MAX: all is written */
	uint64_t save_cost;	     /* ms that the last write took */
	uint64_t policies, services; /* changes of theirs that have been looked at, + 1 */
	struct weir_dns_stats stats;
	struct weir_error trouble;
	struct weir_dns_answer answer; /* being read; large */
	struct weir_dns_lease leases[WEIR_DNS_ADDRS_MAX];
	char path[4096];
};

static uint64_t clock_ms(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (uint64_t)t.tv_sec * 1000 + (uint64_t)t.tv_nsec / 1000000;
}

/* Goes on while the machine sleeps, as the time of a record does. */
uint64_t weir_dns_now(void)
{
	return clock_ms(CLOCK_BOOTTIME);
}

static struct weir_dns_clock both_clocks(void)
{
	return (struct weir_dns_clock){ weir_dns_now(), clock_ms(CLOCK_REALTIME) };
}

/* --- timers ------------------------------------------------------------------------------- */

static void on_expire(uv_timer_t *timer);
static void on_save(uv_timer_t *timer);

static void set_timer(uv_timer_t *timer, uv_timer_cb fn, uint64_t *at, uint64_t want, uint64_t now)
{
	if (want >= *at)
		return;
	*at = want;
	uv_timer_start(timer, fn, want > now ? want - now : 0, 0);
}

static void expire_at(struct weir_dns *dns, uint64_t when)
{
	uint64_t now = weir_dns_now();

	if (when == UINT64_MAX)
		return;
	if (when < now + EXPIRE_STEP_MS)
		when = now + EXPIRE_STEP_MS;
	set_timer(&dns->expire, on_expire, &dns->expire_at, when, now);
}

static void save_within(struct weir_dns *dns, uint64_t ms)
{
	uint64_t now = weir_dns_now();

	if (ms < dns->save_cost * SAVE_SHARE)
		ms = dns->save_cost * SAVE_SHARE;
	set_timer(&dns->save, on_save, &dns->save_at, now + ms, now);
}

static void save(struct weir_dns *dns)
{
	struct weir_dns_clock clock = both_clocks();
	struct weir_error err;

	dns->save_at = UINT64_MAX;
	if (weir_dns_file_write(dns->path, dns->table, &clock, &err) < 0)
		weir_log(WEIR_LOG_ERROR,
			 "learned names are not on disk: a restart would forget them", "error",
			 err.text, NULL);
	dns->save_cost = weir_dns_now() - clock.now;
}

static void on_save(uv_timer_t *timer)
{
	save(timer->data);
}

/* --- to the cluster ------------------------------------------------------------------------ */

static int tell_cluster(void *data, const char *name, const struct weir_dns_lease *leases, size_t n)
{
	struct weir_world *w = &((struct weir_dns *)data)->d->world;
	struct weir_domain *domain;

	if (!n) {
		weir_cluster_remove_domain(w->cluster, name);
		return 0;
	}
	domain = calloc(1, sizeof(*domain) + n * sizeof(domain->addrs[0]));
	if (!domain)
		return -ENOMEM;
	domain->name = weir_pool_string(w->pool, name);
	if (!domain->name) {
		free(domain);
		return -ENOMEM;
	}
	domain->n_addrs = (uint32_t)n;
	for (size_t i = 0; i < n; i++)
		domain->addrs[i] = leases[i].addr;
	return weir_cluster_set_domain(w->cluster, domain);
}

/* A failed run is repeated by the reconciler itself, not by whoever asks for a name. */
static void put_in_force(struct weir_dns *dns)
{
	struct weir_reconcile_state state;

	weir_reconcile_state(dns->d->reconcile, &state);
	if (!state.error[0])
		weir_reconcile_now(dns->d->reconcile, NULL);
}

static void on_expire(uv_timer_t *timer)
{
	struct weir_dns *dns = timer->data;
	struct weir_dns_counts before, after;

	dns->expire_at = UINT64_MAX;
	weir_dns_table_counts(dns->table, &before);
	expire_at(dns, weir_dns_table_expire(dns->table, weir_dns_now()));
	weir_dns_table_counts(dns->table, &after);
	if (after.expired == before.expired)
		return;
	save_within(dns, SAVE_LATE_MS);
	weir_reconcile_kick(dns->d->reconcile);
}

/* --- answers -------------------------------------------------------------------------------- */

static uint64_t lease_ms(const struct weir_dns *dns, uint32_t ttl)
{
	const struct weir_config *c = dns->d->config;
	uint64_t ms = ttl * 1000ull;

	if (ms < c->dns.min_ttl_ms)
		ms = c->dns.min_ttl_ms;
	if (ms > c->dns.max_ttl_ms)
		ms = c->dns.max_ttl_ms;
	return ms + c->dns.grace_ms;
}

/* The addresses for one name of the chain. */
static bool learn_name(struct weir_dns *dns, unsigned which, uint64_t now)
{
	const struct weir_dns_answer *a = &dns->answer;
	const char *name = a->names[which];
	enum weir_dns_want want = weir_dns_wants(dns->wanted, name);
	uint64_t first = UINT64_MAX;

	if (want == WEIR_DNS_UNWANTED)
		return false;
	for (size_t i = 0; i < a->n_addrs; i++) {
		uint32_t ttl = a->addrs[i].ttl < a->ttls[which] ? a->addrs[i].ttl : a->ttls[which];

		dns->leases[i] =
			(struct weir_dns_lease){ a->addrs[i].addr, now + lease_ms(dns, ttl) };
		if (dns->leases[i].until < first)
			first = dns->leases[i].until;
	}
	weir_dns_table_learn(dns->table, name, want == WEIR_DNS_WILDCARD, dns->leases, a->n_addrs);
	expire_at(dns, first);
	return true;
}

static void on_answer(void *data, const struct weir_tuple *tuple, const uint8_t *message,
		      size_t len)
{
	struct weir_dns *dns = data;
	uint64_t now = weir_dns_now();
	bool learned = false;
	int r = weir_dns_parse(message, len, &dns->answer);

	dns->stats.answers++;
	dns->stats.malformed += r == -EBADMSG;
	for (unsigned i = 0; r == 0 && i < dns->answer.n_names; i++)
		learned |= learn_name(dns, i, now);
	dns->stats.learned += learned;
	dns->stats.ignored += !learned && r != -EBADMSG;
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	struct weir_dns *dns = poll->data;
	uint64_t before = dns->stats.learned;
	struct weir_error err;

	if (dns->source->ops->read(dns->source, READ_BUDGET, &err) < 0)
		weir_log(WEIR_LOG_ERROR, "DNS answers cannot be read", "error", err.text, NULL);
	if (dns->stats.learned == before)
		return;
	if (weir_dns_table_changed(dns->table)) {
		put_in_force(dns);
		save_within(dns, SAVE_SOON_MS);
	} else {
		save_within(dns, SAVE_LATE_MS);
	}
}

static int open_source(struct weir_dns *dns, struct weir_error *err)
{
	const struct weir_answer_config config = {
		.nflog_group = (uint16_t)dns->d->config->dns.nflog_group,
		.buffer = (uint32_t)dns->d->config->dns.buffer,
		.answer = on_answer,
		.data = dns,
	};
	int r = weir_backend_answers(dns->d->backend, &config, &dns->source, err);

	if (r < 0)
		return r;
	uv_poll_init(dns->d->loop, &dns->poll, dns->source->ops->fd(dns->source));
	dns->poll.data = dns;
	dns->open++;
	uv_poll_start(&dns->poll, UV_READABLE, on_readable);
	return 0;
}

/* Tried again by each run; said once. */
static void ensure_source(struct weir_dns *dns)
{
	struct weir_error err = { "" };

	if (!dns->source && open_source(dns, &err) < 0 && strcmp(err.text, dns->trouble.text))
		weir_log(WEIR_LOG_ERROR,
			 "names in policies match nothing: their addresses cannot be learned",
			 "error", err.text, NULL);
	dns->trouble = err;
}

/* --- what is wanted -------------------------------------------------------------------------- */

static int add_policy(void *data, const struct weir_policy *policy)
{
	return weir_dns_wanted_add_policy(data, policy);
}

static bool stays(void *data, const char *name, bool *ret_wildcard)
{
	enum weir_dns_want want = weir_dns_wants(data, name);

	*ret_wildcard = want == WEIR_DNS_WILDCARD;
	return want != WEIR_DNS_UNWANTED;
}

static int update_wanted(struct weir_dns *dns)
{
	const struct weir_cluster *cluster = dns->d->world.cluster;
	struct weir_dns_wanted *wanted = NULL;
	int r = weir_dns_wanted_new(&wanted);

	if (r == 0)
		r = weir_cluster_each_policy(cluster, add_policy, wanted);
	if (r < 0) {
		weir_dns_wanted_free(&wanted);
		return r;
	}
	weir_dns_wanted_free(&dns->wanted);
	dns->wanted = wanted;
	weir_dns_table_sweep(dns->table, stays, wanted);
	return 0;
}

static bool update_resolvers(struct weir_dns *dns)
{
	static const struct weir_config_strings nobody = { 0 };
	const struct weir_config_strings *texts = &dns->d->config->dns.resolvers;
	bool changed = false;

	if (weir_dns_wanted_none(dns->wanted))
		texts = &nobody;
	else
		ensure_source(dns);
	if (weir_dns_resolvers_update(&dns->resolvers, texts, dns->d->world.cluster, RESOLV_CONF,
				      &changed) < 0)
		dns->services = 0;
	dns->stats.resolvers = (uint32_t)dns->resolvers.n;
	return changed;
}

bool weir_dns_update(struct weir_dns *dns)
{
	const struct weir_cluster *cluster = dns->d->world.cluster;
	uint64_t policies = weir_cluster_changes_of(cluster, WEIR_OBJECT_POLICY) + 1;
	uint64_t services = weir_cluster_changes_of(cluster, WEIR_OBJECT_SERVICE) + 1;
	bool changed = false;

	if (policies != dns->policies || services != dns->services || dns->trouble.text[0]) {
		dns->services = services;
		if (policies != dns->policies && update_wanted(dns) == 0)
			dns->policies = policies;
		changed = update_resolvers(dns);
	}
	if (weir_dns_table_changed(dns->table))
		save_within(dns, SAVE_SOON_MS);
	if (weir_dns_table_changes(dns->table, tell_cluster, dns) < 0)
		weir_log(WEIR_LOG_ERROR, "learned names are not in force", "error", "out of memory",
			 NULL);
	return changed;
}

void weir_dns_fill(const struct weir_dns *dns, struct weir_changes *changes)
{
	changes->resolvers = dns->resolvers.items;
	changes->n_resolvers = dns->resolvers.n;
}

/* --- what is known ---------------------------------------------------------------------------- */

void weir_dns_stats(const struct weir_dns *dns, struct weir_dns_stats *ret)
{
	*ret = dns->stats;
	ret->lost = dns->source ? dns->source->ops->lost(dns->source) : 0;
	weir_dns_table_counts(dns->table, &ret->table);
}

const char *weir_dns_trouble(const struct weir_dns *dns)
{
	return dns->trouble.text;
}

int weir_dns_each(const struct weir_dns *dns,
		  int (*fn)(void *data, const char *name, const struct weir_dns_lease *leases,
			    size_t n),
		  void *data)
{
	return weir_dns_table_each(dns->table, fn, data);
}

/* --- life ---------------------------------------------------------------------------------------
 */

/* As spelt out: which kind it is the policies say, later. */
static int take_up(void *data, const char *name, const struct weir_dns_lease *leases, size_t n)
{
	struct weir_dns *dns = data;

	return weir_dns_table_learn(dns->table, name, false, leases, n);
}

static void load(struct weir_dns *dns)
{
	const struct weir_config *c = dns->d->config;
	struct weir_dns_clock clock = both_clocks();
	struct weir_error err;
	int r;

	snprintf(dns->path, sizeof(dns->path), "%s/names.state", c->state_dir);
	r = weir_dns_file_read(dns->path, &clock, (uint64_t)c->dns.max_ttl_ms + c->dns.grace_ms,
			       take_up, dns, &err);
	if (r < 0 && r != -ENOENT)
		weir_log(WEIR_LOG_WARNING,
			 "learned names are forgotten: pods have to ask for them again", "error",
			 err.text, NULL);
	expire_at(dns, weir_dns_table_expire(dns->table, clock.now));
}

static void init_timer(struct weir_dns *dns, uv_timer_t *timer)
{
	uv_timer_init(dns->d->loop, timer);
	timer->data = dns;
	dns->open++;
}

int weir_dns_start(struct weird *d, struct weir_dns **ret, struct weir_error *err)
{
	const struct weir_dns_limits limits = { d->config->dns.max_names,
						d->config->dns.max_addresses };
	struct weir_dns *dns = calloc(1, sizeof(*dns));

	if (!dns || weir_dns_table_new(&limits, &dns->table) < 0 ||
	    weir_dns_wanted_new(&dns->wanted) < 0) {
		if (dns)
			weir_dns_table_free(&dns->table);
		free(dns);
		return weir_error_errno(err, ENOMEM, "names");
	}
	dns->d = d;
	dns->expire_at = dns->save_at = UINT64_MAX;
	init_timer(dns, &dns->expire);
	init_timer(dns, &dns->save);
	load(dns);
	*ret = dns;
	return 0;
}

static void on_closed(uv_handle_t *handle)
{
	struct weir_dns *dns = handle->data;

	if (--dns->open)
		return;
	if (dns->source)
		dns->source->ops->close(dns->source);
	weir_dns_resolvers_free(&dns->resolvers);
	weir_dns_wanted_free(&dns->wanted);
	weir_dns_table_free(&dns->table);
	free(dns);
}

void weir_dns_stop(struct weir_dns **pointer)
{
	struct weir_dns *dns = weir_take(*pointer);

	if (!dns)
		return;
	if (dns->save_at != UINT64_MAX)
		save(dns);
	uv_close((uv_handle_t *)&dns->expire, on_closed);
	uv_close((uv_handle_t *)&dns->save, on_closed);
	if (dns->source)
		uv_close((uv_handle_t *)&dns->poll, on_closed);
}
