# SPDX-License-Identifier: Apache-2.0
LIBBACKENDS = backends/libbackends.a
noinst_LIBRARIES += backends/libbackends.a
backends_libbackends_a_SOURCES = \
	backends/backend.c \
	backends/bridge.c \
	backends/fake/fake.c \
	backends/fake/fake.h \
	backends/flow/attr.h \
	backends/flow/conntrack.c \
	backends/flow/conntrack.h \
	backends/flow/decode.c \
	backends/flow/kernel.c \
	backends/flow/kernel.h \
	backends/flow/nflog.c \
	backends/flow/nflog.h \
	backends/flow/packet.c \
	backends/flow/packet.h \
	backends/flow/prefix.h \
	backends/flow/setup.c \
	backends/flow/socket.c \
	backends/flow/socket.h \
	backends/registry.c

if WEIR_HAVE_TESTS
check_PROGRAMS += tests/unit/backends/backend
TESTS += tests/unit/backends/backend
tests_unit_backends_backend_SOURCES = tests/unit/backends/backend.c
tests_unit_backends_backend_LDADD = $(LIBBACKENDS) $(LIBWEIR) $(CMOCKA_LIBS)

check_PROGRAMS += tests/unit/backends/flow/kernel
TESTS += tests/unit/backends/flow/kernel
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
