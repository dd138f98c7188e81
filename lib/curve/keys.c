/* SPDX-License-Identifier: Apache-2.0 */
/* CURVE keys in files: one key a file, as text. For weird and the hub. */
#include <errno.h>
#include <fcntl.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
#include <zmq.h>

#include "weir/cleanup.h"
#include "weir/curve.h"
#include "weir/file.h"

static int parse_key(const char *path, char *text, char *ret, struct weir_error *err)
{
	uint8_t raw[32];

	text[strcspn(text, " \t\r\n")] = 0;
	if (strlen(text) != WEIR_CURVE_KEY_LEN || !zmq_z85_decode(raw, text))
		return weir_error_set(err, EINVAL,
				      "%s: must hold one CURVE key as 40 characters of Z85", path);
	memcpy(ret, text, WEIR_CURVE_KEY_LEN + 1);
	explicit_bzero(raw, sizeof(raw));
	return 0;
}

static int read_key(const char *path, bool secret, char *ret, struct weir_error *err)
{
	WEIR_AUTO_CLOSE int fd = open(path, O_RDONLY | O_CLOEXEC);
	char text[WEIR_CURVE_KEY_LEN + 2] = ""; /* a longer one is seen as such */
	struct stat st;
	int r;

	if (fd < 0 || fstat(fd, &st) < 0 || read(fd, text, sizeof(text) - 1) < 0)
		return weir_error_errno(err, errno, "%s", path);
	if (secret && st.st_mode & 077)
		return weir_error_set(err, EPERM,
				      "%s: others than its owner may use this secret key; "
				      "chmod 600 %s",
				      path, path);
	r = parse_key(path, text, ret, err);
	explicit_bzero(text, sizeof(text));
	return r;
}

int weir_curve_read_key(const char *path, char *ret, struct weir_error *err)
{
	return read_key(path, false, ret, err);
}

int weir_curve_read_secret(const char *path, char *ret, struct weir_error *err)
{
	return read_key(path, true, ret, err);
}

static int write_secret(const char *path, const char *secret, struct weir_error *err)
{
	char line[WEIR_CURVE_KEY_LEN + 2];
	int len = snprintf(line, sizeof(line), "%s\n", secret);
	int r = weir_file_replace(path, line, (size_t)len, 0600, err);

	explicit_bzero(line, sizeof(line));
	return r;
}

int weir_curve_keypair(const char *path, char *ret_public, char *ret_secret, struct weir_error *err)
{
	char public[WEIR_CURVE_KEY_LEN + 1], secret[WEIR_CURVE_KEY_LEN + 1];
	int r;

	if (access(path, F_OK) == 0) {
		r = weir_curve_read_secret(path, secret, err);
		if (r == 0 && zmq_curve_public(public, secret) < 0)
			r = weir_error_set(err, errno, "%s: %s", path, zmq_strerror(errno));
	} else if (zmq_curve_keypair(public, secret) < 0) {
		r = weir_error_set(err, errno, "CURVE: %s", zmq_strerror(errno));
	} else {
		r = write_secret(path, secret, err);
	}
	if (r == 0) {
		memcpy(ret_public, public, sizeof(public));
		memcpy(ret_secret, secret, sizeof(secret));
	}
	explicit_bzero(secret, sizeof(secret));
	return r;
}
