/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Follows one collection of an API server and says on stdout what it hears, for
 * faults.py: reflect [-o] KUBECONFIG PATH. -o: the collection is optional.
 *
 * stdin takes commands, one a line: "state", "relist", "get PATH", "end".
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "daemon/kube/kube.h"

/* As patient as a test that must be over in seconds. */
static const struct weir_reflector_times times = {
	.list_ms = 3000,
	.answer_s = 2,
	.quiet_s = 3,
	.watch_s = 60,
	.absent_ms = 300,
	.retry_min_ms = 20,
	.retry_max_ms = 400,
	.lived_ms = 200,
};

struct follower {
	struct weir_kube *kube;
	struct weir_reflector *reflector;
	uv_pipe_t in;
	char line[256];
	size_t len;
};

static const char *text_of(const cJSON *object, const char *key)
{
	const cJSON *meta = cJSON_GetObjectItemCaseSensitive(object, "metadata");
	const char *text = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(meta, key));

	return text ? text : "-";
}

static void on_begin(void *data)
{
	puts("begin");
}

static void on_object(void *data, const cJSON *object)
{
	const char *kind = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(object, "kind"));

	printf("object %s %s %s\n", text_of(object, "name"), text_of(object, "resourceVersion"),
	       kind ? kind : "-");
}

static void on_removed(void *data, const cJSON *object)
{
	printf("removed %s\n", text_of(object, "name"));
}

static void on_end(void *data)
{
	puts("end");
}

static void on_batch(void *data)
{
	puts("batch");
}

static const struct weir_reflector_ops ops = {
	.begin = on_begin,
	.object = on_object,
	.removed = on_removed,
	.end = on_end,
	.batch = on_batch,
};

/* --- commands ------------------------------------------------------------------------- */

static void on_relisted(void *data)
{
	puts("relisted");
}

static void on_answer(void *data, const struct weir_kube_answer *answer)
{
	printf("answer %d %u %s\n", answer->status, answer->retry_after_ms,
	       answer->error ? answer->error->text : text_of(answer->body, "name"));
}

static void say_state(struct follower *f)
{
	struct weir_reflector_state s;

	weir_reflector_state(f->reflector, &s);
	printf("state {\"listed\":%d,\"current\":%d,\"absent\":%d,\"silentMs\":%llu,\"lists\":%llu,"
	       "\"watches\":%llu,\"events\":%llu,\"bookmarks\":%llu,\"errors\":%llu,"
	       "\"unknown\":%llu}\nerror %s\n",
	       s.listed, s.current, s.absent, (unsigned long long)s.silent_ms,
	       (unsigned long long)s.lists, (unsigned long long)s.watches,
	       (unsigned long long)s.events, (unsigned long long)s.bookmarks,
	       (unsigned long long)s.errors, (unsigned long long)s.unknown, s.error.text);
}

static void get(struct follower *f, const char *path)
{
	struct weir_kube_request request = {
		.method = "GET", .path = path, .timeout_ms = 1000, .done = on_answer
	};
	struct weir_error err;

	if (weir_kube_request(f->kube, &request, NULL, &err) < 0)
		printf("answer 0 0 %s\n", err.text);
}

static void end(struct follower *f)
{
	weir_reflector_stop(&f->reflector);
	weir_kube_close(&f->kube);
	uv_close((uv_handle_t *)&f->in, NULL);
}

static void command(struct follower *f, const char *line)
{
	if (!strcmp(line, "state"))
		say_state(f);
	else if (!strcmp(line, "relist"))
		weir_reflector_relist(f->reflector, on_relisted, NULL);
	else if (!strncmp(line, "get ", 4))
		get(f, line + 4);
	else if (!strcmp(line, "end"))
		end(f);
}

static void give_room(uv_handle_t *handle, size_t size, uv_buf_t *ret)
{
	static char room[256];

	*ret = uv_buf_init(room, sizeof(room));
}

static void on_input(uv_stream_t *stream, ssize_t n, const uv_buf_t *buf)
{
	struct follower *f = stream->data;

	for (ssize_t i = 0; i < n; i++) {
		if (buf->base[i] != '\n') {
			if (f->len + 1 < sizeof(f->line))
				f->line[f->len++] = buf->base[i];
			continue;
		}
		f->line[f->len] = 0;
		f->len = 0;
		command(f, f->line);
	}
	if (n < 0 && f->kube)
		end(f);
}

/* --- life ------------------------------------------------------------------------------- */

int main(int argc, char **argv)
{
	bool optional = argc > 1 && !strcmp(argv[1], "-o");
	struct weir_reflector_config config = {
		.optional = optional, .kind = "Thing", .api_version = "v1", .times = &times
	};
	struct follower f = { 0 };
	struct weir_error err;
	uv_loop_t loop;

	if (argc != 3 + optional) {
		fputs("usage: reflect [-o] KUBECONFIG PATH\n", stderr);
		return 2;
	}
	setvbuf(stdout, NULL, _IOLBF, 0);
	uv_loop_init(&loop);
	config.path = argv[2 + optional];
	if (weir_kube_open(&loop, argv[1 + optional], &f.kube, &err) < 0 ||
	    weir_reflector_start(f.kube, &config, &ops, NULL, &f.reflector, &err) < 0) {
		fprintf(stderr, "%s\n", err.text);
		return 1;
	}
	uv_pipe_init(&loop, &f.in, 0);
	uv_pipe_open(&f.in, STDIN_FILENO);
	f.in.data = &f;
	uv_read_start((uv_stream_t *)&f.in, give_room, on_input);
	uv_run(&loop, UV_RUN_DEFAULT);
	return uv_loop_close(&loop) == 0 ? 0 : 1;
}
