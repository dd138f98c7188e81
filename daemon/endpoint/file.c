/* SPDX-License-Identifier: Apache-2.0 */
/*
 * An endpoint as a file: JSON, written beside, renamed over. Nothing is synced:
 * what a crash of the machine could tear is of no use after it, since the
 * network namespaces are gone too. What is read back is checked all the same.
 */
#include "daemon/endpoint/file.h"

#include <cjson/cJSON.h>
#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "weir/cleanup.h"

#define FILE_MAX (64 * 1024)

/* CNI allows letters, digits, '_', '.', '-' in a container id; an interface
 * name may have anything but '/' and blanks. Others are refused, not mangled,
 * so that two keys never share a file. */
int weir_endpoint_file_name(const char *container_id, const char *ifname, char *buf)
{
	int n = snprintf(buf, WEIR_ENDPOINT_NAME_MAX, "%s@%s.json", container_id, ifname);

	if (n < 0 || n >= WEIR_ENDPOINT_NAME_MAX - 8)
		return -ENAMETOOLONG;
	if (!isalnum((unsigned char)buf[0]) || strchr(buf, '/'))
		return -EINVAL;
	return 0;
}

/* --- out ------------------------------------------------------------------------ */

static void add_text(cJSON *json, const char *key, const char *value)
{
	if (value)
		cJSON_AddStringToObject(json, key, value);
}

/* As text: JSON numbers lose digits beyond 2^53. */
static void add_u64(cJSON *json, const char *key, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	cJSON_AddStringToObject(json, key, text);
}

static cJSON *encode(const struct weir_endpoint *ep)
{
	cJSON *json = cJSON_CreateObject(), *addrs = cJSON_AddArrayToObject(json, "addrs");
	char text[WEIR_ADDR_STRLEN];

	cJSON_AddNumberToObject(json, "version", 1);
	add_text(json, "containerId", ep->container_id);
	add_text(json, "ifname", ep->ifname);
	add_text(json, "network", ep->network);
	add_text(json, "netns", ep->netns);
	add_u64(json, "netnsDev", ep->netns_dev);
	add_u64(json, "netnsIno", ep->netns_ino);
	add_text(json, "namespace", ep->namespace_);
	add_text(json, "pod", ep->pod);
	add_text(json, "uid", ep->uid);
	add_text(json, "hostIfname", ep->host_ifname);
	add_text(json, "mac", ep->mac);
	cJSON_AddNumberToObject(json, "added", (double)ep->added);
	for (size_t i = 0; i < ep->n_addrs; i++)
		cJSON_AddItemToArray(addrs,
				     cJSON_CreateString(weir_addr_format(&ep->addrs[i], text)));
	return json;
}

static int write_all(int fd, const char *text)
{
	size_t len = strlen(text);

	while (len) {
		ssize_t n = write(fd, text, len);

		if (n < 0 && errno != EINTR)
			return -errno;
		if (n > 0) {
			text += n;
			len -= (size_t)n;
		}
	}
	return 0;
}

int weir_endpoint_write(int dir, const struct weir_endpoint *ep, struct weir_error *err)
{
	char name[WEIR_ENDPOINT_NAME_MAX], beside[WEIR_ENDPOINT_NAME_MAX + 8];
	WEIR_AUTO_FREE char *text = NULL;
	WEIR_AUTO_CLOSE int fd = -1;
	cJSON *json;
	int r = weir_endpoint_file_name(ep->container_id, ep->ifname, name);

	if (r < 0)
		return weir_error_errno(err, -r, "container %.64s", ep->container_id);
	json = encode(ep);
	text = cJSON_PrintUnformatted(json);
	cJSON_Delete(json);
	if (!text)
		return weir_error_errno(err, ENOMEM, "%s", name);
	snprintf(beside, sizeof(beside), "%s.tmp", name);
	fd = openat(dir, beside, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
	r = fd < 0 ? -errno : write_all(fd, text);
	if (r == 0 && renameat(dir, beside, dir, name) < 0)
		r = -errno;
	if (r < 0)
		unlinkat(dir, beside, 0);
	return r < 0 ? weir_error_errno(err, -r, "%s", name) : 0;
}

/* --- in -------------------------------------------------------------------------- */

static const char *text_of(const cJSON *json, const char *key)
{
	return cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(json, key));
}

static int take_text(const cJSON *json, const char *key, char **ret)
{
	const char *text = text_of(json, key);

	*ret = text ? strdup(text) : NULL;
	return text && !*ret ? -ENOMEM : 0;
}

static uint64_t take_u64(const cJSON *json, const char *key)
{
	const char *text = text_of(json, key);

	return text ? strtoull(text, NULL, 10) : 0;
}

static int take_addrs(const cJSON *json, struct weir_endpoint *ep)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(json, "addrs"), *item;
	int n = cJSON_GetArraySize(list);

	ep->addrs = calloc(n ? (size_t)n : 1, sizeof(*ep->addrs));
	if (!ep->addrs)
		return -ENOMEM;
	cJSON_ArrayForEach (item, list) {
		if (!cJSON_IsString(item) ||
		    weir_addr_parse(item->valuestring, &ep->addrs[ep->n_addrs]) < 0)
			return -EBADMSG;
		ep->n_addrs++;
	}
	return 0;
}

static int decode(const cJSON *json, struct weir_endpoint *ep)
{
	const cJSON *version = cJSON_GetObjectItemCaseSensitive(json, "version");
	const cJSON *added = cJSON_GetObjectItemCaseSensitive(json, "added");
	int r = 0;

	if (!cJSON_IsNumber(version) || version->valuedouble != 1)
		return -EBADMSG;
	r |= take_text(json, "containerId", &ep->container_id);
	r |= take_text(json, "ifname", &ep->ifname);
	r |= take_text(json, "network", &ep->network);
	r |= take_text(json, "netns", &ep->netns);
	r |= take_text(json, "namespace", &ep->namespace_);
	r |= take_text(json, "pod", &ep->pod);
	r |= take_text(json, "uid", &ep->uid);
	r |= take_text(json, "hostIfname", &ep->host_ifname);
	r |= take_text(json, "mac", &ep->mac);
	if (r)
		return -ENOMEM;
	ep->netns_dev = take_u64(json, "netnsDev");
	ep->netns_ino = take_u64(json, "netnsIno");
	ep->added = cJSON_IsNumber(added) ? (int64_t)added->valuedouble : 0;
	return ep->container_id && ep->ifname ? take_addrs(json, ep) : -EBADMSG;
}

static int read_text(int dir, const char *name, char **ret, size_t *ret_len)
{
	WEIR_AUTO_CLOSE int fd = openat(dir, name, O_RDONLY | O_CLOEXEC | O_NOFOLLOW);
	WEIR_AUTO_FREE char *text = malloc(FILE_MAX);
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return -errno;
	if (!text)
		return -ENOMEM;
	while ((n = read(fd, text + len, FILE_MAX - len)) > 0)
		len += (size_t)n;
	if (n < 0)
		return -errno;
	*ret = weir_take(text);
	*ret_len = len;
	return 0;
}

int weir_endpoint_read(int dir, const char *name, struct weir_endpoint **ret,
		       struct weir_error *err)
{
	char expected[WEIR_ENDPOINT_NAME_MAX];
	WEIR_AUTO_FREE char *text = NULL;
	struct weir_endpoint *ep;
	cJSON *json;
	size_t len = 0;
	int r = read_text(dir, name, &text, &len);

	if (r < 0)
		return weir_error_errno(err, -r, "%s", name);
	ep = calloc(1, sizeof(*ep));
	if (!ep)
		return weir_error_errno(err, ENOMEM, "%s", name);
	json = cJSON_ParseWithLength(text, len);
	r = decode(json, ep);
	cJSON_Delete(json);
	if (r == 0 && (weir_endpoint_file_name(ep->container_id, ep->ifname, expected) < 0 ||
		       strcmp(expected, name) != 0))
		r = -EBADMSG;
	if (r < 0) {
		weir_endpoint_free(&ep);
		return weir_error_errno(err, -r, "%s", name);
	}
	*ret = ep;
	return 0;
}
