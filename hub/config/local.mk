# SPDX-License-Identifier: Apache-2.0
HUB_SOURCES += hub/config/config.c hub/config/config.h hub/config/keys.c hub/config/options.c
HUB_TESTS += tests/unit/hub/config/config
tests_unit_hub_config_config_SOURCES = tests/unit/hub/config/config.c
tests_unit_hub_config_config_LDADD = $(HUB_LIBS) $(CMOCKA_LIBS)
