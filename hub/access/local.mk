# SPDX-License-Identifier: Apache-2.0
HUB_SOURCES += \
	hub/access/access.c \
	hub/access/access.h \
	hub/access/audit.c \
	hub/access/describe.c \
	hub/access/failures.c \
	hub/access/fetch.c \
	hub/access/file.c \
	hub/access/internal.h \
	hub/access/jose.c \
	hub/access/jose.h \
	hub/access/oidc.c \
	hub/access/projects.c \
	hub/access/reading.c \
	hub/access/reading.h \
	hub/access/review.c \
	hub/access/roles.c \
	hub/access/scope.c \
	hub/access/scope.h \
	hub/access/sessions.c \
	hub/access/token.c
HUB_TESTS += \
	tests/unit/hub/access/access \
	tests/unit/hub/access/audit \
	tests/unit/hub/access/failures \
	tests/unit/hub/access/file \
	tests/unit/hub/access/jose
tests_unit_hub_access_access_SOURCES = tests/unit/hub/access/access.c
tests_unit_hub_access_access_LDADD = $(HUB_LIBS) $(CMOCKA_LIBS)
tests_unit_hub_access_audit_SOURCES = tests/unit/hub/access/audit.c
tests_unit_hub_access_audit_LDADD = $(HUB_LIBS) $(CMOCKA_LIBS)
tests_unit_hub_access_failures_SOURCES = tests/unit/hub/access/failures.c
tests_unit_hub_access_failures_LDADD = $(HUB_LIBS) $(CMOCKA_LIBS)
tests_unit_hub_access_file_SOURCES = tests/unit/hub/access/file.c
tests_unit_hub_access_file_LDADD = $(HUB_LIBS) $(CMOCKA_LIBS)
tests_unit_hub_access_jose_SOURCES = tests/unit/hub/access/jose.c
tests_unit_hub_access_jose_LDADD = $(HUB_LIBS) $(CMOCKA_LIBS)

if WEIR_FUZZERS
FUZZERS += tests/fuzz/access tests/fuzz/token
endif
EXTRA_DIST += tests/fuzz/corpus/access tests/fuzz/corpus/token
tests_fuzz_access_SOURCES = tests/fuzz/access.c
tests_fuzz_access_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_access_LDADD = $(HUB_LIBS)
tests_fuzz_token_SOURCES = tests/fuzz/token.c
tests_fuzz_token_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_token_LDADD = $(HUB_LIBS)
