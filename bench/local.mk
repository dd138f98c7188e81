# SPDX-License-Identifier: Apache-2.0
# Benchmarks that belong to no folder. "make bench-programs" builds what they need.
BENCHES += bench/traffic
bench_traffic_SOURCES = bench/traffic.c
bench_traffic_LDADD = -lpthread
EXTRA_DIST += bench/data_plane.py
