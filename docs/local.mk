# SPDX-License-Identifier: Apache-2.0
EXTRA_DIST += docs/RPC.md
dist_man_MANS += docs/man/access.yaml.5 docs/man/hub.yaml.5 docs/man/weir-hub.8 docs/man/weir.8 docs/man/weird.8 docs/man/weird.yaml.5
EXTRA_DIST += docs/ACCESS.md
EXTRA_DIST += docs/ARCHITECTURE.md
EXTRA_DIST += docs/BACKEND-CHOICE.md
EXTRA_DIST += docs/BACKENDS.md
EXTRA_DIST += docs/CONFORMANCE.md
EXTRA_DIST += docs/FLOWS.md
EXTRA_DIST += docs/HUB.md
EXTRA_DIST += docs/KUBERNETES.md
EXTRA_DIST += docs/OPERATIONS.md
EXTRA_DIST += docs/POLICIES.md
EXTRA_DIST += docs/STORES.md
EXTRA_DIST += docs/WIRE.md docs/examples/subscribe.py
