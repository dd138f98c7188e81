# SPDX-License-Identifier: Apache-2.0
HUB_SOURCES += hub/ingest/ingest.h
