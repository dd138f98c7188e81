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
plugin_weir_LDADD = plugin/libplugin.a $(LIBWEIR) $(CJSON_LIBS)
