/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may subscribe over CURVE at which address: a key that may see everything at
 * those of the configuration, one with namespaces at its own. The folder of keys is
 * read anew at each handshake.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/publish/internal.h"

struct question {
	const struct weir_zap_request *request;
	const char *address;	     /* of the key's own; "": those of the configuration */
	struct weir_client found;    /* whose key it is */
	char others[WEIR_SCOPE_MAX]; /* what another key at this address may see */
	bool differ;
};

static void ask(void *data, const struct weir_client *c, const struct weir_error *broken)
{
	struct question *q = data;

	if (!c)
		return;
	if (!strcmp(c->key, q->request->key))
		q->found = *c;
	if (!*q->address || strcmp(c->address, q->address) != 0)
		return;
	q->differ |= *q->others && strcmp(q->others, c->namespaces) != 0;
	strcpy(q->others, c->namespaces);
}

static bool is_client(void *data, const struct weir_zap_request *request)
{
	const struct weir_auth *a = data;
	const char *own = strchr(request->domain, ' '); /* socket.c: "weir", or "weir ADDRESS" */
	struct question q = { .request = request, .address = own ? own + 1 : "" };

	weir_clients_each(a->clients_dir, ask, &q);
	return *q.found.key && !strcmp(q.found.address, q.address) && !q.differ;
}

int weir_auth_start(struct weir_auth *a, void *context, const char *clients_dir,
		    struct weir_error *err)
{
	a->clients_dir = clients_dir ? strdup(clients_dir) : NULL;
	return weir_zap_start(context, is_client, a, &a->zap, err);
}

void weir_auth_stop(struct weir_auth *a)
{
	weir_zap_stop(&a->zap);
	free(a->clients_dir);
	*a = (struct weir_auth){ 0 };
}
