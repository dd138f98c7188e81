/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The CNI folder as a container runtime reads it: *.conf, *.conflist and *.json
 * in order of their names, the first that is valid counts. What weir's own
 * installer writes there is read like any other file.
 */
#include <limits.h>
#include <string.h>

#include "cli/doctor/doctor.h"
#include "weir/cleanup.h"

/* The usual one first; then where some distributions keep it. */
static const char *const conf_dirs[] = {
	"/etc/cni/net.d",
	"/var/lib/rancher/k3s/agent/etc/cni/net.d",
	"/etc/kubernetes/cni/net.d",
};
static const char *const bin_dirs[] = {
	"/opt/cni/bin",		"/usr/lib/cni",
	"/usr/libexec/cni",	"/var/lib/rancher/k3s/data/current/bin",
	"/home/kubernetes/bin",
};

static bool is_configuration(const char *name)
{
	static const char *const suffixes[] = { ".conf", ".conflist", ".json" };
	size_t len = strlen(name);

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(suffixes); i++) {
		size_t n = strlen(suffixes[i]);

		if (len > n && !strcmp(name + len - n, suffixes[i]))
			return true;
	}
	return false;
}

static void copy(char *to, const char *from)
{
	snprintf(to, DOCTOR_NAME_MAX, "%s", from);
}

static bool add_plugin(struct doctor_network *n, const cJSON *plugin)
{
	const char *type = weirctl_text(plugin, "type");
	bool weir = strcmp(type, "weir") == 0;

	if (!*type || n->n_plugins == DOCTOR_PLUGINS_MAX)
		return false;
	if (weir)
		n->weir = (int)n->n_plugins;
	if (!weir && !*n->primary) {
		copy(n->primary, type);
		copy(n->ipam, weirctl_text(weirctl_member(plugin, "ipam"), "type"));
		copy(n->mode, weirctl_text(plugin, "mode"));
	}
	copy(n->plugins[n->n_plugins++], type);
	return true;
}

/* A list, or a single plugin as files called .conf hold it. */
static bool take(struct doctor_network *n, const cJSON *json)
{
	const cJSON *plugins = weirctl_member(json, "plugins"), *plugin;

	n->n_plugins = 0;
	n->weir = -1;
	*n->primary = *n->ipam = *n->mode = 0;
	copy(n->name, weirctl_text(json, "name"));
	if (!plugins)
		return add_plugin(n, json);
	cJSON_ArrayForEach (plugin, plugins) {
		if (!add_plugin(n, plugin))
			return false;
	}
	return n->n_plugins > 0;
}

static void skip(struct doctor_network *n, const char *name, const char *why)
{
	size_t len = strlen(n->bad);

	snprintf(n->bad + len, sizeof(n->bad) - len, "%s%s (%s)", len ? ", " : "", name, why);
}

static bool try_file(const struct doctor *d, const char *dir, const char *name,
		     struct doctor_network *n)
{
	WEIR_AUTO_FREE char *text = doctor_read(d, "%s/%s", dir, name);
	cJSON *json = text ? cJSON_Parse(text) : NULL;
	bool taken = json && take(n, json);

	if (!text)
		skip(n, name, "can't be read");
	else if (!json)
		skip(n, name, "no JSON");
	else if (!taken)
		skip(n, name, "names no plugin");
	cJSON_Delete(json);
	if (taken)
		snprintf(n->file, sizeof(n->file), "%s", name);
	return taken;
}

static bool try_folder(const struct doctor *d, const char *dir, struct doctor_network *n)
{
	char **names = NULL;
	size_t count = doctor_names(d, dir, &names);
	bool taken = false;

	for (size_t i = 0; i < count && !taken; i++)
		taken = is_configuration(names[i]) && try_file(d, dir, names[i], n);
	doctor_free_names(names, count);
	return taken;
}

void doctor_find_network(const struct doctor *d, struct doctor_network *ret)
{
	*ret = (struct doctor_network){ .weir = -1 };
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(conf_dirs) && !ret->conf_dir; i++)
		if (try_folder(d, conf_dirs[i], ret))
			ret->conf_dir = conf_dirs[i];
	if (!ret->conf_dir)
		return;
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(bin_dirs) && !ret->bin_dir; i++)
		if (*ret->primary && doctor_exists(d, "%s/%s", bin_dirs[i], ret->primary))
			ret->bin_dir = bin_dirs[i];
	ret->binary = ret->bin_dir && doctor_exists(d, "%s/weir", ret->bin_dir);
}

/* "bridge, portmap, weir" */
static void join(const struct doctor_network *n, char *buf, size_t size)
{
	size_t len = 0;

	buf[0] = 0;
	for (size_t i = 0; i < n->n_plugins && len < size; i++)
		len += (size_t)snprintf(buf + len, size - len, "%s%s", i ? ", " : "",
					n->plugins[i]);
}

void doctor_check_primary(const struct doctor *d, struct doctor_finding *f)
{
	const struct doctor_network *n = &d->network;
	char plugins[256];

	if (!n->conf_dir) {
		doctor_say(f, DOCTOR_FAIL, "there is no CNI configuration in %s%s%s", conf_dirs[0],
			   *n->bad ? "; skipped: " : "", n->bad);
		doctor_advise(f, "install the primary CNI of the cluster first");
		return;
	}
	join(n, plugins, sizeof(plugins));
	doctor_say(f, *n->bad ? DOCTOR_WARN : DOCTOR_OK, "%s: %s/%s, network \"%s\": %s%s%s",
		   *n->primary ? n->primary : "none", n->conf_dir, n->file, n->name, plugins,
		   *n->bad ? "; skipped: " : "", n->bad);
	if (*n->bad)
		doctor_advise(f, "runtimes pass over these files: mend or remove them");
	if (!*n->primary) {
		f->result = DOCTOR_FAIL;
		doctor_advise(f, "weir alone makes no interface: there must be a primary plugin");
	}
}

void doctor_check_plugin(const struct doctor *d, struct doctor_finding *f)
{
	const struct doctor_network *n = &d->network;

	if (!n->bin_dir) {
		doctor_say(f, DOCTOR_FAIL, "the plugin %s is in none of the usual folders",
			   *n->primary ? n->primary : "of the primary CNI");
		doctor_advise(f,
			      "look where the runtime is told to find plugins (bin_dir), and put "
			      "weir there");
		return;
	}
	if (n->binary) {
		doctor_say(f, DOCTOR_OK, "%s/weir", n->bin_dir);
		return;
	}
	doctor_say(f, n->weir >= 0 ? DOCTOR_FAIL : DOCTOR_WARN, "%s/weir is not there", n->bin_dir);
	doctor_advise(f, "weirctl chain install --plugin FILE --bin-dir %s", n->bin_dir);
}

void doctor_check_chain(const struct doctor *d, struct doctor_finding *f)
{
	const struct doctor_network *n = &d->network;
	const cJSON *kept = weirctl_member(d->status, "chain");

	if (weirctl_true(kept, "manage") && !weirctl_true(kept, "inSync")) {
		doctor_say(f, DOCTOR_FAIL, "weird can't keep it: %s: %s",
			   weirctl_text(kept, "state"), weirctl_text(kept, "reason"));
		doctor_advise(f, "weirctl chain status shows the files; its primary decides");
	} else if (!n->conf_dir) {
		doctor_say(f, DOCTOR_FAIL, "there is no chain yet");
		doctor_advise(f, "weir comes behind the primary CNI: install that first");
	} else if (n->weir < 0) {
		doctor_say(f, DOCTOR_FAIL, "weir is not in %s/%s: new pods get no policy",
			   n->conf_dir, n->file);
		doctor_advise(f, "when weird runs: weirctl chain install, or chain.manage: yes");
	} else if ((size_t)n->weir + 1 < n->n_plugins) {
		doctor_say(f, DOCTOR_WARN, "weir is in %s/%s, but not last", n->conf_dir, n->file);
		doctor_advise(f, "put weir last: what comes behind it may change addresses");
	} else {
		doctor_say(f, DOCTOR_OK, "weir is last in %s/%s", n->conf_dir, n->file);
	}
}
