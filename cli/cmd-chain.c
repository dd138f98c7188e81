/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weirctl chain install|remove|status: weir in the CNI chain of this node. Works
 * on the files themselves, with weird or without. Exit 1: not in the chain.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "cli/weirctl.h"
#include "weir/chain.h"
#include "weir/cleanup.h"

enum { TIMEOUT_MS = 5000, TIMEOUT_MAX_MS = 600 * 1000 };

static const char *value_or(const struct weirctl *ctl, enum weirctl_option_id id,
			    const char *fallback)
{
	return ctl->values[id] ? ctl->values[id] : fallback;
}

/* The plugin's entry in the list, from the options. */
static int make_entry(const struct weirctl *ctl, char **ret, struct weir_error *err)
{
	const char *when = value_or(ctl, WEIRCTL_ON_UNAVAILABLE, "fail");
	double timeout_ms = TIMEOUT_MS;

	if (ctl->values[WEIRCTL_TIMEOUT] &&
	    (weirctl_duration(ctl->values[WEIRCTL_TIMEOUT], &timeout_ms) < 0 || timeout_ms < 1 ||
	     timeout_ms > TIMEOUT_MAX_MS))
		return weir_error_set(err, EINVAL, "--timeout \"%s\": want 1ms to 10m",
				      ctl->values[WEIRCTL_TIMEOUT]);
	if (strcmp(when, "fail") && strcmp(when, "allow"))
		return weir_error_set(err, EINVAL, "--on-unavailable \"%s\": want fail or allow",
				      when);
	*ret = weir_chain_entry(ctl->socket, (unsigned)timeout_ms, !strcmp(when, "allow"));
	return *ret ? 0 : weir_error_errno(err, ENOMEM, "chain");
}

static void add_name(cJSON *object, const char *key, const char *name)
{
	if (*name)
		cJSON_AddStringToObject(object, key, name);
	else
		cJSON_AddNullToObject(object, key);
}

static cJSON *describe(const char *dir, const struct weir_chain *chain)
{
	cJSON *result = cJSON_CreateObject();

	cJSON_AddStringToObject(result, "dir", dir);
	cJSON_AddStringToObject(result, "state", weir_chain_state_name(chain->state));
	add_name(result, "primary", chain->primary);
	add_name(result, "file", chain->ours);
	add_name(result, "network", chain->network);
	add_name(result, "reason", chain->why.text);
	return result;
}

static void print(const struct weirctl *ctl, const cJSON *result)
{
	bool good = !strcmp(weirctl_text(result, "state"), "in sync") ||
		    !strcmp(weirctl_text(result, "state"), "native");

	printf("chain      %s%s%s\n", weirctl_style(ctl, good ? WEIRCTL_GOOD : WEIRCTL_BAD),
	       weirctl_text(result, "state"), weirctl_style(ctl, WEIRCTL_PLAIN));
	printf("folder     %s\n", weirctl_text(result, "dir"));
	printf("primary    %s (network %s)\n", weirctl_text(result, "primary"),
	       weirctl_text(result, "network"));
	printf("weir       %s\n", weirctl_text(result, "file"));
	if (*weirctl_text(result, "reason"))
		printf("reason     %s\n", weirctl_text(result, "reason"));
}

static int show(const struct weirctl *ctl, const char *dir, const struct weir_chain *chain,
		struct weir_error *err)
{
	cJSON *result = describe(dir, chain);
	int r = weirctl_print(ctl, result, print, err);

	cJSON_Delete(result);
	if (r < 0)
		return r;
	return chain->state == WEIR_CHAIN_IN_SYNC || chain->state == WEIR_CHAIN_NATIVE ? WEIRCTL_OK
										       : WEIRCTL_NO;
}

static int install(const struct weirctl *ctl, const char *dir, struct weir_chain *ret,
		   struct weir_error *err)
{
	WEIR_AUTO_FREE char *entry = NULL;
	int r = make_entry(ctl, &entry, err);

	/* the program first: a chain must not name a plugin that is not there */
	if (r == 0 && ctl->values[WEIRCTL_PLUGIN])
		r = weir_chain_copy_plugin(ctl->values[WEIRCTL_PLUGIN],
					   value_or(ctl, WEIRCTL_BIN_DIR, WEIR_CHAIN_BIN_DIR), err);
	return r < 0 ? r : weir_chain_install(dir, entry, false, ret, err);
}

static int look(const struct weirctl *ctl, const char *dir, struct weir_chain *ret,
		struct weir_error *err)
{
	bool asked = ctl->values[WEIRCTL_ON_UNAVAILABLE] || ctl->values[WEIRCTL_TIMEOUT];
	WEIR_AUTO_FREE char *entry = NULL;
	int r = make_entry(ctl, &entry, err);

	/* weird may have put it there, and its configuration says how */
	return r < 0 ? r : weir_chain_look(dir, asked ? entry : NULL, ret, err);
}

int weirctl_chain(struct weirctl *ctl, struct weir_error *err)
{
	const char *dir = value_or(ctl, WEIRCTL_DIR, WEIR_CHAIN_DIR);
	struct weir_chain chain;
	int r;

	if (!strcmp(ctl->verb, "remove"))
		return weir_chain_remove(dir, err);
	r = !strcmp(ctl->verb, "install") ? install(ctl, dir, &chain, err)
					  : look(ctl, dir, &chain, err);
	return r < 0 ? r : show(ctl, dir, &chain, err);
}
