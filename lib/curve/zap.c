/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Answers libzmq's question whether a CURVE client may connect (ZAP, RFC 27). A
 * thread of its own, as libzmq asks while it shakes hands. Who may is decided by
 * the program.
 */
#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zmq.h>

#include "weir/cleanup.h"
#include "weir/curve.h"

#define ZAP_ADDRESS "inproc://zeromq.zap.01"
enum { ZAP_VERSION, ZAP_ID, ZAP_DOMAIN, ZAP_PEER, ZAP_IDENTITY, ZAP_MECHANISM, ZAP_KEY, ZAP_PARTS };

struct weir_zap {
	void *socket, *data;
	bool (*allowed)(void *data, const struct weir_zap_request *request);
	pthread_t thread;
};

static const char *text_of(zmq_msg_t *part, char *buf, size_t size)
{
	snprintf(buf, size, "%.*s", (int)zmq_msg_size(part), (const char *)zmq_msg_data(part));
	return buf;
}

static bool is_allowed(const struct weir_zap *z, zmq_msg_t *parts, int n, char *key)
{
	char domain[256], address[64];
	struct weir_zap_request request = { .key = key };

	if (n != ZAP_PARTS || zmq_msg_size(&parts[ZAP_MECHANISM]) != 5 ||
	    memcmp(zmq_msg_data(&parts[ZAP_MECHANISM]), "CURVE", 5) != 0 ||
	    zmq_msg_size(&parts[ZAP_KEY]) != 32 ||
	    !zmq_z85_encode(key, zmq_msg_data(&parts[ZAP_KEY]), 32))
		return false;
	request.domain = text_of(&parts[ZAP_DOMAIN], domain, sizeof(domain));
	request.address = text_of(&parts[ZAP_PEER], address, sizeof(address));
	return z->allowed(z->data, &request);
}

static void answer(const struct weir_zap *z, zmq_msg_t *parts, int n)
{
	char key[WEIR_CURVE_KEY_LEN + 1] = "";
	bool ok = is_allowed(z, parts, n, key);
	const char *words[] = { ok ? "200" : "400", ok ? "OK" : "this key may not connect",
				ok ? key : "", "" };

	zmq_send(z->socket, "1.0", 3, ZMQ_SNDMORE);
	zmq_send(z->socket, n > ZAP_ID ? zmq_msg_data(&parts[ZAP_ID]) : "",
		 n > ZAP_ID ? zmq_msg_size(&parts[ZAP_ID]) : 0, ZMQ_SNDMORE);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(words); i++)
		zmq_send(z->socket, words[i], strlen(words[i]),
			 i + 1 < WEIR_ARRAY_SIZE(words) ? ZMQ_SNDMORE : 0);
}

static void *serve(void *data)
{
	struct weir_zap *z = data;
	zmq_msg_t parts[ZAP_PARTS];
	int n, more = 1;

	for (;;) {
		for (n = 0, more = 1; more && n < ZAP_PARTS; n++) {
			zmq_msg_init(&parts[n]);
			if (zmq_msg_recv(&parts[n], z->socket, 0) < 0 && errno == ETERM) {
				for (; n >= 0; n--)
					zmq_msg_close(&parts[n]);
				zmq_close(z->socket);
				return NULL;
			}
			more = zmq_msg_more(&parts[n]);
		}
		answer(z, parts, n);
		while (n)
			zmq_msg_close(&parts[--n]);
	}
}

int weir_zap_start(void *context,
		   bool (*allowed)(void *data, const struct weir_zap_request *request), void *data,
		   struct weir_zap **ret, struct weir_error *err)
{
	struct weir_zap *z = calloc(1, sizeof(*z));
	int r;

	if (!z)
		return weir_error_errno(err, ENOMEM, "authentication");
	z->allowed = allowed;
	z->data = data;
	z->socket = zmq_socket(context, ZMQ_REP);
	if (!z->socket || zmq_bind(z->socket, ZAP_ADDRESS) < 0)
		r = errno;
	else
		r = pthread_create(&z->thread, NULL, serve, z);
	if (r == 0) {
		*ret = z;
		return 0;
	}
	if (z->socket)
		zmq_close(z->socket);
	free(z);
	return weir_error_errno(err, r, "authentication");
}

void weir_zap_stop(struct weir_zap **zap)
{
	struct weir_zap *z = weir_take(*zap);

	if (!z)
		return;
	pthread_join(z->thread, NULL);
	free(z);
}
