# SPDX-License-Identifier: Apache-2.0
# The link to the nodes.
HUB_SOURCES += \
	hub/receive/batches.c \
	hub/receive/enrol.c \
	hub/receive/internal.h \
	hub/receive/limits.c \
	hub/receive/nodes.c \
	hub/receive/receive.c \
	hub/receive/receive.h \
	hub/receive/registry-file.c \
	hub/receive/registry.c \
	hub/receive/registry.h \
	hub/receive/session.c \
	hub/receive/sockets.c \
	hub/receive/watch.c

HUB_TESTS += tests/unit/hub/receive/receive tests/unit/hub/receive/registry
tests_unit_hub_receive_receive_SOURCES = tests/unit/hub/receive/ingest.c \
	tests/unit/hub/receive/peer.c tests/unit/hub/receive/peer.h tests/unit/hub/receive/receive.c
tests_unit_hub_receive_receive_LDADD = $(HUB_LIBS) $(CMOCKA_LIBS)
tests_unit_hub_receive_registry_SOURCES = tests/unit/hub/receive/registry.c
tests_unit_hub_receive_registry_LDADD = $(HUB_LIBS) $(CMOCKA_LIBS)

# Both ends of the link: the node's and the hub's in one program
HUB_TESTS += tests/unit/daemon/hub/link
tests_unit_daemon_hub_link_SOURCES = tests/unit/daemon/hub/link.c \
	tests/unit/hub/receive/ingest.c tests/unit/hub/receive/peer.c tests/unit/hub/receive/peer.h
tests_unit_daemon_hub_link_LDADD = $(LIBDAEMON) $(HUB_LIBS) $(WEIRD_LIBS) $(CMOCKA_LIBS)
