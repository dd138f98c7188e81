/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The endpoints of this node: a list in memory and a folder with one file
 * each. A change is on disk before it is in the list.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "daemon/endpoint/endpoint.h"
#include "daemon/endpoint/file.h"
#include "weir/cleanup.h"

struct weir_endpoints {
	int dir;
	struct weir_endpoint *first; /* in the order in which they were added */
	size_t count;
	uint64_t version;
};

void weir_endpoint_free(struct weir_endpoint **ep)
{
	struct weir_endpoint *e = *ep;

	if (!e)
		return;
	free(e->container_id);
	free(e->ifname);
	free(e->network);
	free(e->netns);
	free(e->namespace_);
	free(e->pod);
	free(e->uid);
	free(e->host_ifname);
	free(e->mac);
	free(e->addrs);
	free(e);
	*ep = NULL;
}

/* The path may be a bind mount of another netns by now, or be gone. */
bool weir_endpoint_alive(const struct weir_endpoint *ep)
{
	struct stat st;

	return ep->netns && stat(ep->netns, &st) == 0 && st.st_dev == ep->netns_dev &&
	       st.st_ino == ep->netns_ino;
}

static void insert(struct weir_endpoints *eps, struct weir_endpoint *ep)
{
	struct weir_endpoint **at = &eps->first;

	while (*at && (*at)->added <= ep->added)
		at = &(*at)->next;
	ep->next = *at;
	*at = ep;
	eps->count++;
	eps->version++;
}

/* Whatever *at points to is the caller's. */
static struct weir_endpoint *take_out(struct weir_endpoints *eps, struct weir_endpoint **at)
{
	struct weir_endpoint *ep = *at;

	*at = ep->next;
	eps->count--;
	eps->version++;
	ep->next = NULL;
	return ep;
}

static void drop(struct weir_endpoints *eps, struct weir_endpoint **at)
{
	struct weir_endpoint *ep = take_out(eps, at);

	weir_endpoint_free(&ep);
}

/* --- loading ------------------------------------------------------------------------ */

static bool ends_with(const char *name, const char *tail)
{
	size_t n = strlen(name), t = strlen(tail);

	return n > t && strcmp(name + n - t, tail) == 0;
}

/* Keep it for whoever wants to know, out of the way of the next start. */
static void set_aside(struct weir_endpoints *eps, const char *name)
{
	char aside[NAME_MAX + 16];

	snprintf(aside, sizeof(aside), "%s.broken", name);
	renameat(eps->dir, name, eps->dir, aside);
}

static void load_one(struct weir_endpoints *eps, const char *name,
		     void (*note)(void *data, const char *text), void *data)
{
	struct weir_endpoint *ep = NULL;
	struct weir_error err;

	if (ends_with(name, ".tmp")) {
		unlinkat(eps->dir, name, 0); /* of a write that did not end */
		return;
	}
	if (!ends_with(name, ".json"))
		return;
	if (weir_endpoint_read(eps->dir, name, &ep, &err) == 0) {
		insert(eps, ep);
		return;
	}
	set_aside(eps, name);
	if (note)
		note(data, err.text);
}

static int load(struct weir_endpoints *eps, void (*note)(void *data, const char *text), void *data)
{
	int fd = fcntl(eps->dir, F_DUPFD_CLOEXEC, 0);
	DIR *dir = fd < 0 ? NULL : fdopendir(fd);
	const struct dirent *entry;

	if (!dir) {
		if (fd >= 0)
			close(fd);
		return -errno;
	}
	while ((entry = readdir(dir)))
		load_one(eps, entry->d_name, note, data);
	closedir(dir);
	return 0;
}

int weir_endpoints_open(const char *dir, struct weir_endpoints **ret,
			void (*note)(void *data, const char *text), void *data,
			struct weir_error *err)
{
	struct weir_endpoints *eps;
	int r;

	if (mkdir(dir, 0700) < 0 && errno != EEXIST)
		return weir_error_errno(err, errno, "%s", dir);
	eps = calloc(1, sizeof(*eps));
	if (!eps)
		return weir_error_errno(err, ENOMEM, "%s", dir);
	eps->dir = open(dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	r = eps->dir < 0 ? -errno : load(eps, note, data);
	if (r < 0) {
		weir_endpoints_close(&eps);
		return weir_error_errno(err, -r, "%s", dir);
	}
	*ret = eps;
	return 0;
}

void weir_endpoints_close(struct weir_endpoints **eps)
{
	if (!*eps)
		return;
	while ((*eps)->first)
		drop(*eps, &(*eps)->first);
	if ((*eps)->dir >= 0)
		close((*eps)->dir);
	free(*eps);
	*eps = NULL;
}

/* --- changes ------------------------------------------------------------------------- */

static bool is_key(const struct weir_endpoint *ep, const char *container_id, const char *ifname)
{
	return strcmp(ep->container_id, container_id) == 0 &&
	       (!ifname || strcmp(ep->ifname, ifname) == 0);
}

int weir_endpoints_add(struct weir_endpoints *eps, struct weir_endpoint **ep,
		       struct weir_endpoint **ret_replaced, struct weir_error *err)
{
	WEIR_CLEANUP(weir_endpoint_free) struct weir_endpoint *replaced = NULL;
	int r = weir_endpoint_write(eps->dir, *ep, err);

	if (r < 0)
		return r;
	for (struct weir_endpoint **at = &eps->first; *at && !replaced;) {
		if (is_key(*at, (*ep)->container_id, (*ep)->ifname))
			replaced = take_out(eps, at);
		else
			at = &(*at)->next;
	}
	insert(eps, weir_take(*ep));
	if (ret_replaced)
		*ret_replaced = weir_take(replaced);
	return 0;
}

static int remove_file(const struct weir_endpoints *eps, const struct weir_endpoint *ep,
		       struct weir_error *err)
{
	char name[WEIR_ENDPOINT_NAME_MAX];
	int r = weir_endpoint_file_name(ep->container_id, ep->ifname, name);

	if (r == 0 && unlinkat(eps->dir, name, 0) < 0 && errno != ENOENT)
		r = -errno;
	return r < 0 ? weir_error_errno(err, -r, "%s", name) : 0;
}

static void free_list(struct weir_endpoint **list)
{
	while (*list) {
		struct weir_endpoint *ep = *list;

		*list = ep->next;
		weir_endpoint_free(&ep);
	}
}

/* Freed only at the end: the names may be those of an endpoint that goes. */
int weir_endpoints_remove(struct weir_endpoints *eps, const char *container_id, const char *ifname,
			  struct weir_error *err)
{
	WEIR_CLEANUP(free_list) struct weir_endpoint *gone = NULL;

	for (struct weir_endpoint **at = &eps->first; *at;) {
		struct weir_endpoint *ep = *at;
		int r;

		if (!is_key(ep, container_id, ifname)) {
			at = &ep->next;
			continue;
		}
		r = remove_file(eps, ep, err);
		if (r < 0)
			return r;
		take_out(eps, at)->next = gone;
		gone = ep;
	}
	return 0;
}

struct weir_endpoint *weir_endpoints_find(const struct weir_endpoints *eps,
					  const char *container_id, const char *ifname)
{
	for (struct weir_endpoint *ep = eps->first; ep; ep = ep->next)
		if (is_key(ep, container_id, ifname))
			return ep;
	return NULL;
}

struct weir_endpoint *weir_endpoints_first(const struct weir_endpoints *eps)
{
	return eps->first;
}

size_t weir_endpoints_count(const struct weir_endpoints *eps)
{
	return eps->count;
}

uint64_t weir_endpoints_version(const struct weir_endpoints *eps)
{
	return eps->version;
}
