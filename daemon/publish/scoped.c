/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Outlets for keys that see only some namespaces: follows the folder of keys,
 * opens an address for each that names one, and closes what is not named any more.
 * Called by publish.c on the flow thread, every two seconds.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/publish/internal.h"
#include "weir/cleanup.h"
#include "weir/log.h"

struct round {
	struct weir_scoped *s;
	unsigned everything; /* keys that see all */
	unsigned broken;
};

static struct weir_outlet *find(struct weir_scoped *s, const char *address)
{
	struct weir_outlet *o = s->first;

	while (o && strcmp(o->address, address) != 0)
		o = o->next;
	return o;
}

static void open_one(struct weir_scoped *s, const struct weir_client *c)
{
	struct weir_outlet *o = NULL;
	struct weir_error err;
	int r = weir_outlet_new(s->context, s->queue, &o, &err);

	if (r == 0) {
		o->restricted = o->wanted = true;
		strcpy(o->address, c->address);
		strcpy(o->namespaces, c->namespaces);
		r = weir_publish_open_scoped(o->socket, c->address, s->secret_file, &err);
	}
	if (r == 0) {
		o->next = s->first;
		s->first = o;
		weir_log(WEIR_LOG_INFO, "flow records of some namespaces", "address", c->address,
			 "namespaces", c->namespaces, NULL);
		return;
	}
	weir_outlet_free(&o, 0);
	if (!s->complained)
		weir_log(WEIR_LOG_ERROR, "an address for some namespaces cannot be opened", "error",
			 err.text, NULL);
	s->failed = true;
}

static void look_at(void *data, const struct weir_client *c, const struct weir_error *broken)
{
	struct round *r = data;
	struct weir_outlet *o;

	if (broken) {
		r->broken++;
		if (!r->s->complained)
			weir_log(WEIR_LOG_ERROR, "a subscriber's key lets nobody in", "error",
				 broken->text, NULL);
		return;
	}
	r->everything += !*c->namespaces && !c->hub;
	if (!*c->namespaces)
		return;
	o = find(r->s, c->address);
	if (!o) {
		open_one(r->s, c);
	} else if (!strcmp(o->namespaces, c->namespaces)) {
		o->wanted = true;
	} else if (o->wanted) { /* seen in this round */
		r->broken++;
		if (!r->s->complained)
			weir_log(WEIR_LOG_ERROR,
				 "two keys with different namespaces have the same address: "
				 "neither is let in",
				 "address", c->address, NULL);
	}
}

static void close_unwanted(struct weir_scoped *s)
{
	struct weir_outlet **at = &s->first, *o;

	while ((o = *at)) {
		if (o->wanted) {
			at = &o->next;
			continue;
		}
		*at = o->next;
		weir_outlet_free(&o, 0);
	}
}

static void say_once(struct weir_scoped *s, unsigned everything)
{
	char count[16];

	if (everything == s->everything)
		return;
	s->everything = everything;
	snprintf(count, sizeof(count), "%u", everything);
	if (everything)
		weir_log(WEIR_LOG_INFO,
			 "keys without namespaces or role: they get every record of this node",
			 "keys", count, NULL);
}

void weir_scoped_look(struct weir_scoped *s)
{
	struct round round = { .s = s };

	if (!s->dir || !s->secret_file)
		return;
	s->failed = false;
	for (struct weir_outlet *o = s->first; o; o = o->next)
		o->wanted = false;
	weir_clients_each(s->dir, look_at, &round);
	close_unwanted(s);
	s->complained = round.broken || s->failed;
	say_once(s, round.everything);
}

void weir_scoped_free(struct weir_scoped *s, int linger_ms)
{
	struct weir_outlet *o;

	while ((o = s->first)) {
		s->first = o->next;
		weir_outlet_free(&o, linger_ms);
	}
	free(s->dir);
	free(s->secret_file);
	*s = (struct weir_scoped){ .first = NULL };
}
