/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What the backend blocks because a policy has ended it, until it is allowed again.
 * A packet that was being judged while its connection was released may have blocked it
 * once more: each is looked at again a while later and forgotten only when the
 * kernel has let go of it. Main thread.
 */
#include <stdbool.h>
#include <stdint.h>

#include "weir/backend.h"

struct weird;
struct weir_blocked;

#define WEIR_BLOCKED_GRACE_MS 1000u /* no packet is under way for that long */
#define WEIR_BLOCKED_LOOK_MS  100u  /* it is looked at so soon: a packet mostly shows at once */

/* The backend and the world of d are those at the time of each call. */
int weir_blocked_new(struct weird *d, struct weir_blocked **ret);
void weir_blocked_free(struct weir_blocked **b);

/* data: a struct weir_blocked. Remembers the youngest, some ten thousand. */
void weir_blocked_add(void *data, const struct weir_ending *ending);
/* The world has changed: all may be allowed now. */
void weir_blocked_changed(struct weir_blocked *b);
/* A step: releases some of those that are allowed. 1: there may be more; 0: there are none;
 * -errno: nothing was released and nothing is forgotten, to be tried again from the first. */
int weir_blocked_release(struct weir_blocked *b, uint64_t now_ms, struct weir_error *err);
/* A step: some of those whose grace is over are forgotten, or released once more. On an
 * error they stay and are due again later. */
int weir_blocked_look_again(struct weir_blocked *b, uint64_t now_ms, struct weir_error *err);
/* There is something to look at again, now or later. */
bool weir_blocked_pending(const struct weir_blocked *b);
/* So many have been released; each counts once. */
uint64_t weir_blocked_released(const struct weir_blocked *b);
