# SPDX-License-Identifier: Apache-2.0
# weirctl: one file per command, everything but main in a library for the tests.
noinst_LIBRARIES += cli/libcli.a
cli_libcli_a_SOURCES = \
	cli/call.c \
	cli/cmd-chain.c \
	cli/cmd-doctor.c \
	cli/cmd-dump.c \
	cli/cmd-endpoints.c \
	cli/cmd-explain.c \
	cli/cmd-flows.c \
	cli/cmd-hub.c \
	cli/cmd-identities.c \
	cli/cmd-map.c \
	cli/cmd-names.c \
	cli/cmd-policies.c \
	cli/cmd-propose.c \
	cli/cmd-simulate.c \
	cli/cmd-status.c \
	cli/cmd-top.c \
	cli/cmd-wait.c \
	cli/commands.c \
	cli/doctor/checks.c \
	cli/doctor/choice.c \
	cli/doctor/daemon.c \
	cli/doctor/doctor.h \
	cli/doctor/engines.c \
	cli/doctor/files.c \
	cli/doctor/kernel.c \
	cli/doctor/links.c \
	cli/doctor/machine.c \
	cli/doctor/network.c \
	cli/doctor/probe.c \
	cli/doctor/settings.c \
	cli/duration.c \
	cli/flow-line.c \
	cli/flow-live.c \
	cli/flow-text.c \
	cli/flow.h \
	cli/hub/client.c \
	cli/hub/flows.c \
	cli/hub/hub.h \
	cli/list.c \
	cli/list.h \
	cli/options.c \
	cli/output.c \
	cli/propose/gather.c \
	cli/propose/policy.c \
	cli/propose/propose.h \
	cli/records.c \
	cli/records.h \
	cli/simulate/files.c \
	cli/simulate/flows.c \
	cli/simulate/simulate.h \
	cli/simulate/text.c \
	cli/staged.c \
	cli/table.c \
	cli/table.h \
	cli/weirctl.h \
	cli/yaml.c
cli_libs = cli/libcli.a $(LIBWEIR) $(CJSON_LIBS) $(YAML_LIBS) $(ZMQ_LIBS) $(CURL_LIBS)

bin_PROGRAMS += cli/weirctl
cli_weirctl_SOURCES = cli/main.c
cli_weirctl_LDADD = $(cli_libs)

dist_man_MANS += docs/man/weirctl.8
bashcompletion_DATA = conf/completion/weirctl
EXTRA_DIST += conf/completion/weirctl

# --- tests
dist_check_SCRIPTS += tests/cli/doctor.py tests/cli/live.py tests/docs/weirctl.sh
TESTS += tests/cli/doctor.py tests/cli/live.py tests/docs/weirctl.sh
if WEIR_HAVE_TESTS
cli_tests = tests/unit/cli/doctor/choice tests/unit/cli/duration tests/unit/cli/options \
	tests/unit/cli/propose tests/unit/cli/records tests/unit/cli/table tests/unit/cli/yaml
check_PROGRAMS += $(cli_tests)
TESTS += $(cli_tests)
cli_test_libs = $(cli_libs) $(CMOCKA_LIBS)
tests_unit_cli_doctor_choice_SOURCES = tests/unit/cli/doctor/choice.c tests/unit/cli/support.h
tests_unit_cli_doctor_choice_LDADD = $(cli_test_libs)
tests_unit_cli_duration_SOURCES = tests/unit/cli/duration.c tests/unit/cli/support.h
tests_unit_cli_duration_LDADD = $(cli_test_libs)
tests_unit_cli_options_SOURCES = tests/unit/cli/options.c tests/unit/cli/support.h
tests_unit_cli_options_LDADD = $(cli_test_libs)
tests_unit_cli_propose_SOURCES = tests/unit/cli/propose.c tests/unit/cli/support.h
tests_unit_cli_propose_LDADD = $(cli_test_libs)
tests_unit_cli_records_SOURCES = tests/unit/cli/records.c tests/unit/cli/support.h
tests_unit_cli_records_LDADD = $(cli_test_libs)
tests_unit_cli_table_SOURCES = tests/unit/cli/table.c tests/unit/cli/support.h
tests_unit_cli_table_LDADD = $(cli_test_libs)
tests_unit_cli_yaml_SOURCES = tests/unit/cli/yaml.c tests/unit/cli/support.h
tests_unit_cli_yaml_LDADD = $(cli_test_libs)
endif
