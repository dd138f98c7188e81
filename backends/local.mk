# SPDX-License-Identifier: Apache-2.0
LIBBACKENDS = backends/libbackends.a
noinst_LIBRARIES += backends/libbackends.a
backends_libbackends_a_SOURCES = \
	backends/backend.c \
	backends/bridge.c \
	backends/fake/fake.c \
	backends/fake/fake.h \
	backends/flow/answers.c \
	backends/flow/answers.h \
	backends/flow/attr.h \
	backends/flow/conntrack.c \
	backends/flow/conntrack.h \
	backends/flow/decode.c \
	backends/flow/end.c \
	backends/flow/end.h \
	backends/flow/group.c \
	backends/flow/group.h \
	backends/flow/kernel.c \
	backends/flow/kernel.h \
	backends/flow/nflog.c \
	backends/flow/nflog.h \
	backends/flow/nudge.c \
	backends/flow/nudge.h \
	backends/flow/packet.c \
	backends/flow/packet.h \
	backends/flow/prefix.h \
	backends/flow/setup.c \
	backends/flow/socket.c \
	backends/flow/socket.h \
	backends/flow/stream.c \
	backends/flow/stream.h \
	backends/registry.c

if WEIR_HAVE_NFTABLES
backends_libbackends_a_SOURCES += \
	backends/nftables/addresses.c \
	backends/nftables/addresses.h \
	backends/nftables/answers.c \
	backends/nftables/apply.c \
	backends/nftables/backend.c \
	backends/nftables/classes.c \
	backends/nftables/classes.h \
	backends/nftables/contents.c \
	backends/nftables/elements.c \
	backends/nftables/elements.h \
	backends/nftables/ended.c \
	backends/nftables/ended.h \
	backends/nftables/full.c \
	backends/nftables/idmap.c \
	backends/nftables/idmap.h \
	backends/nftables/intervals.c \
	backends/nftables/intervals.h \
	backends/nftables/model.c \
	backends/nftables/model.h \
	backends/nftables/netlink.c \
	backends/nftables/netlink.h \
	backends/nftables/nft.h \
	backends/nftables/nftables.h \
	backends/nftables/objects.c \
	backends/nftables/objects.h \
	backends/nftables/prepare.c \
	backends/nftables/readback.c \
	backends/nftables/readback.h \
	backends/nftables/recognise.c \
	backends/nftables/refusal.c \
	backends/nftables/refusal.h \
	backends/nftables/render.c \
	backends/nftables/render.h \
	backends/nftables/rules.c \
	backends/nftables/rules.h \
	backends/nftables/replace.c \
	backends/nftables/ruleset.c \
	backends/nftables/settle.c \
	backends/nftables/skeleton.c \
	backends/nftables/skeleton.h \
	backends/nftables/spoof.c \
	backends/nftables/spoof.h \
	backends/nftables/spoof_rules.c \
	backends/nftables/text.c \
	backends/nftables/verify.c
endif
LIBBACKENDS_LIBS = $(NFTNL_LIBS) $(MNL_LIBS)

if WEIR_HAVE_TESTS
check_PROGRAMS += tests/unit/backends/backend
TESTS += tests/unit/backends/backend
tests_unit_backends_backend_SOURCES = tests/unit/backends/backend.c
tests_unit_backends_backend_LDADD = $(LIBBACKENDS) $(LIBWEIR) $(LIBBACKENDS_LIBS) $(CMOCKA_LIBS)

if WEIR_HAVE_NFTABLES
check_PROGRAMS += tests/unit/backends/nftables tests/unit/backends/nftables_traffic
TESTS += tests/unit/backends/nftables tests/unit/backends/nftables_traffic
check_PROGRAMS += tests/unit/backends/nft_intervals tests/unit/backends/nft_render
TESTS += tests/unit/backends/nft_intervals tests/unit/backends/nft_render
check_PROGRAMS += tests/unit/backends/nft_ended
TESTS += tests/unit/backends/nft_ended
tests_unit_backends_nft_ended_SOURCES = tests/unit/backends/nft_ended.c \
	tests/unit/backends/flow/traffic.h
tests_unit_backends_nft_ended_LDADD = $(LIBBACKENDS) $(LIBWEIR) $(LIBBACKENDS_LIBS) $(CMOCKA_LIBS)
tests_unit_backends_nft_intervals_SOURCES = tests/unit/backends/nft_intervals.c
tests_unit_backends_nft_intervals_LDADD = $(LIBBACKENDS) $(LIBWEIR) $(CMOCKA_LIBS)
tests_unit_backends_nft_render_SOURCES = tests/unit/backends/nft_render.c
tests_unit_backends_nft_render_LDADD = $(LIBBACKENDS) $(LIBWEIR) $(LIBBACKENDS_LIBS) $(CMOCKA_LIBS)
tests_unit_backends_nftables_traffic_SOURCES = tests/unit/backends/nftables_traffic.c
tests_unit_backends_nftables_traffic_LDADD = $(LIBBACKENDS) $(LIBWEIR) $(LIBBACKENDS_LIBS) \
	$(CMOCKA_LIBS) -lpthread
check_PROGRAMS += tests/unit/backends/nftables_spoof
TESTS += tests/unit/backends/nftables_spoof
tests_unit_backends_nftables_spoof_SOURCES = tests/unit/backends/nftables_spoof.c
tests_unit_backends_nftables_spoof_LDADD = $(LIBBACKENDS) $(LIBWEIR) $(LIBBACKENDS_LIBS) \
	$(CMOCKA_LIBS)
tests_unit_backends_nftables_SOURCES = tests/unit/backends/nftables.c
tests_unit_backends_nftables_LDADD = $(LIBBACKENDS) $(LIBWEIR) $(LIBBACKENDS_LIBS) $(CMOCKA_LIBS)
endif

check_PROGRAMS += tests/unit/backends/flow/end
TESTS += tests/unit/backends/flow/end
tests_unit_backends_flow_end_SOURCES = tests/unit/backends/flow/end.c \
	tests/unit/backends/flow/traffic.h
tests_unit_backends_flow_end_LDADD = $(LIBBACKENDS) $(LIBWEIR) $(LIBBACKENDS_LIBS) $(CMOCKA_LIBS)
check_PROGRAMS += tests/unit/backends/flow/kernel tests/unit/backends/flow/stream
TESTS += tests/unit/backends/flow/kernel tests/unit/backends/flow/stream
tests_unit_backends_flow_stream_SOURCES = tests/unit/backends/flow/stream.c
tests_unit_backends_flow_stream_LDADD = $(LIBBACKENDS) $(LIBWEIR) $(CMOCKA_LIBS)
tests_unit_backends_flow_kernel_SOURCES = tests/unit/backends/flow/kernel.c \
	tests/unit/backends/flow/traffic.h
tests_unit_backends_flow_kernel_LDADD = $(LIBBACKENDS) $(LIBWEIR) $(CMOCKA_LIBS)
endif

if WEIR_FUZZERS
FUZZERS += tests/fuzz/flow_event
endif
EXTRA_DIST += tests/fuzz/corpus/flow_event
tests_fuzz_flow_event_SOURCES = tests/fuzz/flow_event.c
tests_fuzz_flow_event_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_flow_event_LDADD = $(LIBBACKENDS) $(LIBWEIR)
