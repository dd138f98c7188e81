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
HUB_TESTS += tests/unit/hub/access/access
tests_unit_hub_access_access_SOURCES = tests/unit/hub/access/access.c
tests_unit_hub_access_access_LDADD = $(HUB_LIBS) $(CMOCKA_LIBS)
