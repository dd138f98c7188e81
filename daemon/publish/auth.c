/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Who may subscribe over CURVE: whose public key is in a file of a directory,
 * which is read anew at each handshake.
 */
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "daemon/publish/internal.h"

static bool is_client(void *data, const struct weir_zap_request *request)
{
	const struct weir_auth *a = data;
	char path[4096], known[WEIR_CURVE_KEY_LEN + 1];
	DIR *d = a->clients_dir ? opendir(a->clients_dir) : NULL;
	bool found = false;
	struct dirent *e;

	while (d && !found && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", a->clients_dir, e->d_name);
		found = weir_curve_read_key(path, known, NULL) == 0 &&
			strcmp(known, request->key) == 0;
	}
	if (d)
		closedir(d);
	return found;
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
