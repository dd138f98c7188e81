/* SPDX-License-Identifier: Apache-2.0 */
/*
 * How long questions take in a store of a day: usage: hub_query [ROWS]. The files are
 * written as the store writes them, then packed and summed up by the store itself.
 * The peer is one scan of all rows: what an answer without files of sums, lists of
 * blocks and words would cost.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <time.h>
#include <unistd.h>

#include "bench/hub_flows.h"
#include "hub/store/sqlite/sqlite.h"
#include "hub/store/store.h"

#define ROWS_DEFAULT 10000000ull
#define HOURS	     24
#define ROUNDS	     15
#define S	     1000000000ull

static char folder[64];
static struct weir_store *store;
static uint64_t now;
static const struct weir_budget budget = { 600000, 1ull << 40, 1ull << 34 };

static double seconds(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

/* --- filling --------------------------------------------------------------------------- */

struct filling {
	struct weir_dictionary *words;
	uint32_t ends[BENCH_PODS + 1], sides[4], origins[BENCH_NODES];
};

static uint32_t word(struct filling *f, enum weir_word_kind kind, struct weir_bytes *b)
{
	uint32_t n;

	if (weir_dictionary_add(f->words, kind, b->data, b->len, &n) < 0)
		abort();
	b->len = 0;
	return n;
}

static void fill_row(struct filling *f, const struct bench_flow *flow, uint64_t seq,
		     struct weir_row *row)
{
	const struct weir_record_peer *peers[2];
	struct weir_bytes b = { 0 };
	struct weir_record r;
	int kind = flow->verdict ? 0 : flow->dst % 3 == 0 ? 1 : 2;

	bench_record(flow, &r);
	peers[0] = &r.src;
	peers[1] = &r.dst;
	*row = (struct weir_row){ .time = r.time,
				  .start = r.start,
				  .flow = r.flow,
				  .type = r.type,
				  .verdict = r.verdict,
				  .staged = r.staged,
				  .finish = r.end,
				  .protocol = r.protocol,
				  .connections = 1,
				  .has_counters = r.has_counters };
	for (int i = 0; i < 2; i++) {
		unsigned pod = i ? flow->dst : flow->src;

		if (!f->ends[pod]) {
			weir_pack_end(&b, "c", peers[i]);
			f->ends[pod] = word(f, WEIR_WORD_END, &b);
		}
		row->end[i] = f->ends[pod];
		row->addr[i] = peers[i]->addr;
		row->port[i] = peers[i]->port;
		row->counters[i] = r.packets[i];
		row->counters[2 + i] = r.bytes[i];
	}
	if (!f->origins[flow->node]) {
		weir_pack_origin(&b, "c", bench_node(flow->node), "bench");
		f->origins[flow->node] = word(f, WEIR_WORD_ORIGIN, &b);
	}
	if (!f->sides[kind]) {
		weir_pack_side(&b, &r.egress);
		f->sides[kind] = word(f, WEIR_WORD_SIDE, &b);
		weir_pack_side(&b, &r.ingress);
		f->sides[3] = word(f, WEIR_WORD_SIDE, &b);
	}
	row->origin[1] = f->origins[flow->node];
	row->seq[1] = seq;
	row->side[1] = f->sides[kind];
	row->side[0] = f->sides[3];
	free(b.data);
}

static void fill_hour(uint64_t start, uint64_t n)
{
	struct weir_partition *p = NULL;
	struct weir_writer *w = NULL;
	struct filling f = { 0 };
	struct bench_flow *flows = malloc(WEIR_BLOCK_ROWS * sizeof(*flows));
	struct weir_row *rows = malloc(WEIR_BLOCK_ROWS * sizeof(*rows));
	struct weir_error err = { "" };

	if (!flows || !rows || weir_dictionary_new(&f.words) < 0 ||
	    weir_partition_open(folder, WEIR_LEVEL_RAW, start, true, &p, &err) < 0 ||
	    weir_writer_open(p, &w, &err) < 0 || weir_writer_begin(w, &err) < 0)
		abort();
	for (uint64_t at = 0; at < n; at += WEIR_BLOCK_ROWS) {
		uint64_t some = n - at < WEIR_BLOCK_ROWS ? n - at : WEIR_BLOCK_ROWS;

		bench_flows(flows, some, start + 3600 * S / n * at,
			    start + 3600 * S / n * (at + some));
		for (uint64_t i = 0; i < some; i++)
			fill_row(&f, &flows[i], at + i + 1, &rows[i]);
		if (weir_writer_rows(w, f.words, rows, some, &err) < 0)
			abort();
	}
	if (weir_writer_commit(w, &err) < 0)
		abort();
	weir_writer_close(&w);
	weir_partition_unref(&p);
	weir_dictionary_free(&f.words);
	free(flows);
	free(rows);
}

static void wait_until_summed(void)
{
	struct weir_partition **all;
	size_t n, sealed;

	do {
		usleep(100000);
		sealed = 0;
		weir_catalog_all((struct weir_sqlite *)store, WEIR_LEVEL_RAW, &all, &n);
		for (size_t i = 0; i < n; i++)
			sealed += all[i]->sealed;
		weir_catalog_put(all, n);
	} while (sealed + 1 < n);
}

/* --- questions ------------------------------------------------------------------------- */

static int count_flow(void *data, const struct weir_hub_flow *flow)
{
	++*(uint64_t *)data;
	return 0;
}

static int count_sum(void *data, const struct weir_sum *sum)
{
	++*(uint64_t *)data;
	return 0;
}

static uint64_t flows(uint64_t from, const char *ns, const char *field, const char *value,
		      uint32_t limit)
{
	struct weir_scope scope = { 0 };
	struct weir_filter filter = { 0 };
	struct weir_flow_query q = { .from = from,
				     .to = now,
				     .scope = &scope,
				     .filter = &filter,
				     .limit = limit,
				     .budget = budget };
	struct weir_answer_end end;
	struct weir_error err = { "" };
	uint64_t n = 0;

	weir_scope_add(&scope, "c", ns);
	if (field)
		weir_filter_add(&filter, field, value, NULL);
	if (store->ops->flows(store, &q, count_flow, &n, &end, &err) < 0)
		fprintf(stderr, "%s\n", err.text);
	weir_filter_clear(&filter);
	weir_scope_clear(&scope);
	return n;
}

static uint64_t sums(uint64_t from, const char *ns, enum weir_dimension a, enum weir_dimension b)
{
	struct weir_scope scope = { 0 };
	struct weir_filter filter = { 0 };
	struct weir_sum_query q = { .from = from,
				    .to = now,
				    .scope = &scope,
				    .filter = &filter,
				    .n_dims = 2,
				    .dims = { a, b },
				    .step = 3600 * S,
				    .by = WEIR_SUM_BYTES,
				    .limit = 20,
				    .budget = budget };
	struct weir_answer_end end;
	struct weir_error err = { "" };
	uint64_t n = 0;

	weir_scope_add(&scope, "c", ns);
	if (store->ops->sums(store, &q, count_sum, &n, &end, &err) < 0)
		fprintf(stderr, "%s\n", err.text);
	weir_scope_clear(&scope);
	return n;
}

static uint64_t hour_page(void)
{
	return flows(now - 3600 * S, "team-7", NULL, NULL, 100);
}

static uint64_t hour_all(void)
{
	return flows(now - 3600 * S, "team-7", NULL, NULL, 200000);
}

static uint64_t hour_denied(void)
{
	return flows(now - 3600 * S, "team-7", "verdict", "denied", 1000);
}

static uint64_t day_address(void)
{
	return flows(now - 24 * 3600 * S, "*", "to.address", "198.0.0.77", 100);
}

static uint64_t day_talkers(void)
{
	return sums(now - 24 * 3600 * S, "*", WEIR_DIM_FROM_WORKLOAD, WEIR_DIM_TO_WORKLOAD);
}

static uint64_t day_namespace(void)
{
	return sums(now - 24 * 3600 * S, "team-7", WEIR_DIM_TIME, WEIR_DIM_VERDICT);
}

static uint64_t day_pods(void)
{
	return sums(now - 24 * 3600 * S, "*", WEIR_DIM_FROM_POD, WEIR_DIM_PORT);
}

static const struct {
	const char *name;
	uint64_t (*ask)(void);
	int rounds;
} questions[] = {
	{ "last hour of a namespace, a page of 100", hour_page, ROUNDS },
	{ "last hour of a namespace, all of it", hour_all, ROUNDS },
	{ "last hour of a namespace, denied", hour_denied, ROUNDS },
	{ "top talkers of a day", day_talkers, ROUNDS },
	{ "a namespace's day by hours and verdicts", day_namespace, ROUNDS },
	{ "a day's flows to one address (all rows)", day_address, 3 },
	{ "peer: sums by pod of a day (all rows)", day_pods, 3 },
};

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static void measure(const char *name, uint64_t (*ask)(void), int rounds)
{
	double took[ROUNDS], begin;
	uint64_t n = 0;

	for (int i = 0; i < rounds; i++) {
		begin = seconds();
		n = ask();
		took[i] = seconds() - begin;
	}
	qsort(took, (size_t)rounds, sizeof(*took), compare);
	printf("%-42s %9.1f ms  (%.1f to %.1f)  %llu lines\n", name, took[rounds / 2] * 1e3,
	       took[0] * 1e3, took[rounds - 1] * 1e3, (unsigned long long)n);
	fflush(stdout);
}

int main(int argc, char **argv)
{
	struct weir_store_config c = { .type = "sqlite",
				       .path = folder,
				       .raw_ms = 1ull << 40,
				       .rollup_ms = 1ull << 40,
				       .partition_ms = 3600000 };
	uint64_t rows = argc > 1 ? strtoull(argv[1], NULL, 10) : ROWS_DEFAULT;
	struct weir_store_stats stats;
	struct weir_error err = { "" };
	char command[128];
	struct rusage usage;
	double begin = seconds();

	strcpy(folder, "/tmp/weir-bench-query-XXXXXX");
	if (!mkdtemp(folder))
		return 2;
	now = (uint64_t)time(NULL) * S;
	now -= now % (3600 * S);
	for (uint64_t h = HOURS; h; h--)
		fill_hour(now - h * 3600 * S, rows / HOURS);
	if (weir_store_open(&c, &store, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return 2;
	}
	printf("written in %.0f s", seconds() - begin);
	begin = seconds();
	wait_until_summed();
	store->ops->stats(store, &stats);
	printf(", packed and summed up in %.0f s: %llu rows of a day, %.1f bytes a row with all "
	       "sums\n",
	       seconds() - begin, (unsigned long long)stats.rows,
	       (double)stats.bytes / (double)stats.rows);
	for (size_t i = 0; i < sizeof(questions) / sizeof(*questions); i++)
		measure(questions[i].name, questions[i].ask, questions[i].rounds);
	getrusage(RUSAGE_SELF, &usage);
	printf("memory at most: %.0f MiB\n", (double)usage.ru_maxrss / 1024);
	weir_store_close(&store);
	snprintf(command, sizeof(command), "rm -rf %s", folder);
	return system(command);
}
