/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The network configuration, read value by value with cJSON, which tells where
 * each value ends: so prevResult can be passed on byte for byte, with numbers
 * that no double can hold and keys that nobody knows.
 */
#include "plugin/netconf.h"

#include <cjson/cJSON.h>
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "weir/rpc.h"

#define TIMEOUT_DEFAULT_MS 5000
#define TIMEOUT_MAX_MS	   600000

struct reader {
	struct weir_netconf *conf;
	int *code;
	struct weir_error *err;
};

static int fail(const struct reader *r, int code, const char *key, const char *want)
{
	*r->code = code;
	return weir_error_set(r->err, EINVAL, "%s: %s", key, want);
}

/* --- keys ------------------------------------------------------------------------- */

static int on_version(const struct reader *r, const cJSON *value, const struct weir_slice *raw)
{
	if (!cJSON_IsString(value))
		return fail(r, WEIR_RPC_INVALID_CONFIG, "cniVersion", "want a string");
	snprintf(r->conf->version_text, sizeof(r->conf->version_text), "%s", value->valuestring);
	r->conf->version = weir_cni_version_find(value->valuestring);
	return 0;
}

static int on_prev_result(const struct reader *r, const cJSON *value, const struct weir_slice *raw)
{
	if (cJSON_IsNull(value))
		return 0;
	if (!cJSON_IsObject(value))
		return fail(r, WEIR_RPC_DECODE_FAILURE, "prevResult", "want an object");
	r->conf->prev_result = *raw;
	return 0;
}

static int on_socket(const struct reader *r, const cJSON *value, const struct weir_slice *raw)
{
	if (!cJSON_IsString(value) || value->valuestring[0] != '/' ||
	    strlen(value->valuestring) >= sizeof(r->conf->socket))
		return fail(r, WEIR_RPC_INVALID_CONFIG, "socket",
			    "want the absolute path of weird's socket, at most 107 bytes");
	strcpy(r->conf->socket, value->valuestring);
	return 0;
}

static int on_timeout(const struct reader *r, const cJSON *value, const struct weir_slice *raw)
{
	double ms = value->valuedouble;

	if (!cJSON_IsNumber(value) || ms < 1 || ms > TIMEOUT_MAX_MS || ms != (double)(int)ms)
		return fail(r, WEIR_RPC_INVALID_CONFIG, "timeoutMs",
			    "want milliseconds from 1 to 600000");
	r->conf->timeout_ms = (int)ms;
	return 0;
}

static int on_unavailable(const struct reader *r, const cJSON *value, const struct weir_slice *raw)
{
	const char *text = cJSON_GetStringValue(value);

	r->conf->allow_unavailable = text && strcmp(text, "allow") == 0;
	if (!r->conf->allow_unavailable && (!text || strcmp(text, "fail") != 0))
		return fail(r, WEIR_RPC_INVALID_CONFIG, "onUnavailable",
			    "want \"fail\" or \"allow\"");
	return 0;
}

static const struct {
	const char *name;
	int (*take)(const struct reader *r, const cJSON *value, const struct weir_slice *raw);
} keys[] = {
	{ "cniVersion", on_version }, { "prevResult", on_prev_result },	   { "socket", on_socket },
	{ "timeoutMs", on_timeout },  { "onUnavailable", on_unavailable },
};

/* Keys of the runtime and of other plugins are none of our business. */
static int take(const struct reader *r, const char *key, const cJSON *value,
		const struct weir_slice *raw)
{
	for (size_t i = 0; i < sizeof(keys) / sizeof(keys[0]); i++)
		if (strcmp(keys[i].name, key) == 0)
			return keys[i].take(r, value, raw);
	return 0;
}

/* --- the object --------------------------------------------------------------------- */

static const char *skip_blanks(const char *at, const char *end)
{
	while (at < end && *at && strchr(" \t\r\n", *at))
		at++;
	return at;
}

static int not_json(const struct reader *r, const char *what)
{
	*r->code = WEIR_RPC_DECODE_FAILURE;
	return weir_error_set(r->err, EINVAL,
			      "the network configuration on stdin is not valid "
			      "JSON: %s",
			      what);
}

/* One "key": value; *at moves behind it. */
static int read_pair(const struct reader *r, const char **at, const char *end)
{
	cJSON *key = cJSON_ParseWithLengthOpts(*at, (size_t)(end - *at), at, 0), *value = NULL;
	struct weir_slice raw;
	int ret = -1;

	if (!cJSON_IsString(key)) {
		ret = not_json(r, "want a key in quotes");
		goto out;
	}
	*at = skip_blanks(*at, end);
	if (*at == end || **at != ':') {
		ret = not_json(r, "want ':' behind a key");
		goto out;
	}
	raw.text = skip_blanks(*at + 1, end);
	value = cJSON_ParseWithLengthOpts(raw.text, (size_t)(end - raw.text), at, 0);
	if (!value) {
		ret = not_json(r, key->valuestring);
		goto out;
	}
	raw.len = (size_t)(*at - raw.text);
	ret = take(r, key->valuestring, value, &raw);
out:
	cJSON_Delete(key);
	cJSON_Delete(value);
	return ret;
}

static int read_object(const struct reader *r, const char *at, const char *end)
{
	at = skip_blanks(at, end);
	if (at == end || *at != '{')
		return not_json(r, "want an object");
	at = skip_blanks(at + 1, end);
	if (at < end && *at == '}')
		return skip_blanks(at + 1, end) == end ? 0
						       : not_json(r, "something follows its end");
	for (;;) {
		int ret = at < end ? read_pair(r, &at, end) : not_json(r, "it ends too early");

		if (ret < 0)
			return ret;
		at = skip_blanks(at, end);
		if (at < end && *at == ',')
			at = skip_blanks(at + 1, end);
		else if (at < end && *at == '}')
			break;
		else
			return not_json(r, "want ',' or '}' behind a value");
	}
	return skip_blanks(at + 1, end) == end ? 0 : not_json(r, "something follows its end");
}

/* RFC 8259 allows none, within strings and without, but these three; cJSON
 * takes them for blanks. */
static bool has_control(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)text[i] < 0x20 && !(text[i] && strchr("\t\r\n", text[i])))
			return true;
	return false;
}

int weir_netconf_parse(const char *text, size_t len, struct weir_netconf *ret, int *ret_code,
		       struct weir_error *err)
{
	struct reader r = { ret, ret_code, err };
	int code;

	*ret = (struct weir_netconf){
		.raw = { text, len },
		.socket = WEIR_RPC_SOCKET_DEFAULT,
		.timeout_ms = TIMEOUT_DEFAULT_MS,
	};
	code = has_control(text, len) ? not_json(&r, "it has control characters")
				      : read_object(&r, text, text + len);
	if (code < 0)
		return code;
	if (!*ret->version_text)
		return fail(&r, WEIR_RPC_INVALID_CONFIG, "cniVersion", "is missing");
	if (!ret->version)
		return fail(&r, WEIR_RPC_INCOMPATIBLE_VERSION, ret->version_text,
			    "this version of the CNI specification is not known (0.3.0 to 1.1.0)");
	return 0;
}
