/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* What the files of the API share. */
#include <pthread.h>
#include <stdatomic.h>
#include <stdint.h>

#include "hub/api/api.h"
#include "hub/api/request.h"

#define WEIR_STATUS_CLASSES 6 /* 0: other; 1xx to 5xx */

struct MHD_Daemon;
struct weir_counters;
struct weir_live;
struct weir_work;

struct weir_api {
	struct weir_api_config c;
	struct MHD_Daemon *http, *metrics;
	struct weir_work *sign_ins; /* those that ask an issuer or an API server */
	struct weir_work *work;	    /* questions, and all other sign-ins */
	struct weir_live *live;
	struct weir_counters *counters; /* NULL: no flow metrics */
	pthread_mutex_t lock;		/* of receive */
	struct weir_receive *receive;
	_Atomic uint64_t answers;   /* bytes that wait to be read by clients */
	_Atomic uint64_t *requests; /* [route][status class]; the last route: unknown paths */
	_Atomic uint64_t questions, question_ns, cut; /* asked of the store */
};

int weir_server_start(struct weir_api *api, struct weir_error *err);
/* Nothing may be suspended any more. */
void weir_server_stop(struct weir_api *api);
/* In a worker: makes the answer, and hands the request back to the event thread. */
void weir_server_work(struct weir_request *r);
/* In a worker of the other kind: signs in, and hands the request on to the former. */
void weir_server_sign_in(struct weir_request *r);

int weir_metrics_start(struct weir_api *api, struct weir_error *err);
void weir_metrics_stop(struct weir_api *api);
/* Empty: all is well. */
void weir_api_not_ready(struct weir_api *api, char *why, size_t size);

/* The question's budget, as the configuration has it. */
struct weir_budget weir_api_budget(const struct weir_api *api);
/* After each question of the store. */
void weir_api_asked(struct weir_api *api, uint64_t started, const struct weir_answer_end *end);
uint64_t weir_api_clock(void); /* ns, monotonic */
uint64_t weir_api_now(void);   /* ns since the epoch */
/* "complete", and "why" not, of an answer. */
void weir_api_put_end(struct weir_json *j, const struct weir_answer_end *end);
