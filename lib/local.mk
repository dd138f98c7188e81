# SPDX-License-Identifier: Apache-2.0
# Helpers that every program links. Knows no Kubernetes and no kernel object.
noinst_LIBRARIES += lib/libweir.a
lib_libweir_a_SOURCES = lib/addr.c lib/error.c lib/log.c lib/names.c \
	lib/pool.c lib/rpc.c lib/version.c
LIBWEIR = lib/libweir.a
