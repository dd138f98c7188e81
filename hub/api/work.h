/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Those who may wait: N threads that take requests one at a time; the event thread never
 * waits. One address never has all of them: there is a thread left for the others.
 */
#include "weir/error.h"

struct weir_request;
struct weir_work;

int weir_work_start(unsigned workers, unsigned queue, void (*fn)(struct weir_request *r),
		    struct weir_work **ret, struct weir_error *err);
/* Room for one more; whoever has it must submit. */
int weir_work_reserve(struct weir_work *w);
void weir_work_submit(struct weir_work *w, struct weir_request *r);
/* What is queued is still done, nothing more is taken. */
void weir_work_end(struct weir_work *w);
void weir_work_free(struct weir_work **work);
