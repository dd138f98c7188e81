# SPDX-License-Identifier: Apache-2.0
# Helpers that every program links. Knows no Kubernetes and no kernel object.
noinst_LIBRARIES += lib/libweir.a
lib_libweir_a_SOURCES = \
	lib/addr.c \
	lib/base64url.c \
	lib/chain/chain.h \
	lib/chain/folder.c \
	lib/chain/install.c \
	lib/chain/plugin.c \
	lib/chain/replace.c \
	lib/chain/text.c \
	lib/config/config.c \
	lib/config/file.c \
	lib/config/options.c \
	lib/config/value.c \
	lib/config/value.h \
	lib/curve/keys.c \
	lib/curve/zap.c \
	lib/doc/doc.c \
	lib/doc/doc.h \
	lib/doc/docs.c \
	lib/doc/json.c \
	lib/doc/yaml.c \
	lib/error.c \
	lib/file.c \
	lib/hide.c \
	lib/link/message.c \
	lib/link/token.c \
	lib/log.c \
	lib/json/write.c \
	lib/names.c \
	lib/near.c \
	lib/pool.c \
	lib/rpc.c \
	lib/ruleset.c \
	lib/systemd.c \
	lib/version.c \
	lib/wire/batch.h \
	lib/wire/decode.c \
	lib/wire/encode.c \
	lib/wire/intern.c \
	lib/wire/intern.h \
	lib/wire/record-json.c \
	lib/wire/reader.c \
	lib/wire/reader.h \
	lib/wire/why.c
LIBWEIR = lib/libweir.a

if WEIR_HAVE_TESTS
LIB_TESTS = tests/unit/lib/chain tests/unit/lib/doc tests/unit/lib/link tests/unit/lib/wire
check_PROGRAMS += $(LIB_TESTS)
TESTS += $(LIB_TESTS)
tests_unit_lib_chain_SOURCES = tests/unit/lib/chain.c
tests_unit_lib_chain_LDADD = $(LIBWEIR) $(CJSON_LIBS) $(CMOCKA_LIBS)
tests_unit_lib_doc_SOURCES = tests/unit/lib/doc.c
tests_unit_lib_doc_LDADD = $(LIBWEIR) $(CJSON_LIBS) $(YAML_LIBS) $(CMOCKA_LIBS)
tests_unit_lib_link_SOURCES = tests/unit/lib/link.c
tests_unit_lib_link_LDADD = $(LIBWEIR) $(CJSON_LIBS) $(CMOCKA_LIBS)
tests_unit_lib_wire_SOURCES = tests/unit/lib/wire.c
tests_unit_lib_wire_LDADD = $(LIBWEIR) $(CJSON_LIBS) $(MSGPACK_LIBS) $(CMOCKA_LIBS)
endif

if WEIR_FUZZERS
FUZZERS += tests/fuzz/chain tests/fuzz/doc tests/fuzz/link tests/fuzz/wire
endif
EXTRA_DIST += tests/fuzz/corpus/chain tests/fuzz/corpus/doc tests/fuzz/corpus/link tests/fuzz/corpus/wire
tests_fuzz_chain_SOURCES = tests/fuzz/chain.c
tests_fuzz_chain_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_chain_LDADD = $(LIBWEIR) $(CJSON_LIBS)
tests_fuzz_doc_SOURCES = tests/fuzz/doc.c
tests_fuzz_doc_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_doc_LDADD = $(LIBWEIR) $(CJSON_LIBS) $(YAML_LIBS)
tests_fuzz_link_SOURCES = tests/fuzz/link.c
tests_fuzz_link_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_link_LDADD = $(LIBWEIR) $(CJSON_LIBS)
tests_fuzz_wire_SOURCES = tests/fuzz/wire.c
tests_fuzz_wire_LDFLAGS = $(AM_LDFLAGS) -fsanitize=fuzzer
tests_fuzz_wire_LDADD = $(LIBWEIR) $(CJSON_LIBS) $(MSGPACK_LIBS)
