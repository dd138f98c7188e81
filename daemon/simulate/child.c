/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The process in which a simulation runs. fork() gives it the world as it is at
 * that moment; it writes one JSON text into a pipe and goes. Whatever a
 * hostile policy makes of it, the daemon loses a child: memory and time are
 * limited, the kernel takes it first when memory is short, it has no file of
 * the daemon's open, and it does not outlive the daemon.
 */
#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "daemon/simulate/simulate.h"
#include "weir/cleanup.h"

enum { ANSWER_MAX = 64 << 20, NICE = 10, PIPE_FD = 3 };

struct weir_simulation {
	uv_pipe_t pipe;
	uv_timer_t timer;
	struct weird *d;
	struct weir_rpc_reply *reply;
	pid_t pid;
	char *text; /* the answer so far */
	size_t len, size;
	bool late;
	unsigned open; /* handles */
};

/* --- the child ------------------------------------------------------------------------ */

static size_t memory_now(void)
{
	FILE *file = fopen("/proc/self/statm", "re");
	size_t pages = 0;

	if (!file)
		return 0;
	if (fscanf(file, "%zu", &pages) != 1)
		pages = 0;
	fclose(file);
	return pages * (size_t)sysconf(_SC_PAGESIZE);
}

static void limit(int resource, uint64_t value)
{
	struct rlimit limit = { value, value };

	setrlimit(resource, &limit);
}

static void go_first_when_memory_is_short(void)
{
	WEIR_AUTO_CLOSE int fd = open("/proc/self/oom_score_adj", O_WRONLY | O_CLOEXEC);

	/* the limits below hold also where this is not allowed */
	if (fd >= 0 && write(fd, "1000", 4) < 0)
		return;
}

static void confine(pid_t parent, int fd)
{
	size_t memory = memory_now();
	sigset_t none;

	prctl(PR_SET_PDEATHSIG, SIGKILL);
	if (getppid() != parent)
		_exit(EXIT_FAILURE);
	signal(SIGTERM, SIG_DFL);
	signal(SIGINT, SIG_DFL);
	signal(SIGPIPE, SIG_DFL);
	sigemptyset(&none);
	sigprocmask(SIG_SETMASK, &none, NULL);
	go_first_when_memory_is_short();
	if (fd != PIPE_FD)
		dup2(fd, PIPE_FD);
	close_range(PIPE_FD + 1, ~0u, 0);
	if (memory)
		limit(RLIMIT_AS, memory + WEIR_SIMULATE_MEMORY);
	limit(RLIMIT_CPU, WEIR_SIMULATE_MS / 1000);
	limit(RLIMIT_CORE, 0);
	setpriority(PRIO_PROCESS, 0, NICE);
}

static void write_all(const char *text)
{
	size_t left = strlen(text);

	while (left) {
		ssize_t n = write(PIPE_FD, text, left);

		if (n < 0 && errno != EINTR)
			return;
		text += n < 0 ? 0 : n;
		left -= n < 0 ? 0 : (size_t)n;
	}
}

__attribute__((noreturn)) static void run_child(struct weir_world *world, const cJSON *params)
{
	cJSON *answer = cJSON_CreateObject(), *result = NULL;
	struct weir_error err = { "" };
	char *text;
	int r = weir_simulate(world, params, &result, &err);

	if (r == 0) {
		cJSON_AddItemToObject(answer, "result", result);
	} else {
		cJSON_AddStringToObject(answer, "error", err.text);
		cJSON_AddNumberToObject(answer, "errno", -r);
	}
	text = cJSON_PrintUnformatted(answer);
	if (text)
		write_all(text);
	_exit(text ? EXIT_SUCCESS : EXIT_FAILURE);
}

/* Under the lock nobody else changes the world, so that the copy is whole. */
static pid_t start_child(struct weird *d, const cJSON *params, const int fds[2])
{
	pid_t parent = getpid(), pid;

	pthread_mutex_lock(&d->world.lock);
	pid = fork();
	if (pid == 0) {
		confine(parent, fds[1]);
		run_child(&d->world, params);
	}
	pthread_mutex_unlock(&d->world.lock);
	return pid;
}

/* --- the daemon ----------------------------------------------------------------------- */

static void on_closed(uv_handle_t *handle)
{
	struct weir_simulation *s = handle->data;

	if (--s->open)
		return;
	free(s->text);
	free(s);
}

/* The child is dead or dies now: nothing is waited for but the kernel. */
static void end(struct weir_simulation *s, int *ret_status)
{
	while (waitpid(s->pid, ret_status, 0) < 0 && errno == EINTR)
		;
	s->d->simulation = NULL;
	uv_close((uv_handle_t *)&s->pipe, on_closed);
	uv_close((uv_handle_t *)&s->timer, on_closed);
}

static void answer_dead(struct weir_simulation *s, int status)
{
	char details[160];

	if (s->late || (WIFSIGNALED(status) && WTERMSIG(status) == SIGXCPU))
		snprintf(details, sizeof(details),
			 "it took more than %d s: ask for fewer policies at a time",
			 WEIR_SIMULATE_MS / 1000);
	else if (WIFSIGNALED(status))
		snprintf(details, sizeof(details),
			 "it was ended by signal %d; when memory is short it goes first",
			 WTERMSIG(status));
	else
		snprintf(details, sizeof(details),
			 "it gave no answer: it may take %llu MiB at most",
			 WEIR_SIMULATE_MEMORY >> 20);
	weir_rpc_reply_error(weir_take(s->reply), WEIR_RPC_FAILED, "the simulation did not finish",
			     details);
}

static void answer(struct weir_simulation *s, int status)
{
	cJSON *json = s->len ? cJSON_ParseWithLength(s->text, s->len) : NULL;
	cJSON *result = cJSON_DetachItemFromObjectCaseSensitive(json, "result");
	const cJSON *error = cJSON_GetObjectItemCaseSensitive(json, "error");

	if (result)
		weir_rpc_reply_result(weir_take(s->reply), result);
	else if (error)
		weir_rpc_reply_error(weir_take(s->reply), WEIR_RPC_BAD_REQUEST,
				     cJSON_GetStringValue(error), NULL);
	else
		answer_dead(s, status);
	cJSON_Delete(json);
}

static void on_alloc(uv_handle_t *handle, size_t suggested, uv_buf_t *buf)
{
	struct weir_simulation *s = handle->data;
	size_t size = s->size ? s->size * 2 : 65536;
	char *longer;

	if (s->len == s->size && s->size < ANSWER_MAX) {
		longer = realloc(s->text, size);
		if (longer) {
			s->text = longer;
			s->size = size;
		}
	}
	*buf = uv_buf_init(s->text ? s->text + s->len : NULL, (unsigned)(s->size - s->len));
}

static void on_read(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct weir_simulation *s = stream->data;
	int status = 0;

	if (n >= 0) {
		s->len += (size_t)n;
		return;
	}
	if (n != UV_EOF) /* the answer is too long, or memory is short */
		kill(s->pid, SIGKILL);
	end(s, &status);
	answer(s, n == UV_EOF ? status : SIGKILL);
}

static void on_timer(uv_timer_t *timer)
{
	struct weir_simulation *s = timer->data;

	s->late = true;
	kill(s->pid, SIGKILL); /* the pipe tells the rest */
}

static void watch(struct weir_simulation *s, int fd)
{
	uv_pipe_init(s->d->loop, &s->pipe, 0);
	uv_timer_init(s->d->loop, &s->timer);
	s->pipe.data = s;
	s->timer.data = s;
	s->open = 2;
	uv_pipe_open(&s->pipe, fd);
	uv_read_start((uv_stream_t *)&s->pipe, on_alloc, on_read);
	uv_timer_start(&s->timer, on_timer, WEIR_SIMULATE_MS, 0);
	s->d->simulation = s;
}

void weir_simulation_start(struct weird *d, const cJSON *params, struct weir_rpc_reply *reply)
{
	struct weir_simulation *s;
	int fds[2];

	if (d->simulation) {
		weir_rpc_reply_error(reply, WEIR_RPC_TRY_AGAIN, "a simulation is running", NULL);
		return;
	}
	s = calloc(1, sizeof(*s));
	if (!s || pipe2(fds, O_CLOEXEC) < 0) {
		free(s);
		weir_rpc_reply_error(reply, WEIR_RPC_FAILED, "no simulation can be started",
				     strerror(errno));
		return;
	}
	s->d = d;
	s->reply = reply;
	s->pid = start_child(d, params, fds);
	close(fds[1]);
	if (s->pid < 0) {
		weir_rpc_reply_error(reply, WEIR_RPC_FAILED, "no simulation can be started",
				     strerror(errno));
		close(fds[0]);
		free(s);
		return;
	}
	watch(s, fds[0]);
}

void weir_simulation_stop(struct weird *d)
{
	struct weir_simulation *s = d->simulation;
	int status;

	if (!s)
		return;
	kill(s->pid, SIGKILL);
	end(s, &status);
	weir_rpc_reply_error(weir_take(s->reply), WEIR_RPC_TRY_AGAIN, "weird is stopping", NULL);
}
