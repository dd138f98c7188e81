# SPDX-License-Identifier: Apache-2.0
HUB_SOURCES += \
	hub/rows/dictionary.c \
	hub/rows/pack.c \
	hub/rows/pack.h \
	hub/rows/row.h \
	hub/rows/words.c \
	hub/store/clickhouse/clickhouse.c \
	hub/store/clickhouse/clickhouse.h \
	hub/store/clickhouse/columns.c \
	hub/store/clickhouse/columns.h \
	hub/store/clickhouse/decode.c \
	hub/store/clickhouse/decode.h \
	hub/store/clickhouse/expire.c \
	hub/store/clickhouse/flows.c \
	hub/store/clickhouse/insert.c \
	hub/store/clickhouse/insert.h \
	hub/store/clickhouse/marks.c \
	hub/store/clickhouse/measures.h \
	hub/store/clickhouse/rollup.c \
	hub/store/clickhouse/rollup.h \
	hub/store/clickhouse/schema.c \
	hub/store/clickhouse/server.c \
	hub/store/clickhouse/server.h \
	hub/store/clickhouse/sums.c \
	hub/store/clickhouse/table.c \
	hub/store/clickhouse/values.c \
	hub/store/clickhouse/where.c \
	hub/store/clickhouse/where.h \
	hub/store/clock.c \
	hub/store/clock.h \
	hub/store/known.c \
	hub/store/sqlite/columns.c \
	hub/store/sqlite/columns.h \
	hub/store/sqlite/partition.c \
	hub/store/sqlite/partition.h \
	hub/store/sqlite/sql.c \
	hub/store/sqlite/writer.c \
	hub/store/sqlite/catalog.c \
	hub/store/sqlite/dimensions.c \
	hub/store/sqlite/expire.c \
	hub/store/sqlite/files.c \
	hub/store/sqlite/flows.c \
	hub/store/sqlite/keeper.c \
	hub/store/sqlite/rollup.c \
	hub/store/sqlite/scan.c \
	hub/store/sqlite/sqlite.c \
	hub/store/sqlite/sums.c \
	hub/store/sqlite/values.c \
	hub/store/sqlite/dimensions.h \
	hub/store/sqlite/scan.h \
	hub/store/sqlite/sqlite.h \
	hub/store/store.c \
	hub/store/store.h
HUB_TESTS += tests/unit/hub/store/clickhouse tests/unit/hub/store/store
tests_unit_hub_store_clickhouse_SOURCES = tests/unit/hub/flows.c tests/unit/hub/flows.h \
	tests/unit/hub/store/clickhouse.c tests/unit/hub/store/server.c \
	tests/unit/hub/store/server.h tests/unit/hub/store/suite.c tests/unit/hub/store/suite.h \
	tests/unit/hub/store/way.c tests/unit/hub/store/way.h
tests_unit_hub_store_clickhouse_LDADD = $(HUB_LIBS) $(CMOCKA_LIBS)
tests_unit_hub_store_store_SOURCES = tests/unit/hub/flows.c tests/unit/hub/flows.h \
	tests/unit/hub/store/store.c tests/unit/hub/store/suite.c tests/unit/hub/store/suite.h
tests_unit_hub_store_store_LDADD = $(HUB_LIBS) $(CMOCKA_LIBS)
