# SPDX-License-Identifier: Apache-2.0
# weirctl: one file per command, everything but main in a library for the tests.
noinst_LIBRARIES += cli/libcli.a
cli_libcli_a_SOURCES = \
	cli/call.c \
	cli/cmd-dump.c \
	cli/cmd-endpoints.c \
	cli/cmd-explain.c \
	cli/cmd-flows.c \
	cli/cmd-identities.c \
	cli/cmd-policies.c \
	cli/cmd-status.c \
	cli/cmd-wait.c \
	cli/commands.c \
	cli/duration.c \
	cli/flow-line.c \
	cli/flow-live.c \
	cli/flow.h \
	cli/list.c \
	cli/list.h \
	cli/options.c \
	cli/output.c \
	cli/table.c \
	cli/table.h \
	cli/weirctl.h \
	cli/yaml.c
cli_libs = cli/libcli.a $(LIBWEIR) $(CJSON_LIBS) $(YAML_LIBS) $(ZMQ_LIBS)

bin_PROGRAMS += cli/weirctl
cli_weirctl_SOURCES = cli/main.c
cli_weirctl_LDADD = $(cli_libs)
