/* SPDX-License-Identifier: Apache-2.0 */
/*
 * inotify on a folder. Names beginning with ".." belong to a folder that is
 * swapped by symbolic links (ConfigMap volumes): then anything may have
 * changed. A timer looks whether the path is still the folder that is watched.
 */
#include "daemon/source/watch.h"

#include <errno.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>

#include "weir/cleanup.h"

#define LOOK_MS 1000
#define MASK                                                                                       \
	(IN_ATTRIB | IN_CLOSE_WRITE | IN_CREATE | IN_MOVED_TO | IN_MOVED_FROM | IN_DELETE |        \
	 IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR)

struct weir_watch {
	uv_poll_t poll;
	uv_timer_t timer;
	int open; /* handles that are not closed yet */
	int fd, wd;
	dev_t dev; /* of the folder that is watched; wd -1: none */
	ino_t ino;
	char *path;
	void (*changed)(void *data, const char *name);
	void *data;
};

static void forget(struct weir_watch *w)
{
	if (w->wd >= 0)
		inotify_rm_watch(w->fd, w->wd);
	w->wd = -1;
}

/* true: another folder than before is watched now, or none any more */
static bool look(struct weir_watch *w)
{
	struct stat st;

	if (stat(w->path, &st) < 0) {
		bool had = w->wd >= 0;

		forget(w);
		return had;
	}
	if (w->wd >= 0 && st.st_dev == w->dev && st.st_ino == w->ino)
		return false;
	forget(w);
	w->wd = inotify_add_watch(w->fd, w->path, MASK);
	w->dev = st.st_dev;
	w->ino = st.st_ino;
	return true;
}

static void on_timer(uv_timer_t *timer)
{
	struct weir_watch *w = timer->data;

	if (look(w))
		w->changed(w->data, NULL);
}

static void on_event(struct weir_watch *w, const struct inotify_event *event)
{
	if (event->mask & (IN_DELETE_SELF | IN_MOVE_SELF | IN_IGNORED | IN_UNMOUNT)) {
		if (event->wd == w->wd && look(w))
			w->changed(w->data, NULL);
	} else if (event->mask & IN_Q_OVERFLOW || !event->len || !strncmp(event->name, "..", 2)) {
		w->changed(w->data, NULL);
	} else if (event->wd == w->wd) {
		w->changed(w->data, event->name);
	}
}

static void on_readable(uv_poll_t *poll, int status, int events)
{
	char buf[16384] __attribute__((aligned(__alignof__(struct inotify_event))));
	struct weir_watch *w = poll->data;
	ssize_t len = read(w->fd, buf, sizeof(buf));

	for (ssize_t at = 0; at < len;) {
		const struct inotify_event *event = (const void *)(buf + at);

		on_event(w, event);
		at += (ssize_t)(sizeof(*event) + event->len);
	}
}

static void on_closed(uv_handle_t *handle)
{
	struct weir_watch *w = handle->data;

	if (--w->open)
		return;
	free(w->path);
	free(w);
}

int weir_watch_start(uv_loop_t *loop, const char *path,
		     void (*changed)(void *data, const char *name), void *data,
		     struct weir_watch **ret, struct weir_error *err)
{
	WEIR_AUTO_FREE struct weir_watch *w = calloc(1, sizeof(*w));
	WEIR_AUTO_CLOSE int fd = inotify_init1(IN_NONBLOCK | IN_CLOEXEC);
	WEIR_AUTO_FREE char *copy = strdup(path);

	if (fd < 0)
		return weir_error_errno(err, errno, "inotify");
	if (!w || !copy)
		return weir_error_errno(err, ENOMEM, "inotify");
	if (uv_poll_init(loop, &w->poll, fd) < 0)
		return weir_error_set(err, EIO, "inotify: cannot be polled");
	uv_timer_init(loop, &w->timer);
	w->poll.data = w->timer.data = w;
	w->open = 2;
	w->fd = weir_take_fd(fd);
	w->wd = -1;
	w->path = weir_take(copy);
	w->changed = changed;
	w->data = data;
	look(w);
	uv_poll_start(&w->poll, UV_READABLE, on_readable);
	uv_timer_start(&w->timer, on_timer, LOOK_MS, LOOK_MS);
	*ret = weir_take(w);
	return 0;
}

void weir_watch_stop(struct weir_watch **watch)
{
	struct weir_watch *w = weir_take(*watch);

	if (!w)
		return;
	uv_poll_stop(&w->poll);
	close(w->fd);
	uv_close((uv_handle_t *)&w->poll, on_closed);
	uv_close((uv_handle_t *)&w->timer, on_closed);
}
