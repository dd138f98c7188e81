/* SPDX-License-Identifier: Apache-2.0 */
/* The state file of the numbering: opened and closed by flows.c, written by the
 * publisher as memory. */
#include "daemon/numbers.h"

#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "weir/cleanup.h"
#include "weir/file.h"

#define MAGIC "weirseq1"

struct file {
	char magic[sizeof(MAGIC) - 1];
	char boot[40];
	struct weir_numbers numbers;
};

/* As weird wrote it before: reserved ahead, unless it ended well. */
static bool parse_text(const char *text, const char *boot, struct file *f, bool *ret_hole)
{
	char was[64], state[8];
	uint64_t seq, batch;

	if (sscanf(text, "boot %63s\nseq %" SCNu64 "\nbatch %" SCNu64 "\nend %7s", was, &seq,
		   &batch, state) != 4 ||
	    strcmp(was, boot) != 0 || !seq || !batch)
		return false;
	f->numbers.seq = seq;
	f->numbers.batch = batch;
	*ret_hole = strcmp(state, "clean") != 0;
	return true;
}

static void load(const char *path, const char *boot, struct file *f, bool *ret_hole)
{
	WEIR_AUTO_FREE char *text = NULL;
	size_t len = 0;

	*ret_hole = false;
	if (weir_file_read(path, 4096, &text, &len, NULL) < 0)
		return;
	if (len != sizeof(*f)) {
		parse_text(text, boot, f, ret_hole);
		return;
	}
	const struct file *was = (const void *)text;

	if (!memcmp(was->magic, f->magic, sizeof(f->magic)) &&
	    !strncmp(was->boot, boot, sizeof(f->boot)) && was->numbers.seq && was->numbers.batch) {
		f->numbers.seq = was->numbers.seq;
		f->numbers.batch = was->numbers.batch;
	}
}

int weir_numbers_open(const char *path, const char *boot, struct weir_numbers **ret, bool *ret_hole,
		      struct weir_error *err)
{
	struct file first = { .numbers = { 1, 1 } }, *map;
	WEIR_AUTO_CLOSE int fd = -1;
	bool hole;
	int r;

	memcpy(first.magic, MAGIC, sizeof(first.magic));
	snprintf(first.boot, sizeof(first.boot), "%s", boot);
	load(path, boot, &first, &hole);
	r = weir_file_replace(path, &first, sizeof(first), 0600, err);
	if (r < 0)
		return r;
	fd = open(path, O_RDWR | O_CLOEXEC);
	map = fd < 0 ? MAP_FAILED
		     : mmap(NULL, sizeof(*map), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (map == MAP_FAILED)
		return weir_error_errno(err, errno, "%s", path);
	*ret_hole = hole;
	*ret = &map->numbers;
	return 0;
}

void weir_numbers_close(struct weir_numbers **numbers)
{
	struct weir_numbers *n = weir_take(*numbers);

	if (n)
		munmap((char *)n - offsetof(struct file, numbers), sizeof(struct file));
}
