# SPDX-License-Identifier: Apache-2.0
LIBBACKENDS = backends/libbackends.a
noinst_LIBRARIES += backends/libbackends.a
backends_libbackends_a_SOURCES = \
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
	backends/flow/socket.h
