/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Opens the addresses of the flow stream: ipc for root only, tcp encrypted, or
 * bare on loopback. libzmq copies a socket's options when an address is
 * opened, so ipc goes first and tcp after CURVE was switched on.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <zmq.h>

#include "daemon/publish/internal.h"

#define IPC "ipc://"
#define TCP "tcp://"

static bool starts(const char *text, const char *prefix)
{
	return strncmp(text, prefix, strlen(prefix)) == 0;
}

static bool is_loopback(const char *address)
{
	static const struct weir_prefix v4 = { { AF_INET, { 127 } }, 8 };
	const char *host = address + strlen(TCP), *colon = strrchr(host, ':');
	struct weir_addr a;
	char text[64];

	if (starts(host, "[::1]:"))
		return true;
	snprintf(text, sizeof(text), "%.*s", colon ? (int)(colon - host) : 0, host);
	return weir_addr_parse(text, &a) == 0 && weir_prefix_contains(&v4, &a);
}

static int check(const struct weir_publish_endpoint *e, bool curve, struct weir_error *err)
{
	if (starts(e->address, IPC)) {
		if (e->address[strlen(IPC)] == '/')
			return 0;
		return weir_error_set(
			err, EINVAL,
			"%s: ipc needs an absolute path, so that only root may connect",
			e->address);
	}
	if (!starts(e->address, TCP))
		return weir_error_set(err, EINVAL, "%s: must begin with ipc:// or tcp://",
				      e->address);
	if (curve || is_loopback(e->address))
		return 0;
	return weir_error_set(
		err, EPERM,
		"%s: flow records leave the node unencrypted; set a CURVE key, or use "
		"a loopback address (127.0.0.0/8, [::1])",
		e->address);
}

static int open_one(void *socket, const struct weir_publish_endpoint *e, struct weir_error *err)
{
	int r = e->connect ? zmq_connect(socket, e->address) : zmq_bind(socket, e->address);

	if (r < 0)
		return weir_error_set(err, errno, "%s: %s", e->address, zmq_strerror(errno));
	if (e->connect || !starts(e->address, IPC))
		return 0;
	/* not umask: that is the whole process', whose other threads write files too */
	if (chmod(e->address + strlen(IPC), 0600) < 0)
		return weir_error_errno(err, errno, "%s", e->address);
	return 0;
}

static int open_all(void *socket, const struct weir_publish_config *c, const char *scheme,
		    struct weir_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->n_endpoints; i++)
		if (starts(c->endpoints[i].address, scheme))
			r = open_one(socket, &c->endpoints[i], err);
	return r;
}

static int use_curve(void *socket, const char *file, const char *domain, struct weir_error *err)
{
	char key[WEIR_CURVE_KEY_LEN + 1];
	int on = 1, r = weir_curve_read_secret(file, key, err);

	if (r < 0)
		return r;
	if (zmq_setsockopt(socket, ZMQ_CURVE_SERVER, &on, sizeof(on)) < 0 ||
	    zmq_setsockopt(socket, ZMQ_CURVE_SECRETKEY, key, WEIR_CURVE_KEY_LEN) < 0 ||
	    zmq_setsockopt(socket, ZMQ_ZAP_DOMAIN, domain, strlen(domain)) < 0)
		r = weir_error_set(err, errno, "CURVE: %s", zmq_strerror(errno));
	explicit_bzero(key, sizeof(key));
	return r;
}

int weir_publish_open(void *socket, const struct weir_publish_config *c, struct weir_error *err)
{
	int r = 0;

	for (size_t i = 0; r == 0 && i < c->n_endpoints; i++)
		r = check(&c->endpoints[i], c->curve_secret_file, err);
	if (r == 0)
		r = open_all(socket, c, IPC, err);
	if (r == 0 && c->curve_secret_file)
		r = use_curve(socket, c->curve_secret_file, "weir", err);
	return r < 0 ? r : open_all(socket, c, TCP, err);
}

int weir_publish_open_scoped(void *socket, const char *address, const char *secret_file,
			     struct weir_error *err)
{
	const struct weir_publish_endpoint e = { .address = address };
	char domain[256];
	int r = check(&e, true, err);

	snprintf(domain, sizeof(domain), "weir %s", address);
	if (r == 0)
		r = use_curve(socket, secret_file, domain, err);
	return r < 0 ? r : open_one(socket, &e, err);
}
