# SPDX-License-Identifier: Apache-2.0
# Tools of the end-to-end tests, and the tests that belong to no folder.
check_PROGRAMS += tests/e2e/stream
tests_e2e_stream_SOURCES = tests/e2e/stream.c
tests_e2e_stream_LDADD = -lpthread
# What every end-to-end test stands on: a node in a network namespace.
EXTRA_DIST += tests/e2e/cni.py tests/e2e/fixture.py tests/e2e/flows.py tests/e2e/frames.py \
	tests/e2e/netns.py tests/e2e/rounds.py
# The promises of DESIGN: no window, no wrong verdict, also when weird is killed.
E2E_PROMISES = \
	tests/e2e/chain.py \
	tests/e2e/cni_plugin.py \
	tests/e2e/example.py \
	tests/e2e/fleet.py \
	tests/e2e/incremental.py \
	tests/e2e/kill.py \
	tests/e2e/nft_listing.py \
	tests/e2e/nft_packets.py \
	tests/e2e/no_window.py \
	tests/e2e/no_wrong_verdict.py \
	tests/e2e/rejudge.py \
	tests/e2e/runtimes.py \
	tests/e2e/spoof.py
dist_check_SCRIPTS += $(E2E_PROMISES)
TESTS += $(E2E_PROMISES)
EXTRA_DIST += tests/e2e/streams.py
# Which folder may know which, and that the documents name what exists.
EXTRA_DIST += tests/debian.sh
dist_check_SCRIPTS += tests/structure.py
TESTS += tests/structure.py
# What the tools say is what the kernel does; names in policies are learned.
E2E_TOOLS = \
	tests/e2e/dns.py \
	tests/e2e/policytools.py \
	tests/e2e/simulate.py \
	tests/e2e/staged.py \
	tests/e2e/weirctl.py
dist_check_SCRIPTS += $(E2E_TOOLS)
TESTS += $(E2E_TOOLS)
EXTRA_DIST += tests/e2e/dnsserver.py
# NetworkPolicy v1 held against an evaluator written apart from the compiler.
TEST_WORLD = tests/oracle/oracle.c tests/oracle/oracle.h tests/oracle/world.c tests/oracle/world.h
check_PROGRAMS += tests/oracle/judge
tests_oracle_judge_SOURCES = tests/oracle/main.c $(TEST_WORLD)
tests_oracle_judge_LDADD = $(LIBPOLICY) $(LIBWEIR) $(CJSON_LIBS)
EXTRA_DIST += tests/oracle/judge.py
if WEIR_HAVE_TESTS
check_PROGRAMS += tests/unit/oracle/oracle
TESTS += tests/unit/oracle/oracle
tests_unit_oracle_oracle_SOURCES = tests/unit/oracle/oracle.c $(TEST_WORLD)
tests_unit_oracle_oracle_LDADD = $(LIBPOLICY) $(LIBWEIR) $(CJSON_LIBS) $(YAML_LIBS) $(CMOCKA_LIBS)
endif
CONFORMANCE = tests/conformance.py tests/e2e/conformance_packets.py
dist_check_SCRIPTS += $(CONFORMANCE)
TESTS += $(CONFORMANCE)
# Random clusters; --seed and --count by hand.
EXTRA_DIST += tests/oracle/cluster.py tests/random/generate.py
dist_check_SCRIPTS += tests/random/clusters.py tests/random/rewrites.py
TESTS += tests/random/clusters.py tests/random/rewrites.py
# Policy through real packets: everybody to everybody.
check_PROGRAMS += tests/e2e/probe
tests_e2e_probe_SOURCES = tests/e2e/packets.c tests/e2e/packets.h tests/e2e/probe.c
tests_e2e_probe_LDADD =
EXTRA_DIST += tests/e2e/matrix.py
POLICY_E2E = tests/e2e/policy_cases.py tests/e2e/policy_paths.py \
	tests/e2e/random_clusters.py
dist_check_SCRIPTS += $(POLICY_E2E) tests/cases/check.py
TESTS += $(POLICY_E2E) tests/cases/check.py
EXTRA_DIST += tests/cases/base.yaml tests/cases/blocks.yaml tests/cases/cases.py \
	tests/cases/cluster-old.yaml tests/cases/cluster-peers.yaml \
	tests/cases/cluster-ports.yaml tests/cases/cluster-tiers.yaml \
	tests/cases/names.yaml tests/cases/peers.yaml tests/cases/ports.yaml \
	tests/cases/subjects.yaml tests/cases/together.yaml tests/cases/types.yaml
# Records + counted losses = connections offered.
check_PROGRAMS += tests/e2e/offer
tests_e2e_offer_SOURCES = tests/e2e/offer.c
tests_e2e_offer_LDADD =
DAEMON_E2E = tests/e2e/accounting.py tests/e2e/adoption.py tests/e2e/attribution.py tests/e2e/daemonset.py \
	tests/e2e/link.py tests/e2e/pages.py tests/e2e/source.py
dist_check_SCRIPTS += $(DAEMON_E2E)
TESTS += $(DAEMON_E2E)
# With a real kube-apiserver; skipped where there is none (build-aux/apiserver).
KUBE_TESTS = tests/kube/away.py tests/kube/cluster_policies.py tests/kube/connection.py \
	tests/kube/follow.py \
	tests/kube/killed.py tests/kube/report.py tests/kube/rights.py tests/kube/verdicts.py
dist_check_SCRIPTS += $(KUBE_TESTS)
TESTS += $(KUBE_TESTS)
EXTRA_DIST += tests/kube/apiserver.py tests/kube/client.py tests/kube/crds.py tests/kube/node.py
# The API client against a server that misbehaves.
check_PROGRAMS += tests/kube/reflect
tests_kube_reflect_SOURCES = tests/kube/reflect.c
tests_kube_reflect_LDADD = $(LIBDAEMON) $(LIBWEIR) $(CJSON_LIBS) $(YAML_LIBS) $(CURL_LIBS) $(UV_LIBS)
dist_check_SCRIPTS += tests/kube/faults.py
TESTS += tests/kube/faults.py
EXTRA_DIST += tests/kube/server.py
