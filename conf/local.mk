# SPDX-License-Identifier: Apache-2.0
# Examples and units. weird.yaml is the defaults, with words (a test compares).
dist_doc_DATA = conf/10-weir-example.conflist conf/weird.yaml
systemdunit_DATA = conf/weird.service
EXTRA_DIST += conf/weird.service.in
CLEANFILES += conf/weird.service
conf/weird.service: conf/weird.service.in Makefile
	$(AM_V_GEN)$(MKDIR_P) conf && $(SED) 's|[@]sbindir[@]|$(sbindir)|' $(srcdir)/conf/weird.service.in > $@
# The image, the DaemonSet, and what watches it; tests/deploy.py reads all of it.
EXTRA_DIST += \
	conf/container/Containerfile \
	conf/kubernetes/config.yaml \
	conf/kubernetes/daemonset.yaml \
	conf/kubernetes/kustomization.yaml \
	conf/kubernetes/monitoring/alerts.yaml \
	conf/kubernetes/monitoring/dashboard.json \
	conf/kubernetes/monitoring/scrape.yaml \
	conf/kubernetes/namespace.yaml \
	conf/kubernetes/rbac.yaml \
	conf/kubernetes/uninstall/daemonset.yaml \
	conf/kubernetes/uninstall/kustomization.yaml
dist_check_SCRIPTS += tests/deploy.py
TESTS += tests/deploy.py
