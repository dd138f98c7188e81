# SPDX-License-Identifier: Apache-2.0
LIBBACKENDS = backends/libbackends.a
