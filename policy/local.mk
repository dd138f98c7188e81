# SPDX-License-Identifier: Apache-2.0
# The policy compiler. Pure; its tests link only lib/ and policy/.
LIBPOLICY = policy/libpolicy.a
