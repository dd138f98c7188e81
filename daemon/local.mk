# SPDX-License-Identifier: Apache-2.0
# The node daemon: everything but its main.c is a library, so that tests can
# link the parts. One file a line: many hands add to this list.
LIBDAEMON = daemon/libweird.a
# What a program that contains the whole daemon links
WEIRD_LIBS = $(LIBDAEMON) $(LIBPOLICY) $(LIBBACKENDS) $(LIBWEIR) $(CJSON_LIBS) $(YAML_LIBS) \
	$(MNL_LIBS) $(NFTNL_LIBS) $(NLROUTE_LIBS) $(ZMQ_LIBS) \
	$(MSGPACK_LIBS) $(UV_LIBS) $(MICROHTTPD_LIBS) $(CURL_LIBS) $(SYSTEMD_LIBS) $(RESOLV_LIBS) \
	-lpthread
noinst_LIBRARIES += daemon/libweird.a
sbin_PROGRAMS += daemon/weird
daemon_weird_SOURCES = daemon/main.c
daemon_weird_LDADD = $(WEIRD_LIBS)
daemon_libweird_a_SOURCES = \
	daemon/chain/chain.h \
	daemon/chain/keeper.c \
	daemon/cluster/addresses.c \
	daemon/cluster/addresses.h \
	daemon/cluster/cluster.c \
	daemon/cluster/cluster.h \
	daemon/cluster/internal.h \
	daemon/cluster/lend.c \
	daemon/cluster/local.c \
	daemon/cluster/lookup.c \
	daemon/cluster/registry.c \
	daemon/cluster/registry.h \
	daemon/cluster/same.c \
	daemon/cluster/sweep.c \
	daemon/cluster/unknown.c \
	daemon/cni/add.c \
	daemon/cni/check.c \
	daemon/cni/cni.h \
	daemon/cni/endpoint.c \
	daemon/cni/forget.c \
	daemon/cni/forget.h \
	daemon/cni/local.c \
	daemon/cni/local.h \
	daemon/cni/methods.c \
	daemon/cni/methods.h \
	daemon/cni/pending.c \
	daemon/cni/pending.h \
	daemon/cni/result.c \
	daemon/cni/result.h \
	daemon/config/config.c \
	daemon/config/config.h \
	daemon/config/keys.c \
	daemon/dns/dns.h \
	daemon/dns/file.c \
	daemon/dns/file.h \
	daemon/dns/learn.c \
	daemon/dns/message.c \
	daemon/dns/message.h \
	daemon/dns/resolver.c \
	daemon/dns/resolver.h \
	daemon/dns/resolvers.c \
	daemon/dns/resolvers.h \
	daemon/dns/table.c \
	daemon/dns/table.h \
	daemon/dns/wanted.c \
	daemon/dns/wanted.h \
	daemon/endpoint/endpoint.h \
	daemon/endpoint/file.c \
	daemon/endpoint/file.h \
	daemon/endpoint/store.c \
	daemon/flow/annotate.c \
	daemon/flow/annotate.h \
	daemon/flow/blocked.c \
	daemon/flow/blocked.h \
	daemon/flow/denied.c \
	daemon/flow/denied.h \
	daemon/flow/follow.c \
	daemon/flow/follow.h \
	daemon/flow/hash.h \
	daemon/flow/hits.c \
	daemon/flow/hits.h \
	daemon/flow/names.c \
	daemon/flow/names.h \
	daemon/flow/pipeline.c \
	daemon/flow/pipeline.h \
	daemon/flow/rejudge.c \
	daemon/flow/rejudge.h \
	daemon/flow/seen.c \
	daemon/flow/seen.h \
	daemon/flow/sides.c \
	daemon/flow/sides.h \
	daemon/flow/spare.c \
	daemon/flow/spare.h \
	daemon/flow/tracker.c \
	daemon/flow/tracker.h \
	daemon/flows.c \
	daemon/http/health.c \
	daemon/http/http.c \
	daemon/http/http.h \
	daemon/http/metrics.c \
	daemon/http/policies.c \
	daemon/hub/ends.c \
	daemon/hub/hub.c \
	daemon/hub/hub.h \
	daemon/hub/internal.h \
	daemon/hub/peer.c \
	daemon/hub/segment.c \
	daemon/hub/session.c \
	daemon/hub/socket.c \
	daemon/hub/spool.c \
	daemon/hub/spool.h \
	daemon/kube/backoff.c \
	daemon/kube/backoff.h \
	daemon/kube/base64.c \
	daemon/kube/base64.h \
	daemon/kube/connections.c \
	daemon/kube/credentials.c \
	daemon/kube/event.c \
	daemon/kube/internal.h \
	daemon/kube/items.c \
	daemon/kube/items.h \
	daemon/kube/kube.h \
	daemon/kube/kubeconfig.c \
	daemon/kube/kubeconfig.h \
	daemon/kube/lines.c \
	daemon/kube/lines.h \
	daemon/kube/list.c \
	daemon/kube/multi.c \
	daemon/kube/reflector.c \
	daemon/kube/reflector.h \
	daemon/kube/request.c \
	daemon/kube/server.c \
	daemon/kube/transfer.c \
	daemon/kube/watch.c \
	daemon/node/addrs.c \
	daemon/node/addrs.h \
	daemon/node/links.c \
	daemon/node/links.h \
	daemon/node/linkwatch.c \
	daemon/node/linkwatch.h \
	daemon/node/route.c \
	daemon/node/route.h \
	daemon/numbers.c \
	daemon/numbers.h \
	daemon/options.c \
	daemon/options.h \
	daemon/parts.c \
	daemon/parts.h \
	daemon/publish/auth.c \
	daemon/publish/clients.c \
	daemon/publish/internal.h \
	daemon/publish/kept.h \
	daemon/publish/outlet.c \
	daemon/publish/publish.c \
	daemon/publish/publish.h \
	daemon/publish/scoped.c \
	daemon/publish/socket.c \
	daemon/publish/topics.c \
	daemon/purge.c \
	daemon/query/dump.c \
	daemon/query/endpoints.c \
	daemon/query/explain.c \
	daemon/query/flows.c \
	daemon/query/hits.c \
	daemon/query/identities.c \
	daemon/query/json.c \
	daemon/query/methods.c \
	daemon/query/names.c \
	daemon/query/policies.c \
	daemon/query/query.h \
	daemon/query/simulate.c \
	daemon/query/status.c \
	daemon/query/wait.c \
	daemon/query/words.c \
	daemon/reconcile/bridge.c \
	daemon/reconcile/bridge.h \
	daemon/reconcile/coverage.c \
	daemon/reconcile/coverage.h \
	daemon/reconcile/guards.c \
	daemon/reconcile/guards.h \
	daemon/reconcile/interfaces.c \
	daemon/reconcile/interfaces.h \
	daemon/reconcile/reconcile.c \
	daemon/reconcile/reconcile.h \
	daemon/report/conditions.c \
	daemon/report/denials.c \
	daemon/report/events.c \
	daemon/report/events.h \
	daemon/report/judge.c \
	daemon/report/lease.c \
	daemon/report/lease.h \
	daemon/report/report.c \
	daemon/report/report.h \
	daemon/report/status.c \
	daemon/rpc/client.c \
	daemon/rpc/internal.h \
	daemon/rpc/request.c \
	daemon/rpc/request.h \
	daemon/rpc/server.c \
	daemon/rpc/server.h \
	daemon/simulate/child.c \
	daemon/simulate/compile.c \
	daemon/simulate/flows.c \
	daemon/simulate/groups.c \
	daemon/simulate/overlay.c \
	daemon/simulate/pairs.c \
	daemon/simulate/question.c \
	daemon/simulate/report.c \
	daemon/simulate/simulate.h \
	daemon/source/broken.c \
	daemon/source/catalog.c \
	daemon/source/files.c \
	daemon/source/fingerprint.c \
	daemon/source/good.c \
	daemon/source/keep.c \
	daemon/source/keep.h \
	daemon/source/kinds.c \
	daemon/source/kube-metrics.c \
	daemon/source/kubernetes.c \
	daemon/source/kubernetes.h \
	daemon/source/listed.c \
	daemon/source/manifest.h \
	daemon/source/object.c \
	daemon/source/source.h \
	daemon/source/watch.c \
	daemon/source/watch.h \
	daemon/weird.h \
	daemon/world.h

if WEIR_HAVE_TESTS
FLOW_TESTS = \
	tests/unit/daemon/flow/blocked \
	tests/unit/daemon/flow/exact \
	tests/unit/daemon/flow/follow \
	tests/unit/daemon/flow/hits \
	tests/unit/daemon/flow/pipeline
check_PROGRAMS += $(FLOW_TESTS)
TESTS += $(FLOW_TESTS)
tests_unit_daemon_flow_blocked_SOURCES = tests/unit/daemon/flow/blocked.c \
	tests/unit/daemon/flow/fakes.c tests/unit/daemon/flow/fakes.h
tests_unit_daemon_flow_blocked_LDADD = $(LIBDAEMON) $(LIBBACKENDS) $(LIBWEIR) $(MNL_LIBS) \
	$(NFTNL_LIBS) $(CMOCKA_LIBS)
tests_unit_daemon_flow_exact_SOURCES = tests/unit/backends/flow/traffic.h \
	tests/unit/daemon/flow/exact.c tests/unit/daemon/flow/fakes.c \
	tests/unit/daemon/flow/fakes.h
tests_unit_daemon_flow_exact_LDADD = $(LIBDAEMON) $(LIBBACKENDS) $(LIBWEIR) $(MNL_LIBS) \
	$(NFTNL_LIBS) $(CMOCKA_LIBS)
tests_unit_daemon_flow_follow_SOURCES = tests/unit/daemon/flow/fakes.c \
	tests/unit/daemon/flow/fakes.h tests/unit/daemon/flow/follow.c
tests_unit_daemon_flow_follow_LDADD = $(LIBDAEMON) $(LIBWEIR) $(CMOCKA_LIBS)
tests_unit_daemon_flow_hits_SOURCES = tests/unit/daemon/flow/hits.c
tests_unit_daemon_flow_hits_LDADD = $(LIBDAEMON) $(LIBWEIR) $(CMOCKA_LIBS)
tests_unit_daemon_flow_pipeline_SOURCES = tests/unit/daemon/flow/fakes.c \
	tests/unit/daemon/flow/fakes.h tests/unit/daemon/flow/pipeline.c
tests_unit_daemon_flow_pipeline_LDADD = $(LIBDAEMON) $(LIBWEIR) $(CMOCKA_LIBS)
endif

if WEIR_HAVE_TESTS
DAEMON_TESTS = \
	tests/unit/daemon/report/conditions \
	tests/unit/daemon/report/lease \
	tests/unit/daemon/cluster/cluster \
	tests/unit/daemon/cluster/index \
	tests/unit/daemon/cluster/pods \
	tests/unit/daemon/cluster/sweep \
	tests/unit/daemon/config/config \
	tests/unit/daemon/dns/message \
	tests/unit/daemon/dns/table \
	tests/unit/daemon/dns/wanted \
	tests/unit/daemon/kube/backoff \
	tests/unit/daemon/kube/items \
	tests/unit/daemon/kube/kubeconfig \
	tests/unit/daemon/kube/lines \
	tests/unit/daemon/options \
	tests/unit/daemon/query/words \
	tests/unit/daemon/reconcile/reconcile \
	tests/unit/daemon/rpc/server \
	tests/unit/daemon/source/files \
	tests/unit/daemon/source/heard
check_PROGRAMS += $(DAEMON_TESTS)
TESTS += $(DAEMON_TESTS)
tests_unit_daemon_options_SOURCES = tests/unit/daemon/options.c
tests_unit_daemon_options_LDADD = $(LIBDAEMON) $(LIBWEIR) $(CJSON_LIBS) $(YAML_LIBS) \
	$(CMOCKA_LIBS)
tests_unit_daemon_reconcile_reconcile_SOURCES = tests/unit/daemon/reconcile/reconcile.c
tests_unit_daemon_reconcile_reconcile_LDADD = $(WEIRD_LIBS) $(CMOCKA_LIBS)
tests_unit_daemon_rpc_server_SOURCES = tests/unit/daemon/rpc/server.c
tests_unit_daemon_rpc_server_LDADD = $(LIBDAEMON) $(LIBWEIR) $(CJSON_LIBS) $(UV_LIBS) \
	$(CMOCKA_LIBS)
tests_unit_daemon_cluster_index_SOURCES = tests/unit/daemon/cluster/index.c
tests_unit_daemon_cluster_index_LDADD = $(LIBDAEMON) $(LIBWEIR) $(CMOCKA_LIBS)
tests_unit_daemon_dns_message_SOURCES = tests/unit/daemon/dns/message.c
tests_unit_daemon_dns_message_LDADD = $(LIBDAEMON) $(LIBWEIR) $(RESOLV_LIBS) $(CMOCKA_LIBS)
tests_unit_daemon_dns_table_SOURCES = tests/unit/daemon/dns/table.c
tests_unit_daemon_dns_table_LDADD = $(LIBDAEMON) $(LIBWEIR) $(RESOLV_LIBS) $(CMOCKA_LIBS)
tests_unit_daemon_dns_wanted_SOURCES = tests/unit/daemon/dns/wanted.c
tests_unit_daemon_dns_wanted_LDADD = $(LIBDAEMON) $(LIBPOLICY) $(LIBWEIR) $(CJSON_LIBS) \
	$(CMOCKA_LIBS)
tests_unit_daemon_kube_backoff_SOURCES = tests/unit/daemon/kube/backoff.c
tests_unit_daemon_kube_backoff_LDADD = $(LIBDAEMON) $(CMOCKA_LIBS)
tests_unit_daemon_kube_items_SOURCES = tests/unit/daemon/kube/items.c
tests_unit_daemon_kube_items_LDADD = $(LIBDAEMON) $(CMOCKA_LIBS)
tests_unit_daemon_kube_kubeconfig_SOURCES = tests/unit/daemon/kube/kubeconfig.c
tests_unit_daemon_kube_kubeconfig_LDADD = $(LIBDAEMON) $(LIBWEIR) $(CJSON_LIBS) $(YAML_LIBS) \
	$(CMOCKA_LIBS)
tests_unit_daemon_kube_lines_SOURCES = tests/unit/daemon/kube/lines.c
tests_unit_daemon_kube_lines_LDADD = $(LIBDAEMON) $(CMOCKA_LIBS)
tests_unit_daemon_query_words_SOURCES = tests/unit/daemon/query/words.c
tests_unit_daemon_query_words_LDADD = $(LIBDAEMON) $(LIBPOLICY) $(LIBWEIR) $(CJSON_LIBS) \
	$(CMOCKA_LIBS)
tests_unit_daemon_cluster_cluster_SOURCES = tests/unit/daemon/cluster/cluster.c
tests_unit_daemon_cluster_cluster_LDADD = $(LIBDAEMON) $(LIBPOLICY) $(LIBWEIR) $(CJSON_LIBS) \
	$(CMOCKA_LIBS)
tests_unit_daemon_cluster_pods_SOURCES = tests/unit/daemon/cluster/pods.c
tests_unit_daemon_cluster_pods_LDADD = $(LIBDAEMON) $(LIBPOLICY) $(LIBWEIR) $(CJSON_LIBS) \
	$(CMOCKA_LIBS)
tests_unit_daemon_report_conditions_SOURCES = tests/unit/daemon/report/conditions.c
tests_unit_daemon_report_conditions_LDADD = $(LIBDAEMON) $(LIBWEIR) $(CJSON_LIBS) $(CMOCKA_LIBS)
tests_unit_daemon_report_lease_SOURCES = tests/unit/daemon/report/lease.c
tests_unit_daemon_report_lease_LDADD = $(LIBDAEMON) $(LIBWEIR) $(CJSON_LIBS) $(CMOCKA_LIBS)
tests_unit_daemon_cluster_sweep_SOURCES = tests/unit/daemon/cluster/sweep.c
tests_unit_daemon_cluster_sweep_LDADD = $(LIBDAEMON) $(LIBPOLICY) $(LIBWEIR) $(CJSON_LIBS) \
	$(CMOCKA_LIBS)
tests_unit_daemon_source_heard_SOURCES = tests/unit/daemon/source/heard.c
tests_unit_daemon_source_heard_LDADD = $(LIBDAEMON) $(LIBWEIR) $(CJSON_LIBS) $(CMOCKA_LIBS)
tests_unit_daemon_source_files_SOURCES = tests/unit/daemon/source/files.c
tests_unit_daemon_source_files_LDADD = $(LIBDAEMON) $(LIBPOLICY) $(LIBWEIR) $(CJSON_LIBS) \
	$(YAML_LIBS) $(UV_LIBS) $(CMOCKA_LIBS)
tests_unit_daemon_config_config_SOURCES = tests/unit/daemon/config/config.c
tests_unit_daemon_config_config_LDADD = $(LIBDAEMON) $(LIBWEIR) $(CJSON_LIBS) $(YAML_LIBS) \
	$(CMOCKA_LIBS)
endif

if WEIR_FUZZERS
FUZZERS += tests/fuzz/config tests/fuzz/dns_message tests/fuzz/items tests/fuzz/kubeconfig \
	tests/fuzz/lines
endif
EXTRA_DIST += tests/fuzz/corpus/config tests/fuzz/corpus/dns_message tests/fuzz/corpus/items \
	tests/fuzz/corpus/kubeconfig tests/fuzz/corpus/lines
tests_fuzz_dns_message_SOURCES = tests/fuzz/dns_message.c
tests_fuzz_dns_message_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_dns_message_LDADD = $(LIBDAEMON) $(LIBWEIR) $(RESOLV_LIBS)
tests_fuzz_items_SOURCES = tests/fuzz/items.c
tests_fuzz_items_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_items_LDADD = $(LIBDAEMON) $(CJSON_LIBS)
tests_fuzz_kubeconfig_SOURCES = tests/fuzz/kubeconfig.c
tests_fuzz_kubeconfig_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_kubeconfig_LDADD = $(LIBDAEMON) $(LIBWEIR) $(CJSON_LIBS) $(YAML_LIBS)
tests_fuzz_lines_SOURCES = tests/fuzz/lines.c
tests_fuzz_lines_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_lines_LDADD = $(LIBDAEMON)
tests_fuzz_config_SOURCES = tests/fuzz/config.c
tests_fuzz_config_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_config_LDADD = $(LIBDAEMON) $(LIBWEIR) $(CJSON_LIBS) $(YAML_LIBS)

if WEIR_HAVE_TESTS
check_PROGRAMS += tests/unit/daemon/numbers
TESTS += tests/unit/daemon/numbers
tests_unit_daemon_numbers_SOURCES = tests/unit/daemon/numbers.c
tests_unit_daemon_numbers_LDADD = $(LIBDAEMON) $(LIBWEIR) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/daemon/publish
TESTS += tests/unit/daemon/publish
tests_unit_daemon_publish_SOURCES = tests/unit/daemon/publish.c
tests_unit_daemon_publish_LDADD = $(LIBDAEMON) $(LIBWEIR) $(ZMQ_LIBS) $(CMOCKA_LIBS) -lpthread
check_PROGRAMS += tests/unit/daemon/scoped
TESTS += tests/unit/daemon/scoped
tests_unit_daemon_scoped_SOURCES = tests/unit/daemon/scoped.c
tests_unit_daemon_scoped_LDADD = $(LIBDAEMON) $(LIBWEIR) $(MSGPACK_LIBS) $(ZMQ_LIBS) $(CMOCKA_LIBS) -lpthread
endif

if WEIR_HAVE_TESTS
check_PROGRAMS += tests/unit/daemon/endpoint
TESTS += tests/unit/daemon/endpoint
tests_unit_daemon_endpoint_SOURCES = tests/unit/daemon/endpoint.c
tests_unit_daemon_endpoint_LDADD = $(LIBDAEMON) $(LIBWEIR) $(CJSON_LIBS) $(CMOCKA_LIBS)
endif

if WEIR_FUZZERS
FUZZERS += tests/fuzz/rpc
endif
EXTRA_DIST += tests/fuzz/corpus/rpc
tests_fuzz_rpc_SOURCES = tests/fuzz/rpc.c
tests_fuzz_rpc_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_rpc_LDADD = $(LIBDAEMON) $(LIBWEIR) $(CJSON_LIBS)
