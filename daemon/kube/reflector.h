/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The inside of a reflector: reflector.c decides what is next, list.c and
 * watch.c do it, event.c reads what a watch says. */
#include "daemon/kube/backoff.h"
#include "daemon/kube/internal.h"
#include "daemon/kube/items.h"
#include "daemon/kube/lines.h"

enum { WEIR_OBJECT_MAX = 16 << 20 }; /* bytes of one; etcd takes 1.5 MiB */

/* Somebody who asked for a new list. */
struct weir_relist {
	void (*done)(void *data);
	void *data;
	struct weir_relist *next;
};

struct weir_reflector {
	struct weir_kube *kube;
	struct weir_reflector_config config;
	struct weir_reflector_times times;
	const struct weir_reflector_ops *ops;
	void *data;
	uv_timer_t timer;
	struct weir_transfer *transfer;	 /* a page of a list, or a watch */
	bool listing;			 /* the transfer is a page */
	struct weir_kube_call *is_ready; /* asked after a 404 */
	bool was_ready;			 /* ... and answered: then the next 404 counts */
	char *version;			 /* resourceVersion to watch from; NULL: list first */
	char *next_page; /* "continue" of the list under way; NULL: the first page */
	struct weir_items items;
	struct weir_lines lines;
	struct weir_relist *wanted; /* by the next list */
	struct weir_relist *due;    /* by the one under way */
	struct weir_backoff backoff;
	bool gone;		  /* the watch can't be taken up again: list */
	struct weir_error broken; /* what made us end the transfer; "" */
	uint64_t began_ms, heard_ms;
	struct weir_reflector_state state; /* but for silent_ms */
};

/* --- reflector.c ------------------------------------------------------------------- */

/* The next step: what that is follows from what is known. */
void weir_reflector_go_on(struct weir_reflector *r);
/* The same after ms. */
void weir_reflector_later(struct weir_reflector *r, uint32_t ms);
/* The same after a while; why is in r->broken, or in end. */
void weir_reflector_failed(struct weir_reflector *r, const struct weir_transfer_end *end);
/* The server says that it knows no such collection: the next step. */
void weir_reflector_not_found(struct weir_reflector *r);
bool weir_reflector_is_not_found(const struct weir_reflector *r,
				 const struct weir_transfer_end *end);
/* The server has told that what we know is what there is. */
void weir_reflector_heard(struct weir_reflector *r);
/* Hands an object on, with kind and apiVersion. */
void weir_reflector_object(struct weir_reflector *r, cJSON *object);
/* Those who wait for the list that is complete now. */
void weir_reflector_call_due(struct weir_reflector *r);
/* *ret becomes a copy of a member of object, NULL when it is absent or empty. */
int weir_reflector_set_text(char **ret, const cJSON *object, const char *key);

/* --- list.c, watch.c, event.c -------------------------------------------------------- */

int weir_reflector_list(struct weir_reflector *r, struct weir_error *err);
int weir_reflector_watch(struct weir_reflector *r, struct weir_error *err);
/* One line of a watch. Below 0: the watch must end; why is in r->gone and r->broken. */
int weir_reflector_event(struct weir_reflector *r, const char *text, size_t len);
