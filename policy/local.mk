# SPDX-License-Identifier: Apache-2.0
# The policy compiler. Pure; its tests link only lib/ and policy/.
noinst_LIBRARIES += policy/libpolicy.a
policy_libpolicy_a_SOURCES = policy/claim.c policy/equal.c policy/precedence.c policy/selector.c \
	policy/warning.c
policy_libpolicy_a_SOURCES += policy/decode/addrs.c policy/decode/addrs.h \
	policy/decode/adminnetworkpolicy.c policy/decode/clusternetworkpolicy.c \
	policy/decode/clusterpeer.c policy/decode/clusterpolicy.c policy/decode/clusterpolicy.h policy/decode/domain.c \
	policy/decode/fields.c policy/decode/fields.h policy/decode/namespace.c \
	policy/decode/networkpolicy.c policy/decode/node.c policy/decode/pod.c \
	policy/decode/policy.c policy/decode/policy.h policy/decode/selector.c \
	policy/decode/service.c policy/decode/syntax.c policy/decode/workload.c
policy_libpolicy_a_SOURCES += policy/address.c policy/assign.c policy/changes.c policy/class.c \
	policy/commit.c policy/compile.c policy/compiler.c policy/domain.c policy/explain.c \
	policy/identity.c \
	policy/index.c policy/judge.c policy/judge.h policy/line.c policy/line.h policy/node.c \
	policy/pack.c \
	policy/peerset.c \
	policy/policy.c policy/portset.c policy/prefix.c policy/profile.c policy/rulelist.c \
	policy/ruleset.c policy/selection.c \
	policy/space.c policy/state.h policy/subject.c policy/table.c policy/table.h policy/trie.c \
	policy/trie.h policy/vec.c policy/vec.h
LIBPOLICY = policy/libpolicy.a
EXTRA_DIST += docs/COMPILER.md

BENCHES += bench/cluster_policies
bench_cluster_policies_SOURCES = bench/cluster_policies.c tests/unit/policy/build.c tests/unit/policy/build.h
bench_cluster_policies_LDADD = $(LIBPOLICY) $(LIBWEIR) $(CJSON_LIBS)
BENCHES += bench/compile
bench_compile_SOURCES = bench/compile.c tests/unit/policy/brute.c tests/unit/policy/brute.h \
	tests/unit/policy/build.c tests/unit/policy/build.h
bench_compile_LDADD = $(LIBPOLICY) $(LIBWEIR) $(CJSON_LIBS)

if WEIR_HAVE_TESTS
POLICY_TESTS = tests/unit/policy/class tests/unit/policy/clusternetworkpolicy \
	tests/unit/policy/compile tests/unit/policy/identity tests/unit/policy/incremental \
	tests/unit/policy/judge tests/unit/policy/metamorphic tests/unit/policy/networkpolicy \
	tests/unit/policy/objects tests/unit/policy/rewrites \
	tests/unit/policy/oom tests/unit/policy/selector tests/unit/policy/trie
check_PROGRAMS += $(POLICY_TESTS)
TESTS += $(POLICY_TESTS)
POLICY_BUILD = tests/unit/policy/build.c tests/unit/policy/build.h
POLICY_BRUTE = tests/unit/policy/brute.c tests/unit/policy/brute.h
POLICY_RANDOM = tests/unit/policy/random.c tests/unit/policy/random.h $(POLICY_BUILD)
POLICY_THINGS = tests/unit/policy/things.c tests/unit/policy/things.h $(POLICY_RANDOM)
POLICY_TEST_LIBS = $(LIBPOLICY) $(LIBWEIR) $(CJSON_LIBS) $(CMOCKA_LIBS)
tests_unit_policy_class_SOURCES = tests/unit/policy/class.c $(POLICY_BUILD)
tests_unit_policy_class_LDADD = $(POLICY_TEST_LIBS)
tests_unit_policy_clusternetworkpolicy_SOURCES = tests/unit/policy/clusternetworkpolicy.c \
	tests/unit/policy/decoded.h
tests_unit_policy_clusternetworkpolicy_LDADD = $(POLICY_TEST_LIBS)
tests_unit_policy_compile_SOURCES = tests/unit/policy/compile.c $(POLICY_BUILD)
tests_unit_policy_compile_LDADD = $(POLICY_TEST_LIBS)
tests_unit_policy_identity_SOURCES = tests/unit/policy/identity.c $(POLICY_BUILD)
tests_unit_policy_identity_LDADD = $(POLICY_TEST_LIBS)
tests_unit_policy_incremental_SOURCES = tests/unit/policy/incremental.c $(POLICY_RANDOM) $(POLICY_BRUTE) \
	tests/unit/policy/shadow.c tests/unit/policy/shadow.h
tests_unit_policy_incremental_LDADD = $(POLICY_TEST_LIBS)
tests_unit_policy_judge_SOURCES = tests/unit/policy/judge.c $(POLICY_BUILD)
tests_unit_policy_judge_LDADD = $(POLICY_TEST_LIBS)
tests_unit_policy_metamorphic_SOURCES = tests/unit/policy/metamorphic.c $(POLICY_THINGS) \
	tests/unit/policy/tables.c tests/unit/policy/tables.h
tests_unit_policy_metamorphic_LDADD = $(POLICY_TEST_LIBS)
tests_unit_policy_networkpolicy_SOURCES = tests/unit/policy/networkpolicy.c \
	tests/unit/policy/decoded.h
tests_unit_policy_networkpolicy_LDADD = $(POLICY_TEST_LIBS)
tests_unit_policy_objects_SOURCES = tests/unit/policy/objects.c tests/unit/policy/decoded.h
tests_unit_policy_objects_LDADD = $(POLICY_TEST_LIBS)
tests_unit_policy_oom_SOURCES = tests/unit/policy/oom.c $(POLICY_BUILD) $(POLICY_BRUTE)
tests_unit_policy_oom_LDFLAGS = -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=free
tests_unit_policy_oom_LDADD = $(POLICY_TEST_LIBS)
tests_unit_policy_rewrites_SOURCES = tests/unit/policy/rewrites.c $(POLICY_THINGS)
tests_unit_policy_rewrites_LDADD = $(POLICY_TEST_LIBS)
tests_unit_policy_selector_SOURCES = tests/unit/policy/selector.c $(POLICY_BUILD)
tests_unit_policy_selector_LDADD = $(POLICY_TEST_LIBS)
tests_unit_policy_trie_SOURCES = tests/unit/policy/trie.c
tests_unit_policy_trie_LDADD = $(POLICY_TEST_LIBS)
endif

if WEIR_FUZZERS
FUZZERS += tests/fuzz/manifest
endif
EXTRA_DIST += tests/fuzz/corpus/manifest
tests_fuzz_manifest_SOURCES = tests/fuzz/manifest.c
tests_fuzz_manifest_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_manifest_LDADD = $(LIBPOLICY) $(LIBWEIR) $(CJSON_LIBS) $(YAML_LIBS)
