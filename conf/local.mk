# SPDX-License-Identifier: Apache-2.0
# Examples and units. weird.yaml is the defaults, with words (a test compares).
dist_doc_DATA = conf/10-weir-example.conflist conf/weird.yaml
systemdunit_DATA = conf/weird.service
EXTRA_DIST += conf/weir-hub.service.in conf/weird.service.in
CLEANFILES += conf/weir-hub.service conf/weird.service
if WEIR_HAVE_HUB
dist_doc_DATA += conf/hub-access.yaml conf/hub.yaml
systemdunit_DATA += conf/weir-hub.service
else
EXTRA_DIST += conf/hub-access.yaml conf/hub.yaml
endif
PUT_SBINDIR = $(AM_V_GEN)$(MKDIR_P) conf && $(SED) 's|[@]sbindir[@]|$(sbindir)|'
conf/weird.service: conf/weird.service.in Makefile
	$(PUT_SBINDIR) $(srcdir)/conf/weird.service.in > $@
conf/weir-hub.service: conf/weir-hub.service.in Makefile
	$(PUT_SBINDIR) $(srcdir)/conf/weir-hub.service.in > $@
# The image, the DaemonSet, and what watches it; tests/deploy.py reads all of it.
EXTRA_DIST += \
	conf/container/Containerfile \
	conf/kubernetes/config.yaml \
	conf/kubernetes/daemonset.yaml \
	conf/kubernetes/hub/config.yaml \
	conf/kubernetes/hub/kustomization.yaml \
	conf/kubernetes/hub/rbac.yaml \
	conf/kubernetes/hub/service.yaml \
	conf/kubernetes/hub/statefulset.yaml \
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
