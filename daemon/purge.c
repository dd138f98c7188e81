/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weird --purge, for uninstalling: every backend removes what it, or another
 * version of it, left in the kernel; then our files go. Not while a weird runs.
 */
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <unistd.h>

#include "daemon/parts.h"
#include "daemon/weird.h"
#include "weir/chain.h"
#include "weir/cleanup.h"
#include "weir/log.h"

/* Is there a weird at work? It would put everything back. */
static bool is_answering(const char *socket_path)
{
	static const char request[] = "{\"version\":1,\"method\":\"status\"}";
	char *reply = NULL;
	size_t len;
	int r = weir_rpc_call(socket_path, request, sizeof(request) - 1, 2000, &reply, &len, NULL);

	free(reply);
	return r == 0;
}

static int purge_kernel(const struct weird *d, struct weir_error *err)
{
	struct weir_backend_config config = { .name = "weird",
					      .nflog_group = (uint16_t)d->config->nflog_group };
	struct weir_error first;
	int ret = 0;

	for (const struct weir_backend_ops *const *b = weir_backends; *b; b++) {
		int r = weir_backend_purge(&config, (*b)->name, &first);

		if (r < 0)
			ret = weir_error_set(err, -r, "%s", first.text);
		else
			weir_log(WEIR_LOG_INFO, "removed from the kernel", "backend", (*b)->name,
				 NULL);
	}
	return ret;
}

/* Whether weird writes files of that name; what others put there stays. */
static bool is_ours(const char *name)
{
	static const char *const suffixes[] = { ".json", ".broken", ".new",  ".state", ".sock",
						".good", ".key",    ".peer", ".ends",  ".spool" };
	size_t len = strlen(name);

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(suffixes); i++) {
		size_t n = strlen(suffixes[i]);

		if (len > n && !strcmp(name + len - n, suffixes[i]))
			return true;
	}
	return false;
}

/* A folder with files of others in it, or one that is mounted: in a container its
 * place is often read-only. */
static bool may_stay(int error)
{
	return error == ENOTEMPTY || error == EEXIST || error == EBUSY || error == EROFS;
}

static int purge_folder(const char *path, struct weir_error *err)
{
	DIR *dir = opendir(path);
	const struct dirent *entry;
	int r = 0;

	if (!dir)
		return errno == ENOENT ? 0 : weir_error_errno(err, errno, "%s", path);
	while ((entry = readdir(dir))) {
		if (is_ours(entry->d_name) && unlinkat(dirfd(dir), entry->d_name, 0) < 0)
			r = weir_error_errno(err, errno, "%s/%s", path, entry->d_name);
	}
	closedir(dir);
	if (rmdir(path) < 0 && !may_stay(errno))
		r = weir_error_errno(err, errno, "%s", path);
	return r;
}

static int purge_chain(const char *dir, struct weir_error *err)
{
	return access(dir, F_OK) == 0 ? weir_chain_remove(dir, err) : 0;
}

int weird_purge(struct weird *d, struct weir_error *err)
{
	char path[4096];
	int chain, kernel, endpoints, good, spool, state, run;

	if (is_answering(d->config->rpc))
		return weir_error_set(err, EBUSY, "weird is running (%s answers): stop it first",
				      d->config->rpc);
	/* first: from now on no pod may come through us */
	chain = purge_chain(d->config->chain.dir, err);
	kernel = purge_kernel(d, err);
	snprintf(path, sizeof(path), "%s/endpoints", d->config->run_dir);
	endpoints = purge_folder(path, err);
	snprintf(path, sizeof(path), "%s/last-good", d->config->state_dir);
	good = purge_folder(path, err);
	spool = *d->config->hub.spool.path ? purge_folder(d->config->hub.spool.path, err) : 0;
	state = purge_folder(d->config->state_dir, err);
	run = purge_folder(d->config->run_dir, err);
	return chain	   ? chain
	       : kernel	   ? kernel
	       : endpoints ? endpoints
	       : good	   ? good
	       : spool	   ? spool
	       : state	   ? state
			   : run;
}
