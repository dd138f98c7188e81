/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Writes and reads the file of learned names. Not synced: it must survive kill -9;
 * what a power cut takes is learned again. Read twice: first to see that all of it is
 * sound, then to use it. Called by learn.c.
 */
#include "daemon/dns/file.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/dns/message.h"
#include "weir/cleanup.h"

#define FIRST_LINE "weir names 1"

struct writing {
	FILE *out;
	const struct weir_dns_clock *clock;
	size_t n;
};

static int write_name(void *data, const char *name, const struct weir_dns_lease *leases, size_t n)
{
	struct writing *w = data;
	char text[WEIR_ADDR_STRLEN];

	fprintf(w->out, "name %s\n", name);
	for (size_t i = 0; i < n; i++)
		fprintf(w->out, "%s %" PRIu64 "\n", weir_addr_format(&leases[i].addr, text),
			leases[i].until - w->clock->now + w->clock->wall);
	w->n += n;
	return 0;
}

static int write_table(FILE *out, const struct weir_dns_table *t,
		       const struct weir_dns_clock *clock)
{
	struct writing w = { .out = out, .clock = clock };
	int r;

	fprintf(out, FIRST_LINE "\n");
	r = weir_dns_table_each(t, write_name, &w);
	fprintf(out, "end %zu\n", w.n);
	return r < 0 ? r : ferror(out) ? -EIO : 0;
}

int weir_dns_file_write(const char *path, const struct weir_dns_table *t,
			const struct weir_dns_clock *clock, struct weir_error *err)
{
	char beside[PATH_MAX];
	FILE *out;
	int r;

	snprintf(beside, sizeof(beside), "%s.new", path);
	out = fopen(beside, "we");
	if (!out)
		return weir_error_errno(err, errno, "%s", beside);
	r = write_table(out, t, clock);
	if (fclose(out) != 0 && r == 0)
		r = -errno;
	if (r == 0 && rename(beside, path) < 0)
		r = -errno;
	if (r < 0)
		unlink(beside);
	return r < 0 ? weir_error_errno(err, -r, "%s", path) : 0;
}

/* --- in --------------------------------------------------------------------------------- */

struct reading {
	const char *path;
	const struct weir_dns_clock *clock;
	uint64_t max_ms;
	int (*fn)(void *data, const char *name, const struct weir_dns_lease *leases, size_t n);
	void *data;
	unsigned line;
	bool ended;
	size_t total; /* addresses that were there */
	char name[WEIR_DNS_NAME_MAX];
	struct weir_dns_lease *leases; /* of the name, as far as they hold */
	size_t n, size;
};

static int give_name(struct reading *in)
{
	int r = in->fn && in->n ? in->fn(in->data, in->name, in->leases, in->n) : 0;

	in->n = 0;
	return r;
}

static int take_name(struct reading *in, const char *text)
{
	size_t len = strlen(text);
	int r = give_name(in);

	if (r < 0)
		return r;
	if (!len || len >= sizeof(in->name) ||
	    strspn(text, "abcdefghijklmnopqrstuvwxyz0123456789-_.*") != len)
		return -EBADMSG;
	memcpy(in->name, text, len + 1);
	return 0;
}

static int add_lease(struct reading *in, const struct weir_dns_lease *l)
{
	if (in->n == in->size) {
		size_t size = in->size ? in->size * 2 : 64;
		void *more = reallocarray(in->leases, size, sizeof(*in->leases));

		if (!more)
			return -ENOMEM;
		in->leases = more;
		in->size = size;
	}
	in->leases[in->n++] = *l;
	return 0;
}

static int take_lease(struct reading *in, char *text)
{
	struct weir_dns_lease l;
	char *number = strchr(text, ' '), *end;
	uint64_t wall, left;

	if (!number || !in->name[0])
		return -EBADMSG;
	*number++ = 0;
	errno = 0;
	wall = strtoull(number, &end, 10);
	if (errno || *end || end == number || weir_addr_parse(text, &l.addr) < 0)
		return -EBADMSG;
	in->total++;
	if (wall <= in->clock->wall)
		return 0;
	left = wall - in->clock->wall;
	l.until = in->clock->now + (left < in->max_ms ? left : in->max_ms);
	return add_lease(in, &l);
}

static int take_end(struct reading *in, const char *text)
{
	char *end;

	if (strtoull(text, &end, 10) != in->total || *end || end == text)
		return -EBADMSG;
	in->ended = true;
	return give_name(in);
}

static int take_line(struct reading *in, char *text)
{
	if (in->line == 1)
		return strcmp(text, FIRST_LINE) ? -EBADMSG : 0;
	if (in->ended)
		return -EBADMSG;
	if (strncmp(text, "name ", 5) == 0)
		return take_name(in, text + 5);
	return strncmp(text, "end ", 4) == 0 ? take_end(in, text + 4) : take_lease(in, text);
}

static int read_lines(FILE *f, struct reading *in)
{
	WEIR_AUTO_FREE char *text = NULL;
	size_t size = 0;
	ssize_t len;
	int r = 0;

	in->line = 0;
	in->ended = false;
	in->total = in->n = 0;
	in->name[0] = 0;
	while (r == 0 && (len = getline(&text, &size, f)) > 0) {
		in->line++;
		if (text[len - 1] == '\n')
			text[--len] = 0;
		r = (size_t)len == strlen(text) ? take_line(in, text) : -EBADMSG;
	}
	if (r == 0 && ferror(f))
		r = -EIO;
	return r == 0 && !in->ended ? -EBADMSG : r;
}

static int read_twice(FILE *f, struct reading *in)
{
	int (*fn)(void *, const char *, const struct weir_dns_lease *, size_t) = in->fn;
	int r;

	in->fn = NULL;
	r = read_lines(f, in);
	if (r < 0)
		return r;
	in->fn = fn;
	rewind(f);
	return read_lines(f, in);
}

int weir_dns_file_read(const char *path, const struct weir_dns_clock *clock, uint64_t max_ms,
		       int (*fn)(void *data, const char *name, const struct weir_dns_lease *leases,
				 size_t n),
		       void *data, struct weir_error *err)
{
	struct reading in = { path, clock, max_ms, fn, data, .line = 0 };
	FILE *f = fopen(path, "re");
	int r;

	if (!f)
		return weir_error_errno(err, errno, "%s", path);
	r = read_twice(f, &in);
	fclose(f);
	free(in.leases);
	if (r == -EBADMSG)
		return weir_error_set(err, EBADMSG, "%s:%u: not what weird wrote", path, in.line);
	return r < 0 ? weir_error_errno(err, -r, "%s", path) : 0;
}
