# SPDX-License-Identifier: Apache-2.0
# Benchmarks that belong to no folder. "make bench-programs" builds what they need.
BENCHES += bench/traffic
bench_traffic_SOURCES = bench/traffic.c
bench_traffic_LDADD = -lpthread
EXTRA_DIST += bench/README.md bench/run bench/cni_add.py bench/data_plane.py
BENCHES += bench/flow_events
bench_flow_events_SOURCES = bench/flow_events.c
bench_flow_events_LDADD = $(LIBBACKENDS) $(LIBWEIR)
EXTRA_DIST += bench/flow_events.py
EXTRA_DIST += bench/memory.py
EXTRA_DIST += bench/names.py
BENCHES += bench/first_packet
bench_first_packet_SOURCES = bench/first_packet.c
EXTRA_DIST += bench/change.py
BENCHES += bench/nft_update
bench_nft_update_SOURCES = bench/nft_update.c
bench_nft_update_LDADD = $(LIBBACKENDS) $(LIBWEIR) $(LIBBACKENDS_LIBS)
BENCHES += bench/publish
bench_publish_SOURCES = bench/publish.c
bench_publish_LDADD = $(LIBDAEMON) $(LIBWEIR) $(ZMQ_LIBS) $(MSGPACK_LIBS) $(CJSON_LIBS) -lpthread
BENCHES += bench/pod_memory
bench_pod_memory_SOURCES = bench/pod_memory.c
bench_pod_memory_LDADD = $(LIBDAEMON) $(LIBPOLICY) $(LIBWEIR) $(CJSON_LIBS)
EXTRA_DIST += bench/kube_change.py bench/kube_fake.py bench/kube_scale.py
EXTRA_DIST += bench/rejudge.py
EXTRA_DIST += bench/spoof.py
if WEIR_HAVE_HUB
BENCHES += bench/hub_ingest bench/hub_query
bench_hub_ingest_SOURCES = bench/hub_flows.c bench/hub_flows.h bench/hub_ingest.c
bench_hub_ingest_LDADD = $(HUB_LIBS)
bench_hub_query_SOURCES = bench/hub_flows.c bench/hub_flows.h bench/hub_query.c
bench_hub_query_LDADD = $(HUB_LIBS)
endif
EXTRA_DIST += bench/hub_live.py
