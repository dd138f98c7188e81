# SPDX-License-Identifier: Apache-2.0
HUB_SOURCES += \
	hub/ingest/commit.c \
	hub/ingest/ingest.c \
	hub/ingest/ingest.h \
	hub/ingest/internal.h \
	hub/ingest/join.c \
	hub/ingest/origins.c \
	hub/ingest/rows.c
HUB_TESTS += tests/unit/hub/ingest/ingest
tests_unit_hub_ingest_ingest_SOURCES = tests/unit/hub/ingest/ingest.c
tests_unit_hub_ingest_ingest_LDADD = $(HUB_LIBS) $(CMOCKA_LIBS)
