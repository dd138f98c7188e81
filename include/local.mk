# SPDX-License-Identifier: Apache-2.0
# The vocabulary: the only way from one folder into another.
noinst_HEADERS += \
	include/weir/addr.h \
	include/weir/answer.h \
	include/weir/backend.h \
	include/weir/base64url.h \
	include/weir/chain.h \
	include/weir/cleanup.h \
	include/weir/compiler.h \
	include/weir/config.h \
	include/weir/curve.h \
	include/weir/doc.h \
	include/weir/error.h \
	include/weir/file.h \
	include/weir/flow.h \
	include/weir/json.h \
	include/weir/link.h \
	include/weir/log.h \
	include/weir/near.h \
	include/weir/object.h \
	include/weir/policy.h \
	include/weir/pool.h \
	include/weir/record.h \
	include/weir/rpc.h \
	include/weir/ruleset.h \
	include/weir/systemd.h \
	include/weir/version.h \
	include/weir/wire.h
