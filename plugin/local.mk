# SPDX-License-Identifier: Apache-2.0
# The CNI plugin. Links next to nothing, so that it starts fast.
cnibin_PROGRAMS = plugin/weir
noinst_LIBRARIES += plugin/libplugin.a
plugin_libplugin_a_SOURCES = \
	plugin/ask.c \
	plugin/ask.h \
	plugin/commands.c \
	plugin/commands.h \
	plugin/netconf.c \
	plugin/netconf.h \
	plugin/output.c \
	plugin/output.h \
	plugin/spec.c \
	plugin/spec.h
plugin_weir_SOURCES = plugin/main.c
plugin_weir_LDFLAGS = $(AM_LDFLAGS) $(plugin_ldflags)
plugin_weir_LDADD = plugin/libplugin.a $(LIBWEIR) $(CJSON_LIBS)

if WEIR_HAVE_TESTS
check_PROGRAMS += tests/unit/plugin/netconf
TESTS += tests/unit/plugin/netconf
tests_unit_plugin_netconf_SOURCES = tests/unit/plugin/netconf.c
tests_unit_plugin_netconf_LDADD = plugin/libplugin.a $(LIBWEIR) $(CJSON_LIBS) $(CMOCKA_LIBS)
endif

if WEIR_FUZZERS
FUZZERS += tests/fuzz/netconf
endif
EXTRA_DIST += tests/fuzz/corpus/netconf
tests_fuzz_netconf_SOURCES = tests/fuzz/netconf.c
tests_fuzz_netconf_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_netconf_LDADD = plugin/libplugin.a $(LIBWEIR) $(CJSON_LIBS)
