# SPDX-License-Identifier: Apache-2.0
# The hub: everything but its main.c is a library, so that tests can link the
# parts. Each folder adds its own files in a local.mk of its own.
LIBHUB = hub/libhub.a
# What a program that contains the whole hub links
HUB_LIBS = $(LIBHUB) $(LIBWEIR) $(CJSON_LIBS) $(YAML_LIBS) $(ZMQ_LIBS) $(MSGPACK_LIBS) $(UV_LIBS) \
	$(MICROHTTPD_LIBS) $(CURL_LIBS) $(SQLITE_LIBS) $(ZSTD_LIBS) $(CJOSE_LIBS) $(CRYPTO_LIBS) \
	$(SYSTEMD_LIBS) -lpthread
HUB_SOURCES = hub/flow.h hub/hub.c hub/hub.h
HUB_TESTS =
include hub/access/local.mk
include hub/api/local.mk
include hub/config/local.mk
include hub/ingest/local.mk
include hub/query/local.mk
include hub/receive/local.mk
include hub/store/local.mk

if WEIR_HAVE_HUB
noinst_LIBRARIES += hub/libhub.a
hub_libhub_a_SOURCES = $(HUB_SOURCES)
sbin_PROGRAMS += hub/weir-hub
hub_weir_hub_SOURCES = hub/main.c
hub_weir_hub_LDADD = $(HUB_LIBS)
if WEIR_HAVE_TESTS
check_PROGRAMS += $(HUB_TESTS)
TESTS += $(HUB_TESTS)
endif
endif
