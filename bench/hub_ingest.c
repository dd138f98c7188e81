/* SPDX-License-Identifier: Apache-2.0 */
/*
 * From batches on the wire to flows on disk: weir-hub's ingest and store, nfcapd of
 * nfdump with the same flows as NetFlow v5 on loopback, and rows of one SQLite table.
 * Alternating rounds; medians; records a second, a CPU second, bytes a record.
 */
#include <arpa/inet.h>
#include <dirent.h>
#include <signal.h>
#include <sqlite3.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "bench/hub_flows.h"
#include "hub/ingest/ingest.h"
#include "hub/store/store.h"

#define FLOWS  1000000u
#define ROUNDS 5

static char folder[64];

struct result {
	double wall, cpu; /* seconds */
	double bytes;	  /* on disk, of a record */
	double kept;	  /* share of the records that are there */
};

static double seconds(clockid_t id)
{
	struct timespec t;

	clock_gettime(id, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double folder_bytes(const char *path)
{
	DIR *d = opendir(path);
	struct dirent *e;
	char name[512];
	struct stat st;
	double n = 0;

	while (d && (e = readdir(d))) {
		snprintf(name, sizeof(name), "%s/%s", path, e->d_name);
		if (stat(name, &st) == 0 && S_ISREG(st.st_mode))
			n += (double)st.st_size;
	}
	if (d)
		closedir(d);
	return n;
}

static void fresh(void)
{
	char command[128];

	snprintf(command, sizeof(command), "rm -rf %s; mkdir %s", folder, folder);
	if (system(command))
		exit(2);
}

/* --- weir-hub ------------------------------------------------------------------------- */

static atomic_ulong stored_of[BENCH_NODES];

static void on_stored(void *data, const char *cluster, const char *node, const char *boot,
		      uint64_t seq)
{
	stored_of[atoi(node + 5)] = seq;
}

static uint64_t all_stored(void)
{
	uint64_t n = 0;

	for (unsigned i = 0; i < BENCH_NODES; i++)
		n += stored_of[i] ? stored_of[i] - 1 : 0;
	return n;
}

static struct result run_hub(const struct bench_batch *batches, size_t n, uint64_t records)
{
	struct weir_store_config sc = { .type = "sqlite",
					.path = folder,
					.raw_ms = 1ull << 40,
					.rollup_ms = 1ull << 40,
					.partition_ms = 86400000 };
	struct weir_ingest_config ic = { .stored = on_stored };
	struct weir_store_stats stats;
	struct weir_ingest_stats joined;
	struct weir_error err = { "" };
	struct weir_ingest *in;
	struct result r;
	uint64_t expected;

	fresh();
	memset(stored_of, 0, sizeof(stored_of));
	if (weir_store_open(&sc, &ic.store, &err) < 0 || weir_ingest_new(&ic, &in, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		exit(2);
	}
	r.wall = seconds(CLOCK_MONOTONIC);
	r.cpu = seconds(CLOCK_PROCESS_CPUTIME_ID);
	for (size_t i = 0; i < n; i++)
		while (weir_ingest_batch(in, "c", bench_node(batches[i].node), batches[i].bytes,
					 batches[i].len, &expected, &err) < 0)
			usleep(1000);
	while (all_stored() < records)
		usleep(1000);
	r.wall = seconds(CLOCK_MONOTONIC) - r.wall;
	r.cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - r.cpu;
	ic.store->ops->stats(ic.store, &stats);
	weir_ingest_stats(in, &joined);
	r.kept = (double)(stats.rows + joined.joined) / (double)records;
	weir_ingest_free(&in);
	weir_store_close(&ic.store);
	r.bytes = folder_bytes(folder) / (double)records;
	return r;
}

/* --- rows of SQLite ------------------------------------------------------------------- */

static void bind_flow(sqlite3_stmt *s, const struct weir_record *r)
{
	char a[WEIR_ADDR_STRLEN], b[WEIR_ADDR_STRLEN];
	int i = 1;

	sqlite3_bind_int64(s, i++, (sqlite3_int64)r->time);
	sqlite3_bind_int64(s, i++, (sqlite3_int64)r->start);
	sqlite3_bind_int64(s, i++, (sqlite3_int64)r->flow);
	sqlite3_bind_int(s, i++, r->type);
	sqlite3_bind_int(s, i++, r->verdict);
	sqlite3_bind_int(s, i++, r->protocol);
	sqlite3_bind_text(s, i++, r->src.namespace_, -1, SQLITE_STATIC);
	sqlite3_bind_text(s, i++, r->src.pod, -1, SQLITE_STATIC);
	sqlite3_bind_text(s, i++, weir_addr_format(&r->src.addr, a), -1, SQLITE_TRANSIENT);
	sqlite3_bind_int(s, i++, r->src.port);
	sqlite3_bind_text(s, i++, r->dst.namespace_, -1, SQLITE_STATIC);
	sqlite3_bind_text(s, i++, r->dst.pod, -1, SQLITE_STATIC);
	sqlite3_bind_text(s, i++, weir_addr_format(&r->dst.addr, b), -1, SQLITE_TRANSIENT);
	sqlite3_bind_int(s, i++, r->dst.port);
	sqlite3_bind_text(s, i++, r->egress.n_policies ? r->egress.policies->name : NULL, -1,
			  SQLITE_STATIC);
	sqlite3_bind_int64(s, i++, (sqlite3_int64)r->packets[0]);
	sqlite3_bind_int64(s, i++, (sqlite3_int64)r->packets[1]);
	sqlite3_bind_int64(s, i++, (sqlite3_int64)r->bytes[0]);
	sqlite3_bind_int64(s, i++, (sqlite3_int64)r->bytes[1]);
}

static struct result run_rows(const struct bench_flow *flows)
{
	struct result r = { .wall = seconds(CLOCK_MONOTONIC),
			    .cpu = seconds(CLOCK_PROCESS_CPUTIME_ID),
			    .kept = 1 };
	sqlite3_stmt *s;
	sqlite3 *db;
	char path[128];

	fresh();
	snprintf(path, sizeof(path), "%s/rows.db", folder);
	sqlite3_open(path, &db);
	sqlite3_exec(
		db,
		"PRAGMA journal_mode=WAL;CREATE TABLE flows (time, start, flow, type, verdict, "
		"protocol, src_ns, src_pod, src, sport, dst_ns, dst_pod, dst, dport, policy, "
		"packets, packets_back, bytes, bytes_back)",
		NULL, NULL, NULL);
	if (sqlite3_prepare_v2(db,
			       "INSERT INTO flows VALUES (?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?,?)",
			       -1, &s, NULL) != SQLITE_OK)
		exit(2);
	for (size_t i = 0; i < FLOWS; i++) {
		struct weir_record record;

		if (i % 50000 == 0)
			sqlite3_exec(db, i ? "COMMIT;BEGIN" : "BEGIN", NULL, NULL, NULL);
		bench_record(&flows[i], &record);
		bind_flow(s, &record);
		sqlite3_step(s);
		sqlite3_reset(s);
	}
	sqlite3_exec(db, "COMMIT", NULL, NULL, NULL);
	sqlite3_finalize(s);
	sqlite3_close(db);
	r.wall = seconds(CLOCK_MONOTONIC) - r.wall;
	r.cpu = seconds(CLOCK_PROCESS_CPUTIME_ID) - r.cpu;
	r.bytes = folder_bytes(folder) / FLOWS;
	return r;
}

/* --- nfcapd --------------------------------------------------------------------------- */

struct v5_record {
	uint32_t src, dst, next;
	uint16_t in, out;
	uint32_t packets, bytes, first, last;
	uint16_t sport, dport;
	uint8_t pad, flags, protocol, tos;
	uint16_t as[2];
	uint8_t masks[2];
	uint16_t pad2;
} __attribute__((packed));

struct v5_packet {
	uint16_t version, count;
	uint32_t uptime, seconds, ns, sequence;
	uint8_t engine[2];
	uint16_t sampling;
	struct v5_record records[30];
} __attribute__((packed));

static int free_port(int fd)
{
	struct sockaddr_in a = { .sin_family = AF_INET, .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);

	bind(fd, (struct sockaddr *)&a, len);
	getsockname(fd, (struct sockaddr *)&a, &len);
	return ntohs(a.sin_port);
}

static pid_t start_nfcapd(int port)
{
	char text[16];
	pid_t pid;

	snprintf(text, sizeof(text), "%d", port);
	pid = fork();
	if (pid == 0) {
		if (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr))
			_exit(127);
		execlp("nfcapd", "nfcapd", "-w", folder, "-p", text, "-b", "127.0.0.1", "-B",
		       "33554432", "-t", "3600", "-y", NULL);
		_exit(127);
	}
	usleep(500000);
	return pid;
}

static void fill_v5(struct v5_packet *p, const struct bench_flow *flows, size_t n,
		    uint32_t sequence)
{
	*p = (struct v5_packet){ .version = htons(5),
				 .count = htons((uint16_t)n),
				 .uptime = htonl(100000000),
				 .seconds = htonl((uint32_t)time(NULL)),
				 .sequence = htonl(sequence) };
	for (size_t i = 0; i < n; i++) {
		struct weir_record r;

		bench_record(&flows[i], &r);
		memcpy(&p->records[i].src, r.src.addr.bytes, 4);
		memcpy(&p->records[i].dst, r.dst.addr.bytes, 4);
		p->records[i].packets = htonl(flows[i].packets);
		p->records[i].bytes = htonl(flows[i].bytes);
		p->records[i].first = htonl(99990000 + (uint32_t)(flows[i].time / 1000000 % 10000));
		p->records[i].last = htonl(99999999);
		p->records[i].sport = htons(flows[i].sport);
		p->records[i].dport = htons(flows[i].dport);
		p->records[i].protocol = r.protocol;
	}
}

/* So fast that its socket's buffer holds what it has not read: pauses when CPU is short. */
static double send_flows(int port, const struct bench_flow *flows)
{
	struct sockaddr_in to = { .sin_family = AF_INET,
				  .sin_port = htons((uint16_t)port),
				  .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	int fd = socket(AF_INET, SOCK_DGRAM, 0);
	double begin = seconds(CLOCK_MONOTONIC);
	struct v5_packet p;

	for (size_t i = 0; i < FLOWS; i += 30) {
		size_t n = FLOWS - i < 30 ? FLOWS - i : 30;

		fill_v5(&p, &flows[i], n, (uint32_t)i);
		sendto(fd, &p, 24 + n * sizeof(struct v5_record), 0, (struct sockaddr *)&to,
		       sizeof(to));
		if (i % 3000 == 0)
			usleep(1500);
	}
	close(fd);
	return seconds(CLOCK_MONOTONIC) - begin;
}

static double count_nfcapd(void)
{
	char command[256], line[256] = "";
	double n = 0;
	FILE *f;

	snprintf(command, sizeof(command),
		 "nfdump -R %s -I 2>/dev/null | sed -n 's/^Flows: //p' | head -1", folder);
	f = popen(command, "r");
	if (f && fgets(line, sizeof(line), f))
		n = atof(line);
	if (f)
		pclose(f);
	return n;
}

static struct result run_nfcapd(const struct bench_flow *flows)
{
	struct result r = { 0 };
	struct rusage usage;
	int fd = socket(AF_INET, SOCK_DGRAM, 0), port = free_port(fd), status;
	pid_t pid;

	fresh();
	close(fd);
	pid = start_nfcapd(port);
	r.wall = send_flows(port, flows);
	usleep(500000);
	kill(pid, SIGTERM);
	wait4(pid, &status, 0, &usage);
	r.cpu = (double)usage.ru_utime.tv_sec + (double)usage.ru_stime.tv_sec +
		(double)(usage.ru_utime.tv_usec + usage.ru_stime.tv_usec) / 1e6;
	r.kept = count_nfcapd() / FLOWS;
	r.bytes = folder_bytes(folder) / FLOWS / (r.kept > 0 ? r.kept : 1);
	return r;
}

/* -------------------------------------------------------------------------------------- */

static int compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return x < y ? -1 : x > y;
}

static double median(const struct result *r, size_t offset)
{
	double values[ROUNDS];

	for (int i = 0; i < ROUNDS; i++)
		values[i] = *(const double *)((const char *)&r[i] + offset);
	qsort(values, ROUNDS, sizeof(*values), compare);
	return values[ROUNDS / 2];
}

static void print(const char *name, const struct result *r, double records)
{
	double wall = median(r, offsetof(struct result, wall));
	double cpu = median(r, offsetof(struct result, cpu));
	double kept = median(r, offsetof(struct result, kept));

	printf("%-28s %10.0f %12.0f %10.1f %8.1f %%\n", name, records * kept / wall,
	       records * kept / cpu, median(r, offsetof(struct result, bytes)), kept * 100);
}

int main(void)
{
	struct bench_flow *flows = calloc(FLOWS, sizeof(*flows));
	static struct result hub[ROUNDS], rows[ROUNDS], nfcapd[ROUNDS];
	uint64_t seq[BENCH_NODES], now = (uint64_t)time(NULL) * 1000000000u;
	bool has_nfcapd = system("command -v nfcapd >/dev/null") == 0;
	struct bench_batch *batches;
	uint64_t records = 0;
	double wire = 0;
	size_t n;

	strcpy(folder, "/tmp/weir-bench-hub-XXXXXX");
	if (!flows || !mkdtemp(folder))
		return 2;
	for (unsigned i = 0; i < BENCH_NODES; i++)
		seq[i] = 1;
	bench_flows(flows, FLOWS, now - 60000000000u, now);
	n = bench_batches(flows, FLOWS, seq, &batches);
	for (size_t i = 0; i < n; i++) {
		records += batches[i].records;
		wire += (double)batches[i].len;
	}
	for (int i = 0; i < ROUNDS; i++) {
		hub[i] = run_hub(batches, n, records);
		rows[i] = run_rows(flows);
		if (has_nfcapd)
			nfcapd[i] = run_nfcapd(flows);
	}
	fresh();
	rmdir(folder);
	printf("%u flows of %u nodes, %d rounds, medians; on the wire %llu records of %.1f bytes\n",
	       FLOWS, BENCH_NODES, ROUNDS, (unsigned long long)records, wire / (double)records);
	printf("%-28s %10s %12s %10s %10s\n", "", "records/s", "/CPU second", "bytes", "kept");
	print("weir-hub, wire to disk", hub, (double)records);
	print("one SQLite table, rows", rows, FLOWS);
	if (has_nfcapd)
		print("nfcapd, NetFlow v5, LZ4", nfcapd, FLOWS);
	else
		puts("nfcapd is not installed (nfdump): not measured");
	return 0;
}
