# SPDX-License-Identifier: Apache-2.0
HUB_SOURCES += \
	hub/rows/dictionary.c \
	hub/rows/pack.c \
	hub/rows/pack.h \
	hub/rows/row.h \
	hub/rows/words.c \
	hub/store/sqlite/columns.c \
	hub/store/sqlite/columns.h \
	hub/store/sqlite/partition.c \
	hub/store/sqlite/partition.h \
	hub/store/sqlite/sql.c \
	hub/store/sqlite/writer.c \
	hub/store/store.h
