# SPDX-License-Identifier: Apache-2.0
# Tools of the end-to-end tests, and the tests that belong to no folder.
check_PROGRAMS += tests/e2e/stream
tests_e2e_stream_SOURCES = tests/e2e/stream.c
tests_e2e_stream_LDADD = -lpthread
