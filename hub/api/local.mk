# SPDX-License-Identifier: Apache-2.0
# The API: HTTP, live streams, what it answers.
HUB_SOURCES += \
	hub/api/api.c \
	hub/api/api.h \
	hub/api/ask.c \
	hub/api/ask.h \
	hub/api/audit.c \
	hub/api/copy.c \
	hub/api/copy.h \
	hub/api/counters.c \
	hub/api/counters.h \
	hub/api/flows.c \
	hub/api/health.c \
	hub/api/internal.h \
	hub/api/live-group.c \
	hub/api/live-group.h \
	hub/api/live.c \
	hub/api/live.h \
	hub/api/map.c \
	hub/api/me.c \
	hub/api/metrics.c \
	hub/api/nodes.c \
	hub/api/problem.c \
	hub/api/request.h \
	hub/api/rights.c \
	hub/api/rights.h \
	hub/api/ring.c \
	hub/api/ring.h \
	hub/api/roles.c \
	hub/api/routes.c \
	hub/api/server.c \
	hub/api/sums.c \
	hub/api/sums.h \
	hub/api/time.c \
	hub/api/values.c \
	hub/api/work.c \
	hub/api/work.h
# The description of the API is part of the program that it describes.
EXTRA_DIST += docs/openapi.json
BUILT_SOURCES += hub/api/openapi.inc
CLEANFILES += hub/api/openapi.inc
hub/api/openapi.inc: docs/openapi.json
	$(AM_V_GEN)$(MKDIR_P) hub/api && $(SED) -e 's/\\/\\\\/g' -e 's/"/\\"/g' -e 's/^/"/' \
		-e 's/$$/\\n"/' $(srcdir)/docs/openapi.json > $@
hub/api/health.$(OBJEXT): hub/api/openapi.inc

HUB_TESTS += \
	tests/unit/hub/api/ask \
	tests/unit/hub/api/live \
	tests/unit/hub/api/routes \
	tests/unit/hub/api/work
tests_unit_hub_api_ask_SOURCES = tests/unit/hub/api/ask.c
tests_unit_hub_api_ask_LDADD = $(HUB_LIBS) $(CMOCKA_LIBS)
tests_unit_hub_api_routes_SOURCES = tests/unit/hub/api/routes.c
tests_unit_hub_api_routes_LDADD = $(HUB_LIBS) $(CMOCKA_LIBS)
tests_unit_hub_api_work_SOURCES = tests/unit/hub/api/work.c
tests_unit_hub_api_work_LDADD = $(HUB_LIBS) $(CMOCKA_LIBS)
tests_unit_hub_api_live_SOURCES = tests/unit/hub/api/live.c
tests_unit_hub_api_live_LDADD = $(HUB_LIBS) $(CMOCKA_LIBS)

if WEIR_HAVE_HUB
if WEIR_HAVE_TESTS
# A node without a kernel, and a hub for each test
check_PROGRAMS += tests/hub/node
tests_hub_node_SOURCES = tests/hub/node.c
tests_hub_node_LDADD = $(LIBWEIR) $(CJSON_LIBS) $(MSGPACK_LIBS) $(ZMQ_LIBS)
TESTS += tests/hub/api.py tests/hub/slow.py
endif
endif
EXTRA_DIST += tests/hub/hubtest.py
dist_check_SCRIPTS += tests/hub/api.py tests/hub/slow.py

if WEIR_FUZZERS
FUZZERS += tests/fuzz/params
endif
EXTRA_DIST += tests/fuzz/corpus/params
tests_fuzz_params_SOURCES = tests/fuzz/params.c
tests_fuzz_params_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_params_LDADD = $(HUB_LIBS)
