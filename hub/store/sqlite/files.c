/* SPDX-License-Identifier: Apache-2.0 */
/* The files that a question reads, for as long as it reads them. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "hub/store/sqlite/scan.h"
#include "weir/cleanup.h"
#include "weir/log.h"

static int add_blocks(struct weir_files *f, size_t file, uint64_t from, uint64_t to)
{
	WEIR_AUTO_FREE struct weir_block *blocks = NULL;
	struct weir_work *work;
	size_t n;

	if (weir_partition_blocks(f->partitions[file], from, to, &blocks, &n) < 0)
		return -ENOMEM;
	work = realloc(f->work, (f->n_work + n + 1) * sizeof(*work));
	if (!work)
		return -ENOMEM;
	f->work = work;
	for (size_t i = 0; i < n; i++)
		work[f->n_work++] = (struct weir_work){ file, blocks[i] };
	return 0;
}

int weir_files_open(struct weir_sqlite *s, enum weir_level level, enum weir_level summed,
		    uint64_t from, uint64_t to, const struct weir_scope *scope,
		    const struct weir_filter *filter, struct weir_files *ret,
		    struct weir_error *err)
{
	struct weir_files f = { .scope = scope, .filter = filter };
	int r = weir_catalog_all(s, level, &f.partitions, &f.n);

	f.lenses = r == 0 ? calloc(f.n + 1, sizeof(struct weir_lens *)) : NULL;
	if (!f.lenses) {
		weir_catalog_put(f.partitions, r == 0 ? f.n : 0);
		return weir_error_errno(err, ENOMEM, "question");
	}
	for (size_t i = 0; i < f.n; i++) {
		pthread_rwlock_rdlock(&f.partitions[i]->pack);
		if (r == 0 && !(level == WEIR_LEVEL_RAW && f.partitions[i]->summed[summed]))
			r = add_blocks(&f, i, from, to);
	}
	*ret = f;
	if (r < 0) {
		weir_files_close(ret);
		return weir_error_errno(err, ENOMEM, "question");
	}
	return 0;
}

void weir_files_close(struct weir_files *f)
{
	for (size_t i = 0; i < f->n; i++) {
		pthread_rwlock_unlock(&f->partitions[i]->pack);
		weir_lens_close(&f->lenses[i]);
	}
	free(f->lenses);
	free(f->work);
	if (f->partitions)
		weir_catalog_put(f->partitions, f->n);
	*f = (struct weir_files){ 0 };
}

static void note_torn(struct weir_files *f, const struct weir_work *w, const char *why)
{
	char n[24];

	f->torn = true;
	snprintf(n, sizeof(n), "%" PRIu32, w->block.rows);
	weir_log(WEIR_LOG_ERROR, "a block of the store is torn; answers lack its flows", "file",
		 f->partitions[w->file]->path, "flows", n, "error", why, NULL);
}

int weir_scan_work(struct weir_scan *s, struct weir_files *f, const struct weir_work *w,
		   uint64_t columns, const struct weir_lens **ret_lens, const struct weir_row **ret,
		   uint32_t *ret_n, struct weir_error *err)
{
	struct weir_lens **lens = &f->lenses[w->file];
	struct weir_error why = { "" };
	int r = 0;

	*ret_n = 0;
	if (!*lens)
		r = weir_lens_open(f->partitions[w->file], f->scope, f->filter, lens, &why);
	if (r == 0)
		r = weir_scan_block(s, *lens, &w->block, columns, ret, ret_n, &why);
	*ret_lens = *lens;
	if (r == -EBADMSG) {
		note_torn(f, w, why.text);
		return 0;
	}
	return r < 0 ? weir_error_set(err, -r, "%s", why.text) : 0;
}

void weir_answer_ended(const struct weir_meter *m, const struct weir_files *f,
		       struct weir_answer_end *ret)
{
	*ret = (struct weir_answer_end){
		.complete = !m->ended && !f->torn,
		.why_not = m->ended
				   ?: f->torn ? "torn"
					      : NULL,
		.rows = m->rows,
	};
}
