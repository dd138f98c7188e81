/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Files of the spool: a head that names the boot, then batches, each with its
 * checksum. Appended to only; synced when full or closed; gone when the hub has all
 * that is in it. What a crash has torn off at the end is cut off when it is read.
 * Little endian, as this machine wrote it: nobody else reads them.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#include "daemon/hub/spool.h"
#include "weir/cleanup.h"
#include "weir/log.h"

#define MAGIC	    "WEIRSPL1"
#define SEGMENT_MAX (4u << 20)
#define PATH_SIZE   4096

struct head {
	char magic[sizeof(MAGIC) - 1];
	char boot[WEIR_LINK_BOOT_MAX];
	uint64_t created; /* ns since the epoch: which boot was first */
};

struct mark {		   /* before each batch */
	uint32_t len, crc; /* crc: of the rest of the mark and the bytes */
	uint64_t first, next;
};

struct weir_segment {
	struct weir_segment *newer;
	char path[PATH_SIZE];
	int fd;
	uint64_t size;
	unsigned items; /* still needed */
	bool ours;	/* begun by this process: may be written to */
};

/* CRC-32C, by a table that is made at first use (by the one thread that spools). */
static uint32_t crc_of(uint32_t crc, const void *bytes, size_t len)
{
	static uint32_t table[256];
	const uint8_t *p = bytes;

	for (uint32_t i = 0; !table[255] && i < 256; i++) {
		uint32_t value = i;

		for (unsigned bit = 0; bit < 8; bit++)
			value = value >> 1 ^ (value & 1 ? 0x82f63b78u : 0);
		table[i] = value;
	}
	crc = ~crc;
	while (len--)
		crc = crc >> 8 ^ table[(crc ^ *p++) & 0xff];
	return ~crc;
}

static uint32_t crc_of_item(uint64_t first, uint64_t next, const uint8_t *bytes, uint32_t len)
{
	struct mark m = { .len = len, .first = first, .next = next };

	return crc_of(crc_of(0, &m, sizeof(m)), bytes, len);
}

/* --- a file's life ------------------------------------------------------------------- */

static void append(struct weir_spool *s, struct weir_segment *g)
{
	if (s->newest)
		s->newest->newer = g;
	else
		s->oldest = g;
	s->newest = g;
	s->disk += g->size;
}

static void unlink_from(struct weir_spool *s, struct weir_segment *g)
{
	struct weir_segment **at = &s->oldest, *before = NULL;

	while (*at != g) {
		before = *at;
		at = &before->newer;
	}
	*at = g->newer;
	if (s->newest == g)
		s->newest = before;
}

static void delete (struct weir_spool *s, struct weir_segment *g)
{
	unlink_from(s, g);
	s->disk -= g->size;
	unlink(g->path);
	close(g->fd);
	free(g);
}

/* Full: another is begun with the next batch. */
static bool is_full(const struct weir_segment *g)
{
	return g->size >= SEGMENT_MAX;
}

void weir_segment_drop(struct weir_spool *s, struct weir_spool_item *item)
{
	struct weir_segment *g = weir_take(item->segment);

	if (--g->items == 0 && (g != s->newest || is_full(g) || !g->ours))
		delete (s, g);
}

static int write_all(int fd, const void *bytes, size_t len, uint64_t offset)
{
	const uint8_t *p = bytes;

	while (len) {
		ssize_t n = pwrite(fd, p, len, (off_t)offset);

		if (n < 0 && errno == EINTR)
			continue;
		if (n <= 0)
			return n < 0 ? -errno : -EIO;
		p += n;
		len -= (size_t)n;
		offset += (uint64_t)n;
	}
	return 0;
}

static int create(struct weir_spool *s, const struct weir_spool_boot *b, uint64_t first,
		  struct weir_error *err)
{
	struct weir_segment *g = calloc(1, sizeof(*g));
	struct head head = { .magic = MAGIC };
	struct timespec now;
	int r;

	if (!g)
		return weir_error_errno(err, ENOMEM, "%s", s->path);
	clock_gettime(CLOCK_REALTIME, &now);
	head.created = (uint64_t)now.tv_sec * 1000000000u + (uint64_t)now.tv_nsec;
	strcpy(head.boot, b->boot);
	snprintf(g->path, sizeof(g->path), "%s/%s-%020" PRIu64 WEIR_SEGMENT_SUFFIX, s->path,
		 b->boot, first);
	g->fd = open(g->path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	r = g->fd < 0 ? -errno : write_all(g->fd, &head, sizeof(head), 0);
	if (r < 0) {
		weir_error_errno(err, -r, "%s", g->path);
		if (g->fd >= 0) {
			unlink(g->path);
			close(g->fd);
		}
		free(g);
		return r;
	}
	g->size = sizeof(head);
	g->ours = true;
	append(s, g);
	return 0;
}

/* The one that is written to. A full one is synced, once, when another takes over. */
static int current(struct weir_spool *s, const struct weir_spool_boot *b, uint64_t first,
		   struct weir_segment **ret, struct weir_error *err)
{
	struct weir_segment *g = s->newest;
	int r = 0;

	if (g && is_full(g)) {
		fsync(g->fd);
		if (!g->items)
			delete (s, g);
		g = NULL;
	}
	if (!g || !g->ours)
		r = create(s, b, first, err);
	*ret = s->newest;
	return r;
}

int weir_segment_add(struct weir_spool *s, struct weir_spool_boot *b, struct weir_spool_item *item,
		     const uint8_t *bytes, struct weir_error *err)
{
	struct mark m = { .len = item->len, .first = item->first, .next = item->next };
	struct weir_segment *g = NULL;
	int r = current(s, b, item->first, &g, err);

	if (r < 0)
		return r;
	m.crc = crc_of_item(m.first, m.next, bytes, m.len);
	r = write_all(g->fd, &m, sizeof(m), g->size);
	if (r == 0)
		r = write_all(g->fd, bytes, m.len, g->size + sizeof(m));
	if (r < 0) {
		if (ftruncate(g->fd, (off_t)g->size) < 0) /* the next one writes over it */
			r = -errno;
		return weir_error_errno(err, -r, "%s", g->path);
	}
	item->segment = g;
	item->offset = g->size + sizeof(m);
	item->crc = m.crc;
	g->items++;
	g->size += sizeof(m) + m.len;
	s->disk += sizeof(m) + m.len;
	while (s->disk > s->disk_max && s->oldest != s->newest)
		weir_spool_lose_segment(s, s->oldest);
	return 0;
}

int weir_segment_read(const struct weir_spool_item *item, uint8_t *ret)
{
	ssize_t n = pread(item->segment->fd, ret, item->len, (off_t)item->offset);

	if (n < 0)
		return -errno;
	return (size_t)n == item->len &&
			       crc_of_item(item->first, item->next, ret, item->len) == item->crc
		       ? 0
		       : -EIO;
}

/* --- what an earlier weird has left -------------------------------------------------- */

/* False: here it ends, or is torn. */
static bool read_item(struct weir_segment *g, struct weir_spool_item *ret)
{
	struct weir_spool_item item = { .segment = g };
	WEIR_AUTO_FREE uint8_t *bytes = NULL;
	struct mark m;

	if (pread(g->fd, &m, sizeof(m), (off_t)g->size) != sizeof(m) ||
	    m.len > WEIR_LINK_BATCH_MAX || m.next <= m.first)
		return false;
	item.first = m.first;
	item.next = m.next;
	item.len = m.len;
	item.crc = m.crc;
	item.offset = g->size + sizeof(m);
	bytes = malloc(m.len ? m.len : 1);
	if (!bytes || weir_segment_read(&item, bytes) < 0)
		return false;
	*ret = item;
	return true;
}

static void cut_tail(struct weir_segment *g)
{
	char count[24];
	struct stat st;

	if (fstat(g->fd, &st) < 0 || (uint64_t)st.st_size <= g->size)
		return;
	snprintf(count, sizeof(count), "%" PRIu64, (uint64_t)st.st_size - g->size);
	weir_log(WEIR_LOG_WARNING, "torn end of a file of the hub's spool cut off", "file", g->path,
		 "bytes", count, NULL);
	if (ftruncate(g->fd, (off_t)g->size) < 0)
		weir_log(WEIR_LOG_WARNING, "it cannot be cut off", "error", strerror(errno), NULL);
}

struct found {
	struct head head;
	char name[256];
};

static int order(const void *a, const void *b)
{
	const struct found *x = a, *y = b;

	return x->head.created < y->head.created ? -1 : x->head.created > y->head.created;
}

static bool read_head(const char *dir, const char *name, struct found *ret)
{
	const char *suffix = strrchr(name, '.');
	char path[PATH_SIZE];
	WEIR_AUTO_CLOSE int fd = -1;

	if (!suffix || strcmp(suffix, WEIR_SEGMENT_SUFFIX) != 0)
		return false;
	snprintf(path, sizeof(path), "%s/%s", dir, name);
	fd = open(path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	if (fd >= 0 && read(fd, &ret->head, sizeof(ret->head)) == sizeof(ret->head) &&
	    !memcmp(ret->head.magic, MAGIC, sizeof(ret->head.magic)) &&
	    memchr(ret->head.boot, 0, sizeof(ret->head.boot)) && *ret->head.boot) {
		snprintf(ret->name, sizeof(ret->name), "%s", name);
		return true;
	}
	weir_log(WEIR_LOG_WARNING, "not a file of the hub's spool: left alone", "file", path, NULL);
	return false;
}

static int list(const char *dir, struct found **ret, size_t *ret_n, struct weir_error *err)
{
	struct found *all = NULL, *more, one;
	struct dirent *e;
	DIR *d = NULL;
	size_t n = 0;

	if ((mkdir(dir, 0700) < 0 && errno != EEXIST) || !(d = opendir(dir)))
		return weir_error_errno(err, errno, "%s", dir);
	while ((e = readdir(d))) {
		if (!read_head(dir, e->d_name, &one))
			continue;
		more = realloc(all, (n + 1) * sizeof(*all));
		if (!more)
			break;
		all = more;
		all[n++] = one;
	}
	closedir(d);
	if (n)
		qsort(all, n, sizeof(*all), order);
	*ret = all;
	*ret_n = n;
	return 0;
}

static void load(struct weir_spool *s, const struct found *f)
{
	struct weir_spool_boot *b = weir_spool_make_boot(s, f->head.boot);
	struct weir_segment *g = calloc(1, sizeof(*g));
	struct weir_spool_item item;

	if (!g)
		return;
	snprintf(g->path, sizeof(g->path), "%s/%s", s->path, f->name);
	g->fd = open(g->path, O_RDWR | O_CLOEXEC | O_NOFOLLOW);
	if (g->fd < 0) {
		free(g);
		return;
	}
	g->size = sizeof(f->head);
	while (read_item(g, &item)) {
		if (item.first < b->next || weir_spool_append(s, b, &item) < 0)
			break;
		g->items++;
		g->size = item.offset + item.len;
	}
	cut_tail(g);
	append(s, g);
	if (!g->items)
		delete (s, g);
}

int weir_segments_load(struct weir_spool *s, const char *running, struct weir_error *err)
{
	struct found *all = NULL;
	size_t n = 0;
	char count[24];
	int r = list(s->path, &all, &n, err);

	for (unsigned pass = 0; r == 0 && pass < 2; pass++) /* the one that runs is the last */
		for (size_t i = 0; i < n; i++)
			if (!strcmp(all[i].head.boot, running) == (pass == 1))
				load(s, &all[i]);
	free(all);
	if (s->records) {
		snprintf(count, sizeof(count), "%" PRIu64, s->records);
		weir_log(WEIR_LOG_INFO, "records wait for the hub since an earlier start",
			 "records", count, NULL);
	}
	return r;
}

void weir_segments_close(struct weir_spool *s)
{
	while (s->oldest) {
		struct weir_segment *g = s->oldest;

		if (!g->items) {
			delete (s, g);
			continue;
		}
		fsync(g->fd);
		unlink_from(s, g);
		close(g->fd);
		free(g);
	}
}
