# SPDX-License-Identifier: Apache-2.0
HUB_SOURCES += hub/query/filter.c hub/query/filter.h hub/query/match.c
