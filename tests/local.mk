# SPDX-License-Identifier: Apache-2.0
# Tools of the end-to-end tests, and the tests that belong to no folder.
check_PROGRAMS += tests/e2e/stream
tests_e2e_stream_SOURCES = tests/e2e/stream.c
tests_e2e_stream_LDADD = -lpthread
# What every end-to-end test stands on: a node in a network namespace.
EXTRA_DIST += tests/e2e/cni.py tests/e2e/fixture.py tests/e2e/flows.py tests/e2e/netns.py
