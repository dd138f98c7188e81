/* SPDX-License-Identifier: Apache-2.0 */
/* The state file of the numbering: written by parts.c, read once at start. */
#include "daemon/numbers.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

void weir_numbers_load(const char *path, const char *boot, struct weir_numbers *ret)
{
	char was[64], state[8];
	uint64_t seq, batch;
	FILE *f = fopen(path, "re");

	*ret = (struct weir_numbers){ .seq = 1, .batch = 1 };
	if (!f)
		return;
	if (fscanf(f, "boot %63s\nseq %" SCNu64 "\nbatch %" SCNu64 "\nend %7s", was, &seq, &batch,
		   state) == 4 &&
	    !strcmp(was, boot) && seq && batch)
		*ret = (struct weir_numbers){ .seq = seq,
					      .batch = batch,
					      .hole = strcmp(state, "clean") != 0 };
	fclose(f);
}

int weir_numbers_save(const char *path, const char *boot, uint64_t seq, uint64_t batch, bool clean,
		      struct weir_error *err)
{
	char temporary[4096];
	FILE *f;
	int r;

	snprintf(temporary, sizeof(temporary), "%s.new", path);
	f = fopen(temporary, "we");
	if (!f)
		return weir_error_errno(err, errno, "%s", temporary);
	r = fprintf(f, "boot %s\nseq %" PRIu64 "\nbatch %" PRIu64 "\nend %s\n", boot, seq, batch,
		    clean ? "clean" : "open") < 0;
	if (fclose(f) != 0 || r) {
		r = errno;
		unlink(temporary);
		return weir_error_errno(err, r, "%s", temporary);
	}
	if (rename(temporary, path) < 0)
		return weir_error_errno(err, errno, "%s", path);
	return 0;
}
