/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers libzmq's question whether a CURVE client may subscribe (ZAP, RFC
 * 27): yes when its public key is in a file of a directory, which is read anew
 * each time. A thread of its own, as libzmq asks while it shakes hands.
 */
#include <dirent.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "daemon/publish/internal.h"
#include "weir/cleanup.h"

#define ZAP_ADDRESS "inproc://zeromq.zap.01"
enum { ZAP_VERSION, ZAP_ID, ZAP_DOMAIN, ZAP_PEER, ZAP_IDENTITY, ZAP_MECHANISM, ZAP_KEY, ZAP_PARTS };

int weir_auth_read_key(const char *path, char *ret, struct weir_error *err)
{
	char text[WEIR_AUTH_KEY_LEN + 3] = "";
	uint8_t raw[32];
	FILE *f = fopen(path, "re");
	size_t len;

	if (!f)
		return weir_error_errno(err, errno, "%s", path);
	len = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	while (len && (text[len - 1] == '\n' || text[len - 1] == '\r' || text[len - 1] == ' '))
		text[--len] = 0;
	if (len != WEIR_AUTH_KEY_LEN || !zmq_z85_decode(raw, text))
		return weir_error_set(err, EINVAL,
				      "%s: must hold one CURVE key as 40 characters of Z85", path);
	memcpy(ret, text, WEIR_AUTH_KEY_LEN + 1);
	return 0;
}

static bool is_client(const char *dir, const char *key)
{
	char path[4096], known[WEIR_AUTH_KEY_LEN + 1];
	DIR *d = dir ? opendir(dir) : NULL;
	bool found = false;
	struct dirent *e;

	while (d && !found && (e = readdir(d))) {
		if (e->d_name[0] == '.')
			continue;
		snprintf(path, sizeof(path), "%s/%s", dir, e->d_name);
		found = weir_auth_read_key(path, known, NULL) == 0 && strcmp(known, key) == 0;
	}
	if (d)
		closedir(d);
	return found;
}

static bool is_allowed(const struct weir_auth *a, zmq_msg_t *parts, int n)
{
	char key[WEIR_AUTH_KEY_LEN + 1];

	return n == ZAP_PARTS && zmq_msg_size(&parts[ZAP_MECHANISM]) == 5 &&
	       memcmp(zmq_msg_data(&parts[ZAP_MECHANISM]), "CURVE", 5) == 0 &&
	       zmq_msg_size(&parts[ZAP_KEY]) == 32 &&
	       zmq_z85_encode(key, zmq_msg_data(&parts[ZAP_KEY]), 32) &&
	       is_client(a->clients_dir, key);
}

static void answer(struct weir_auth *a, zmq_msg_t *parts, int n)
{
	bool ok = is_allowed(a, parts, n);
	const char *words[] = { ok ? "200" : "400", ok ? "OK" : "not in the directory of clients",
				"", "" };

	zmq_send(a->socket, "1.0", 3, ZMQ_SNDMORE);
	zmq_send(a->socket, n > ZAP_ID ? zmq_msg_data(&parts[ZAP_ID]) : "",
		 n > ZAP_ID ? zmq_msg_size(&parts[ZAP_ID]) : 0, ZMQ_SNDMORE);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(words); i++)
		zmq_send(a->socket, words[i], strlen(words[i]),
			 i + 1 < WEIR_ARRAY_SIZE(words) ? ZMQ_SNDMORE : 0);
}

static void *serve(void *data)
{
	struct weir_auth *a = data;
	zmq_msg_t parts[ZAP_PARTS];
	int n, more = 1;

	for (;;) {
		for (n = 0, more = 1; more && n < ZAP_PARTS; n++) {
			zmq_msg_init(&parts[n]);
			if (zmq_msg_recv(&parts[n], a->socket, 0) < 0 && errno == ETERM) {
				for (; n >= 0; n--)
					zmq_msg_close(&parts[n]);
				zmq_close(a->socket);
				return NULL;
			}
			more = zmq_msg_more(&parts[n]);
		}
		answer(a, parts, n);
		while (n)
			zmq_msg_close(&parts[--n]);
	}
}

int weir_auth_start(struct weir_auth *a, void *context, const char *clients_dir,
		    struct weir_error *err)
{
	int r;

	a->clients_dir = clients_dir ? strdup(clients_dir) : NULL;
	a->socket = zmq_socket(context, ZMQ_REP);
	if (!a->socket || zmq_bind(a->socket, ZAP_ADDRESS) < 0)
		r = errno;
	else
		r = pthread_create(&a->thread, NULL, serve, a);
	if (r == 0) {
		a->running = true;
		return 0;
	}
	if (a->socket)
		zmq_close(a->socket);
	return weir_error_errno(err, r, "authentication of subscribers");
}

void weir_auth_stop(struct weir_auth *a)
{
	if (a->running)
		pthread_join(a->thread, NULL);
	free(a->clients_dir);
	*a = (struct weir_auth){ 0 };
}
