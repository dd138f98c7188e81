/* SPDX-License-Identifier: Apache-2.0 */
/* weird: the node daemon. Reads like a table of contents; see parts.c. */
#include <errno.h>
#include <malloc.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#include "daemon/options.h"
#include "daemon/parts.h"
#include "daemon/weird.h"
#include "weir/cleanup.h"
#include "weir/log.h"
#include "weir/systemd.h"
#include "weir/version.h"

/* TERM and INT end weird, enforcement stays. HUP is ignored: what can change
 * without a restart is followed anyway. */
static const int signals[] = { SIGTERM, SIGINT, SIGHUP };

static void on_signal(uv_signal_t *signal_, int number)
{
	if (number != SIGHUP)
		uv_stop(signal_->loop);
}

static void watch_signals(uv_loop_t *loop, uv_signal_t *handles)
{
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(signals); i++) {
		uv_signal_init(loop, &handles[i]);
		uv_signal_start(&handles[i], on_signal, signals[i]);
	}
}

static void close_handle(uv_handle_t *handle, void *data)
{
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

/* Close callbacks free what the handles were part of. */
static void close_loop(uv_loop_t *loop)
{
	uv_walk(loop, close_handle, NULL);
	uv_run(loop, UV_RUN_DEFAULT);
	uv_loop_close(loop);
}

static int run(struct weir_config *config, struct weir_error *err)
{
	uv_signal_t handles[WEIR_ARRAY_SIZE(signals)];
	struct weird d = { .config = config };
	uv_loop_t loop;
	int r;

	if (uv_loop_init(&loop) < 0)
		return weir_error_set(err, EIO, "event loop");
	d.loop = &loop;
	watch_signals(&loop, handles);
	r = weird_open(&d, err);
	if (r == 0) {
		weir_log(WEIR_LOG_INFO, "ready", "node", config->node, "rpc", config->rpc, NULL);
		weir_systemd_ready(&loop, "enforcing");
		uv_run(&loop, UV_RUN_DEFAULT);
		weir_systemd_stopping();
		weird_close(&d);
		weir_log(WEIR_LOG_INFO, "ended; enforcement stays in the kernel", NULL);
	}
	close_loop(&loop);
	return r;
}

static int act(const struct weir_options *o, struct weir_error *err)
{
	struct weird d = { .config = o->config };

	switch (o->asked) {
	case WEIR_HELP:
		weir_options_usage(stdout);
		return 0;
	case WEIR_VERSION:
		return weir_print_version("weird");
	case WEIR_CHECK_CONFIG:
		return weir_backend_check(o->config->backend, err);
	case WEIR_PURGE:
		return weird_purge(&d, err);
	case WEIR_RUN:
		return run(o->config, err);
	}
	return -EINVAL;
}

/* A daemon of few threads: arenas for each would cost more than they give. */
static void save_memory(void)
{
	mallopt(M_ARENA_MAX, 1);
	mallopt(M_MMAP_THRESHOLD, 1 << 20);
	mallopt(M_TRIM_THRESHOLD, 16 << 20);
}

int main(int argc, char **argv)
{
	struct weir_options options = { .config = NULL };
	struct weir_error err = { "" };
	int r;

	save_memory();
	r = weir_options_parse(argc, argv, &options, &err);
	if (r < 0) {
		fprintf(stderr, "weird: %s\n", err.text);
		return 2;
	}
	if (options.config)
		weir_log_setup((enum weir_log_level)options.config->log_level,
			       (enum weir_log_format)options.config->log_format);
	r = act(&options, &err);
	if (r < 0)
		weir_log(WEIR_LOG_ERROR, "weird ends", "error", err.text, NULL);
	weir_config_free(&options.config);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
