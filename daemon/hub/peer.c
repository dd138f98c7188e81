/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Address and key of the hub: from the configuration, else from the token, else as
 * they were when this node was enrolled. And this node's own keys.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>

#include "daemon/config/config.h"
#include "daemon/hub/internal.h"
#include "weir/cleanup.h"
#include "weir/file.h"

#define TOKEN_MAX 4096
#define PATH_SIZE 4096

static void path_of(const struct weir_config *c, const char *name, char *ret)
{
	snprintf(ret, PATH_SIZE, "%s/%s", c->state_dir, name);
}

static void take(char *to, size_t size, const char *from)
{
	if (!*to)
		snprintf(to, size, "%s", from);
}

static int read_token(const struct weir_config *c, struct weir_hub_peer *p, struct weir_error *err)
{
	WEIR_AUTO_FREE char *text = NULL;
	struct weir_link_token token;
	struct stat st;
	size_t len = 0;
	int r;

	if (!*c->hub.token_file || stat(c->hub.token_file, &st) < 0)
		return 0; /* not there yet, or not any more */
	p->token_changed = st.st_mtim;
	r = weir_file_read(c->hub.token_file, TOKEN_MAX, &text, &len, err);
	if (r == 0)
		r = weir_link_token_read(text, &token, err);
	if (r < 0)
		return weir_error_prefix(err, r, "hub.tokenFile");
	take(p->address, sizeof(p->address), token.address);
	take(p->server_key, sizeof(p->server_key), token.server_key);
	memcpy(p->token, token.secret, sizeof(p->token));
	explicit_bzero(&token, sizeof(token));
	explicit_bzero(text, len);
	return 0;
}

static void read_remembered(const struct weir_config *c, struct weir_hub_peer *p)
{
	WEIR_AUTO_FREE char *text = NULL;
	char path[PATH_SIZE], key[WEIR_CURVE_KEY_LEN + 1], address[256] = "";
	size_t len = 0;

	path_of(c, "hub.peer", path);
	if (weir_file_read(path, 1024, &text, &len, NULL) < 0 ||
	    sscanf(text, "%40s %255s", key, address) < 1)
		return;
	take(p->server_key, sizeof(p->server_key), key);
	take(p->address, sizeof(p->address), address);
}

void weir_hub_peer_remember(const struct weir_config *c, const struct weir_hub_peer *p)
{
	char path[PATH_SIZE], text[512];
	int len = snprintf(text, sizeof(text), "%s %s\n", p->server_key, p->address);

	path_of(c, "hub.peer", path);
	weir_file_replace(path, text, (size_t)len, 0600, NULL); /* else the token says it again */
}

int weir_hub_peer_read(const struct weir_config *c, struct weir_hub_peer *ret,
		       struct weir_error *err)
{
	struct weir_hub_peer p = { .address = "" };
	char path[PATH_SIZE];
	int r;

	snprintf(p.address, sizeof(p.address), "%s", c->hub.address);
	snprintf(p.server_key, sizeof(p.server_key), "%s", c->hub.server_key);
	if (*c->hub.key_file)
		snprintf(path, sizeof(path), "%s", c->hub.key_file);
	else
		path_of(c, "hub.key", path);
	r = weir_curve_keypair(path, p.public_key, p.secret_key, err);
	if (r == 0)
		r = read_token(c, &p, err);
	read_remembered(c, &p);
	*ret = p; /* whatever is known, for a broken token may be replaced */
	return r;
}

bool weir_hub_peer_changed(const struct weir_config *c, const struct weir_hub_peer *p)
{
	struct stat st;

	return *c->hub.token_file && stat(c->hub.token_file, &st) == 0 &&
	       (st.st_mtim.tv_sec != p->token_changed.tv_sec ||
		st.st_mtim.tv_nsec != p->token_changed.tv_nsec);
}
