/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The inside of a reflector: reflector.c moves it on, event.c reads what a
 * watch says. */
#include "daemon/kube/backoff.h"
#include "daemon/kube/internal.h"
#include "daemon/kube/items.h"
#include "daemon/kube/lines.h"

/* Somebody who asked for a new list. */
struct weir_relist {
	void (*done)(void *data);
	void *data;
	struct weir_relist *next;
};

struct weir_reflector {
	struct weir_kube *kube;
	struct weir_reflector_config config;
	const struct weir_reflector_ops *ops;
	void *data;
	uv_timer_t timer;
	struct weir_transfer *transfer; /* a page of a list, or a watch */
	bool listing;			/* the transfer is a page */
	char *version;			/* resourceVersion to watch from; NULL: list first */
	char *next_page;		/* "continue" of the list under way; NULL: the first page */
	struct weir_items items;
	struct weir_lines lines;
	struct weir_relist *wanted; /* by the next list */
	struct weir_relist *due;    /* by the one under way */
	struct weir_backoff backoff;
	bool gone;		  /* the server does not know any more what we missed */
	struct weir_error broken; /* what made us end the transfer; "" */
	uint64_t began_ms, heard_ms;
	struct weir_reflector_state state; /* but for silent_ms */
};

/* The server has told that what we know is what there is. */
void weir_reflector_heard(struct weir_reflector *r);
/* Hands an object on, with kind and apiVersion. */
int weir_reflector_object(struct weir_reflector *r, cJSON *object);
/* *ret becomes a copy of a member of object, NULL when it is absent or empty. */
int weir_reflector_set_text(char **ret, const cJSON *object, const char *key);
/* One line of a watch. Below 0: the watch must end; why is in r->gone or r->broken. */
int weir_reflector_event(struct weir_reflector *r, const char *text, size_t len);
