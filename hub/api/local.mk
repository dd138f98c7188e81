# SPDX-License-Identifier: Apache-2.0
# The API: HTTP, live streams, what it answers.
