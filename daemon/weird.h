/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The daemon as a whole: what main opens, and what the RPC methods and the
 * HTTP pages look at. Main thread only, but for what world.h shares.
 */
#include <stdint.h>
#include <uv.h>

#include "daemon/config/config.h"
#include "daemon/endpoint/endpoint.h"
#include "daemon/flow/pipeline.h"
#include "daemon/publish/publish.h"
#include "daemon/rpc/server.h"
#include "daemon/world.h"
#include "weir/backend.h"

struct weir_dns;	 /* daemon/dns/dns.h */
struct weir_kube;	 /* daemon/kube/kube.h */
struct weir_report;	 /* daemon/report/report.h */
struct weir_source;	 /* daemon/source/source.h */
struct weir_reconcile;	 /* daemon/reconcile/reconcile.h */
struct weir_rejudge;	 /* daemon/flow/rejudge.h */
struct weir_http;	 /* daemon/http/http.h */
struct weir_node_addrs;	 /* daemon/node/addrs.h */
struct weir_link_watch;	 /* daemon/node/linkwatch.h */
struct weir_hub;	 /* daemon/hub/hub.h */
struct weir_keeper;	 /* daemon/chain/chain.h */
struct weir_cni_pending; /* daemon/cni/pending.c */
struct weir_simulation;	 /* daemon/simulate/simulate.h */

struct weird {
	uv_loop_t *loop;
	struct weir_config *config;
	struct weir_world world;
	struct weir_endpoints *endpoints;
	struct weir_backend *backend;
	struct weir_error backend_note; /* why this one, when "auto" chose it; else "" */
	struct weir_kube *kube;		/* the API server; NULL: the source is a folder */
	struct weir_source *source;
	struct weir_report *report;   /* NULL: nothing is written to the API server */
	struct weir_rejudge *rejudge; /* NULL: connections are kept */
	struct weir_reconcile *reconcile;
	struct weir_dns *dns;
	struct weir_publisher *publisher;
	struct weir_pipeline *pipeline;
	struct weir_rpc_server *rpc;
	struct weir_keeper *keeper; /* of the CNI chain; NULL: not managed */
	struct weir_http *http;
	struct weir_node_addrs *node_addrs;
	struct weir_link_watch *link_watch;
	struct weir_cni_pending *pending;   /* ADDs that wait for their pod */
	struct weir_simulation *simulation; /* the one that runs; else NULL */
	struct weir_numbers *numbers;	    /* of flow records */
	struct weir_hub *hub;		    /* NULL: none to report to */
	int64_t started;		    /* seconds since the epoch */
	char boot[40];			    /* boot id of the node */
	bool isolate_unknown; /* nothing passes from and to endpoints the source does not know */
};
