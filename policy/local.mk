# SPDX-License-Identifier: Apache-2.0
# The policy compiler. Pure; its tests link only lib/ and policy/.
noinst_LIBRARIES += policy/libpolicy.a
policy_libpolicy_a_SOURCES = policy/precedence.c policy/selector.c
policy_libpolicy_a_SOURCES += policy/decode/addrs.c policy/decode/addrs.h policy/decode/fields.c \
	policy/decode/fields.h policy/decode/namespace.c policy/decode/networkpolicy.c \
	policy/decode/node.c policy/decode/pod.c policy/decode/selector.c policy/decode/service.c \
	policy/decode/syntax.c
LIBPOLICY = policy/libpolicy.a
