# SPDX-License-Identifier: Apache-2.0
HUB_SOURCES += \
	hub/access/access.h \
	hub/access/scope.c \
	hub/access/scope.h
