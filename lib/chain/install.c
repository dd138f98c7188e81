/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What the folder should hold follows from what it holds; doing it is then one
 * rename or one removal at a time, each of which leaves a folder that a runtime
 * can use. Called by weirctl chain and by weird.
 */
#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/chain/chain.h"
#include "weir/cleanup.h"

static const char *const state_names[] = {
	[WEIR_CHAIN_IN_SYNC] = "in sync",	[WEIR_CHAIN_NATIVE] = "native",
	[WEIR_CHAIN_MISSING] = "missing",	[WEIR_CHAIN_OUT_OF_DATE] = "out of date",
	[WEIR_CHAIN_NO_PRIMARY] = "no primary", [WEIR_CHAIN_BROKEN] = "broken",
};
_Static_assert(WEIR_ARRAY_SIZE(state_names) == WEIR_CHAIN_STATE_MAX, "a name for each state");

const char *weir_chain_state_name(enum weir_chain_state state)
{
	return state_names[state];
}

char *weir_chain_entry(const char *socket, unsigned timeout_ms, bool allow_when_unavailable)
{
	cJSON *entry = cJSON_CreateObject();
	char *text;

	cJSON_AddStringToObject(entry, "type", "weir");
	cJSON_AddStringToObject(entry, "socket", socket);
	cJSON_AddNumberToObject(entry, "timeoutMs", timeout_ms);
	cJSON_AddStringToObject(entry, "onUnavailable", allow_when_unavailable ? "allow" : "fail");
	text = cJSON_PrintUnformatted(entry);
	cJSON_Delete(entry);
	return text;
}

/* --- how it is, and how it should be ------------------------------------------------ */

struct plan {
	struct weir_chain_folder folder;
	const struct weir_chain_file *primary, *ours;
	const struct weir_chain_file *first; /* not ours; the primary, or one that is passed over */
	const char *name; /* of our file as it should be; NULL: there should be none */
	char *text;
};

static void plan_clear(struct plan *p)
{
	free(p->text);
	weir_chain_folder_close(&p->folder);
}

static bool is_as_planned(const struct plan *p)
{
	return p->ours && !strcmp(p->ours->name, p->name) && p->ours->len == strlen(p->text) &&
	       !memcmp(p->ours->text, p->text, p->ours->len) &&
	       weir_chain_same_access(&p->ours->st, &p->primary->st);
}

/* There is a primary, and it can be used. */
static enum weir_chain_state compare(struct plan *p, struct weir_error *ret_why)
{
	p->name = weir_chain_name_before(p->first->name);
	if (!p->name) {
		weir_error_set(ret_why, EEXIST,
			       "%s: no name of weir's own sorts before it: rename it",
			       p->first->name);
		return WEIR_CHAIN_BROKEN;
	}
	if (!p->ours)
		return WEIR_CHAIN_MISSING;
	if (is_as_planned(p))
		return WEIR_CHAIN_IN_SYNC;
	weir_error_set(ret_why, ESTALE, "%s is not what %s would give now", p->ours->name,
		       p->primary->name);
	return WEIR_CHAIN_OUT_OF_DATE;
}

/* entry NULL: the one that our file has now. */
static int text_from(struct plan *p, const struct weir_chain_file *primary, const char *entry,
		     struct weir_chain *ret, struct weir_error *err)
{
	WEIR_AUTO_FREE char *present = NULL;

	if (!entry) {
		present = p->ours ? weir_chain_entry_of(p->ours->text) : NULL;
		entry = present ?: "{}";
	}
	p->primary = primary;
	snprintf(ret->primary, sizeof(ret->primary), "%s", primary->name);
	return weir_chain_text(primary, entry, &p->text, ret->network, err);
}

/* A file that cannot be used has come before the one that ours is made from: some
 * runtimes would stop there, some would pass over it. Ours keeps the node alive, so
 * it must go on following its own. */
static int follow_on(struct plan *p, const char *entry, struct weir_chain *ret)
{
	WEIR_AUTO_FREE char *from = weir_chain_made_from(p->ours->text, p->ours->len);
	const struct weir_chain_file *followed = from ? weir_chain_find(&p->folder, from) : NULL;
	struct weir_error ignored;

	if (followed && followed != p->first && !followed->ours &&
	    text_from(p, followed, entry, ret, &ignored) == 0)
		return 0;
	free(weir_take(p->text));
	p->primary = p->first;
	snprintf(ret->primary, sizeof(ret->primary), "%s", p->first->name);
	return -EINVAL;
}

static int make_plan(const char *dir, const char *entry, struct plan *p, struct weir_chain *ret,
		     struct weir_error *err)
{
	int r;

	*p = (struct plan){ 0 };
	*ret = (struct weir_chain){ .state = WEIR_CHAIN_NO_PRIMARY };
	r = weir_chain_folder_open(dir, &p->folder, err);
	if (r < 0)
		return r;
	p->first = weir_chain_primary(&p->folder);
	p->ours = weir_chain_ours(&p->folder);
	if (p->ours)
		strcpy(ret->ours, p->ours->name);
	if (!p->first)
		return 0;
	r = text_from(p, p->first, entry, ret, &ret->why);
	if (r < 0 && p->ours)
		r = follow_on(p, entry, ret);
	ret->state = r < 0 ? WEIR_CHAIN_BROKEN : r > 0 ? WEIR_CHAIN_NATIVE : compare(p, &ret->why);
	return 0;
}

int weir_chain_look(const char *dir, const char *entry, struct weir_chain *ret,
		    struct weir_error *err)
{
	struct plan p;
	int r = make_plan(dir, entry, &p, ret, err);

	if (r == 0)
		plan_clear(&p);
	return r;
}

/* --- doing it --------------------------------------------------------------------------- */

/* Files of ours under other names, from when the primary was another. */
static int remove_ours(const struct plan *p, const char *but, struct weir_error *err)
{
	for (size_t i = 0; i < p->folder.n; i++) {
		const struct weir_chain_file *f = &p->folder.files[i];

		if (!f->ours || (but && !strcmp(f->name, but)))
			continue;
		if (unlinkat(p->folder.fd, f->name, 0) < 0 && errno != ENOENT)
			return weir_error_errno(err, errno, "%s", f->name);
	}
	return 0;
}

static int write_ours(const struct plan *p, struct weir_error *err)
{
	for (size_t i = 0; i < p->folder.n; i++) {
		const struct weir_chain_file *f = &p->folder.files[i];

		if (!strcmp(f->name, p->name) && !f->ours)
			return weir_error_set(err, EEXIST, "%s: is there already and not weir's",
					      p->name);
	}
	return weir_chain_replace(p->folder.fd, p->name, p->text, strlen(p->text), &p->primary->st,
				  err);
}

static int carry_out(const struct plan *p, enum weir_chain_state state, bool keep_orphan,
		     struct weir_error *err)
{
	int r;

	switch (state) {
	case WEIR_CHAIN_MISSING:
	case WEIR_CHAIN_OUT_OF_DATE:
		r = write_ours(p, err);
		return r < 0 ? r : remove_ours(p, p->name, err);
	case WEIR_CHAIN_NO_PRIMARY:
		return keep_orphan ? 0 : remove_ours(p, NULL, err);
	case WEIR_CHAIN_NATIVE:
		return remove_ours(p, NULL, err);
	case WEIR_CHAIN_IN_SYNC:
		return remove_ours(p, p->name, err);
	case WEIR_CHAIN_BROKEN:
	case WEIR_CHAIN_STATE_MAX:
		break;
	}
	return 0;
}

int weir_chain_install(const char *dir, const char *entry, bool keep_orphan, struct weir_chain *ret,
		       struct weir_error *err)
{
	struct plan p;
	int r = make_plan(dir, entry, &p, ret, err);

	if (r < 0)
		return r;
	weir_chain_sweep(p.folder.fd);
	r = carry_out(&p, ret->state, keep_orphan, err);
	plan_clear(&p);
	return r < 0 ? r : weir_chain_look(dir, entry, ret, err);
}

int weir_chain_remove(const char *dir, struct weir_error *err)
{
	struct plan p = { 0 };
	int r = weir_chain_folder_open(dir, &p.folder, err);

	if (r < 0)
		return r;
	r = remove_ours(&p, NULL, err);
	weir_chain_sweep(p.folder.fd);
	weir_chain_folder_close(&p.folder);
	return r;
}
