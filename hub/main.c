/* SPDX-License-Identifier: Apache-2.0 */
/* weir-hub: reads like a table of contents; see hub.c for the parts. */
#include <errno.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <unistd.h>
#include <uv.h>

#include "hub/access/access.h"
#include "hub/config/config.h"
#include "hub/hub.h"
#include "weir/cleanup.h"
#include "weir/log.h"
#include "weir/systemd.h"
#include "weir/version.h"

static const int signals[] = { SIGTERM, SIGINT, SIGHUP };

static void on_signal(uv_signal_t *handle, int number)
{
	if (number == SIGHUP)
		weir_hub_reload(handle->data);
	else
		uv_stop(handle->loop);
}

static void watch_signals(uv_loop_t *loop, uv_signal_t *handles, struct weir_hub *hub)
{
	signal(SIGPIPE, SIG_IGN);
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(signals); i++) {
		uv_signal_init(loop, &handles[i]);
		handles[i].data = hub;
		uv_signal_start(&handles[i], on_signal, signals[i]);
	}
}

static void close_handle(uv_handle_t *handle, void *data)
{
	if (!uv_is_closing(handle))
		uv_close(handle, NULL);
}

static void close_loop(uv_loop_t *loop)
{
	uv_walk(loop, close_handle, NULL);
	uv_run(loop, UV_RUN_DEFAULT);
	uv_loop_close(loop);
}

static int run(const struct weir_hub_config *config, struct weir_error *err)
{
	uv_signal_t handles[WEIR_ARRAY_SIZE(signals)];
	struct weir_hub hub = { .config = config };
	uv_loop_t loop;
	int r;

	if (uv_loop_init(&loop) < 0)
		return weir_error_set(err, EIO, "event loop");
	r = weir_hub_open(&hub, err);
	if (r == 0) {
		watch_signals(&loop, handles, &hub);
		weir_log(WEIR_LOG_INFO, "ready", "http", config->http.address, "tls",
			 *config->http.certificate ? "yes" : "no", NULL);
		weir_systemd_ready(&loop, "taking flows");
		uv_run(&loop, UV_RUN_DEFAULT);
		weir_systemd_stopping();
		weir_hub_close(&hub);
		weir_log(WEIR_LOG_INFO, "ended", NULL);
	}
	close_loop(&loop);
	return r;
}

static int make_token(struct weir_error *err)
{
	char token[WEIR_TOKEN_TEXT], hash[WEIR_TOKEN_HASH];
	int r = weir_access_make_token(token, hash);

	if (r < 0)
		return weir_error_errno(err, -r, "token");
	printf("token: %s\nhash: %s\n", token, hash);
	return 0;
}

/* A file that is not there yet is no error in the configuration. */
static int check_access(const char *file, struct weir_error *err)
{
	return access(file, F_OK) == 0 ? weir_access_check(file, err) : 0;
}

static int check_audit(const char *file, struct weir_error *err)
{
	uint64_t line = 0;
	int r = weir_audit_verify(file, &line, err);

	if (r < 0)
		return r;
	if (line)
		return weir_error_set(err, EBADMSG,
				      "%s:%llu: this line does not follow the one before: one of "
				      "them was changed, or lines between them were taken out",
				      file, (unsigned long long)line);
	printf("%s: each line follows the one before\n", file);
	return 0;
}

static int act(const struct weir_hub_options *o, struct weir_error *err)
{
	switch (o->asked) {
	case WEIR_HUB_HELP:
		weir_hub_options_usage(stdout);
		return 0;
	case WEIR_HUB_VERSION:
		return weir_print_version("weir-hub");
	case WEIR_HUB_CHECK:
		return check_access(o->config->access.file, err);
	case WEIR_HUB_CHECK_AUDIT:
		return check_audit(o->audit, err);
	case WEIR_HUB_MAKE_TOKEN:
		return make_token(err);
	case WEIR_HUB_RUN:
		return run(o->config, err);
	}
	return -EINVAL;
}

/* Each node, each live stream is a connection: as many as we are let. */
static void raise_files(void)
{
	struct rlimit limit;

	if (getrlimit(RLIMIT_NOFILE, &limit) < 0)
		return;
	limit.rlim_cur = limit.rlim_max;
	setrlimit(RLIMIT_NOFILE, &limit);
}

int main(int argc, char **argv)
{
	struct weir_hub_options options = { .config = NULL };
	struct weir_error err = { "" };
	int r = weir_hub_options_parse(argc, argv, &options, &err);

	raise_files();
	if (r < 0) {
		fprintf(stderr, "weir-hub: %s\n", err.text);
		return 2;
	}
	if (options.config)
		weir_log_setup((enum weir_log_level)options.config->log_level,
			       (enum weir_log_format)options.config->log_format);
	r = act(&options, &err);
	if (r < 0)
		weir_log(WEIR_LOG_ERROR, "weir-hub ends", "error", err.text, NULL);
	weir_hub_config_free(&options.config);
	return r < 0 ? EXIT_FAILURE : EXIT_SUCCESS;
}
