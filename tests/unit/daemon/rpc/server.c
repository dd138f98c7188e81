/* SPDX-License-Identifier: Apache-2.0 */
/* The RPC socket against clients that lie, dawdle, come in crowds, leave early
 * or have no business here. Whatever they do, the next one is served. */
#include "daemon/rpc/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <grp.h>
#include <poll.h>
#include <setjmp.h>
#include <signal.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cmocka.h>

#include "daemon/rpc/internal.h"

#define PATIENCE_MS 20000
#define BIG	    (8u << 20)
#define NOBODY	    65534

static uv_loop_t loop;
static struct weir_rpc_server *server;
static char dir[64], path[80];
static struct weir_rpc_reply *kept; /* of the method "later" */

/* --- methods ----------------------------------------------------------------- */

static void echo(struct weird *d, const cJSON *params, struct weir_rpc_reply *reply)
{
	weir_rpc_reply_result(reply, params ? cJSON_Duplicate(params, true) : NULL);
}

static void later(struct weird *d, const cJSON *params, struct weir_rpc_reply *reply)
{
	kept = reply;
}

static void big(struct weird *d, const cJSON *params, struct weir_rpc_reply *reply)
{
	cJSON *result = cJSON_CreateObject();
	char *text = malloc(BIG);

	memset(text, 'x', BIG - 1);
	text[BIG - 1] = 0;
	cJSON_AddStringToObject(result, "text", text);
	free(text);
	weir_rpc_reply_result(reply, result);
}

static const struct weir_rpc_method table[] = {
	{ "echo", echo }, { "later", later }, { "big", big }, { NULL, NULL }
};
static const struct weir_rpc_method *const methods[] = { table, NULL };

static int setup(void **state)
{
	struct weir_error err = { "" };

	strcpy(dir, "/tmp/weir-rpc-XXXXXX");
	assert_non_null(mkdtemp(dir));
	snprintf(path, sizeof(path), "%s/sock", dir);
	uv_loop_init(&loop);
	if (weir_rpc_server_start(&loop, path, methods, NULL, &server, &err) < 0)
		fail_msg("%s", err.text);
	return 0;
}

static int teardown(void **state)
{
	weir_rpc_server_stop(&server);
	assert_int_equal(uv_loop_close(&loop), 0); /* no handle is left */
	assert_int_equal(access(path, F_OK), -1);
	rmdir(dir);
	return 0;
}

/* --- a client ------------------------------------------------------------------- */

static void turn(void)
{
	for (int i = 0; i < 4; i++)
		uv_run(&loop, UV_RUN_NOWAIT);
}

static int dial(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	strcpy(sun.sun_path, path);
	assert_int_equal(connect(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	fcntl(fd, F_SETFL, O_NONBLOCK);
	turn();
	return fd;
}

/* Turns the server until there is something to read; false: it never came. */
static bool wait_readable(int fd)
{
	struct pollfd p = { .fd = fd, .events = POLLIN };

	for (int i = 0; i < PATIENCE_MS; i++) {
		turn();
		if (poll(&p, 1, 1) == 1)
			return true;
	}
	return false;
}

/* How many bytes came before the other end was closed or all were there. */
static size_t receive(int fd, char *buf, size_t want)
{
	size_t have = 0;

	while (have < want && wait_readable(fd)) {
		ssize_t n = recv(fd, buf + have, want - have, 0);

		if (n <= 0)
			break;
		have += (size_t)n;
	}
	return have;
}

static void assert_closed(int fd)
{
	char byte;

	assert_true(wait_readable(fd));
	assert_true(recv(fd, &byte, 1, 0) <= 0);
	close(fd);
}

static void send_bytes(int fd, const void *bytes, size_t len)
{
	const char *at = bytes;

	for (int i = 0; len && i < PATIENCE_MS; i++) {
		ssize_t n = send(fd, at, len, MSG_NOSIGNAL);

		turn();
		if (n > 0) {
			at += n;
			len -= (size_t)n;
		} else if (n < 0 && errno != EAGAIN) {
			return; /* hung up on us */
		}
	}
}

static void send_frame(int fd, const char *text, size_t len)
{
	uint32_t size = htonl((uint32_t)len);

	send_bytes(fd, &size, sizeof(size));
	send_bytes(fd, text, len);
}

static void ask(int fd, const char *text)
{
	send_frame(fd, text, strlen(text));
}

/* The answer, parsed. */
static cJSON *answer(int fd)
{
	uint32_t size;
	cJSON *json;
	char *text;

	assert_int_equal(receive(fd, (char *)&size, sizeof(size)), sizeof(size));
	size = ntohl(size);
	assert_true(size <= BIG + 1024);
	text = malloc(size);
	assert_int_equal(receive(fd, text, size), size);
	json = cJSON_ParseWithLength(text, size);
	free(text);
	assert_non_null(json);
	assert_int_equal(cJSON_GetObjectItem(json, "version")->valueint, WEIR_RPC_VERSION);
	return json;
}

static void assert_error(int fd, int code, const char *details)
{
	cJSON *json = answer(fd), *error = cJSON_GetObjectItem(json, "error");

	assert_non_null(error);
	assert_int_equal(cJSON_GetObjectItem(error, "code")->valueint, code);
	if (details)
		assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(error, "details")),
				    details);
	cJSON_Delete(json);
}

static void assert_echo(int fd, const char *text)
{
	cJSON *json = answer(fd);
	const cJSON *result = cJSON_GetObjectItem(json, "result");

	assert_string_equal(cJSON_GetStringValue(cJSON_GetObjectItem(result, "text")), text);
	cJSON_Delete(json);
}

static void ask_echo(int fd, const char *text)
{
	char request[256];

	snprintf(request, sizeof(request),
		 "{\"version\":1,\"method\":\"echo\",\"params\":{\"text\":\"%s\"}}", text);
	ask(fd, request);
}

static void others_are_served(void)
{
	int fd = dial();

	ask_echo(fd, "others");
	assert_echo(fd, "others");
	close(fd);
	turn();
}

/* --- what clients send -------------------------------------------------------------- */

static void byte_by_byte_and_all_at_once(void **state)
{
	static const char request[] = "{\"version\":1,\"method\":\"echo\",\"params\":{\"text\":"
				      "\"a\"}}";
	uint32_t size = htonl(sizeof(request) - 1);
	char twice[2 * (sizeof(size) + sizeof(request))];
	int fd = dial();
	size_t n = 0;

	for (size_t i = 0; i < sizeof(size); i++)
		send_bytes(fd, (char *)&size + i, 1);
	for (size_t i = 0; i < sizeof(request) - 1; i++)
		send_bytes(fd, request + i, 1);
	assert_echo(fd, "a");
	for (int i = 0; i < 2; i++) {
		memcpy(twice + n, &size, sizeof(size));
		memcpy(twice + n + sizeof(size), request, sizeof(request) - 1);
		n += sizeof(size) + sizeof(request) - 1;
	}
	send_bytes(fd, twice, n);
	assert_echo(fd, "a");
	assert_echo(fd, "a");
	close(fd);
}

static void a_frame_that_is_too_long(void **state)
{
	static const uint32_t sizes[] = { WEIR_RPC_REQUEST_MAX + 1, INT32_MAX, UINT32_MAX };

	for (size_t i = 0; i < 3; i++) {
		uint32_t size = htonl(sizes[i]);
		int fd = dial();

		send_bytes(fd, &size, sizeof(size));
		assert_error(fd, WEIR_RPC_BAD_REQUEST, NULL);
		assert_closed(fd);
		others_are_served();
	}
}

static void the_longest_frame(void **state)
{
	static const char request[] = "{\"version\":1,\"method\":\"echo\",\"params\":{\"text\":"
				      "\"long\"}}";
	char *text = malloc(WEIR_RPC_REQUEST_MAX);
	int fd = dial();

	memset(text, ' ', WEIR_RPC_REQUEST_MAX);
	memcpy(text, request, sizeof(request) - 1);
	send_frame(fd, text, WEIR_RPC_REQUEST_MAX);
	assert_echo(fd, "long");
	ask_echo(fd, "again");
	assert_echo(fd, "again");
	free(text);
	close(fd);
}

static void nonsense_is_answered_and_hung_up_on(void **state)
{
	static const char *const texts[] = {
		"",
		"x",
		"[]",
		"null",
		"{}",
		"{\"version\":1}",
		"{\"version\":1,\"method\":7}",
		"{\"version\":1,\"method\":\"echo\",\"params\":[]}",
		"{\"version\":1,\"method\":\"echo\"",
		"{\"version\":\"1\",\"method\":\"echo\"}",
		"\xff\xfe",
	};

	for (size_t i = 0; i < sizeof(texts) / sizeof(*texts); i++) {
		int fd = dial();
		cJSON *json;

		ask(fd, texts[i]);
		json = answer(fd);
		assert_non_null(cJSON_GetObjectItem(json, "error"));
		cJSON_Delete(json);
		assert_closed(fd);
	}
	others_are_served();
}

static void another_version(void **state)
{
	int fd = dial();

	ask(fd, "{\"version\":2,\"method\":\"echo\"}");
	assert_error(fd, WEIR_RPC_INCOMPATIBLE_VERSION, NULL);
	assert_closed(fd);
}

static void an_unknown_method_is_no_reason_to_hang_up(void **state)
{
	int fd = dial();

	ask(fd, "{\"version\":1,\"method\":\"format c:\"}");
	assert_error(fd, WEIR_RPC_BAD_REQUEST, "format c:");
	ask(fd, "{\"version\":1,\"method\":\"\"}");
	assert_error(fd, WEIR_RPC_BAD_REQUEST, "");
	ask_echo(fd, "still there");
	assert_echo(fd, "still there");
	close(fd);
}

static void deep_json(void **state)
{
	static const char head[] = "{\"version\":1,\"method\":\"echo\",\"params\":{\"a\":";
	size_t len = WEIR_RPC_REQUEST_MAX;
	char *text = malloc(len);
	int fd = dial();

	memset(text, '[', len);
	send_frame(fd, text, len);
	assert_error(fd, WEIR_RPC_BAD_REQUEST, NULL);
	assert_closed(fd);
	fd = dial();
	memcpy(text, head, sizeof(head) - 1);
	send_frame(fd, text, len);
	assert_error(fd, WEIR_RPC_BAD_REQUEST, NULL);
	assert_closed(fd);
	free(text);
	others_are_served();
}

/* --- how they behave ------------------------------------------------------------------ */

static void half_a_frame_is_not_waited_for_forever(void **state)
{
	static const char *const parts[] = { "\0", "\0\0\0\x40", "\0\0\0\x40{\"version\"" };
	static const size_t sizes[] = { 1, 4, 14 };
	int fds[3], idle = dial();

	server->request_ms = 100;
	for (int i = 0; i < 3; i++) {
		fds[i] = dial();
		send_bytes(fds[i], parts[i], sizes[i]);
	}
	others_are_served();
	for (int i = 0; i < 3; i++)
		assert_closed(fds[i]);
	ask_echo(idle, "idle"); /* who has not begun may rest */
	assert_echo(idle, "idle");
	close(idle);
}

static void drops_do_not_keep_a_frame_alive(void **state)
{
	uint32_t size = htonl(WEIR_RPC_REQUEST_MAX);
	struct pollfd p = { .fd = dial(), .events = POLLIN };
	int sent = 0;

	server->request_ms = 200;
	send_bytes(p.fd, &size, sizeof(size));
	for (; sent < PATIENCE_MS / 10 && poll(&p, 1, 10) == 0; sent++)
		send_bytes(p.fd, " ", 1);
	assert_true(sent < PATIENCE_MS / 10);
	assert_closed(p.fd);
}

static void an_answer_that_nobody_takes(void **state)
{
	char *some = malloc(BIG);
	int fd = dial();

	server->request_ms = 200;
	ask(fd, "{\"version\":1,\"method\":\"big\"}");
	for (int i = 0; i < PATIENCE_MS && server->n_clients; i++) {
		turn();
		usleep(1000);
	}
	assert_int_equal(server->n_clients, 0);
	assert_true(receive(fd, some, BIG) < BIG);
	free(some);
	close(fd);
	others_are_served();
}

static void an_answer_that_is_taken_in_time(void **state)
{
	int fd = dial();
	cJSON *json;

	ask(fd, "{\"version\":1,\"method\":\"big\"}");
	json = answer(fd);
	assert_int_equal(strlen(cJSON_GetStringValue(
				 cJSON_GetObjectItem(cJSON_GetObjectItem(json, "result"), "text"))),
			 BIG - 1);
	cJSON_Delete(json);
	close(fd);
}

static void a_crowd(void **state)
{
	int fds[WEIR_RPC_CLIENTS_MAX];

	for (int i = 0; i < WEIR_RPC_CLIENTS_MAX; i++)
		fds[i] = dial();
	assert_int_equal(server->n_clients, WEIR_RPC_CLIENTS_MAX);
	for (int i = 0; i < 50; i++)
		assert_closed(dial());
	ask_echo(fds[WEIR_RPC_CLIENTS_MAX - 1], "inside");
	assert_echo(fds[WEIR_RPC_CLIENTS_MAX - 1], "inside");
	close(fds[0]);
	turn();
	others_are_served();
	for (int i = 1; i < WEIR_RPC_CLIENTS_MAX; i++)
		close(fds[i]);
	turn();
	assert_int_equal(server->n_clients, 0);
}

static void one_request_at_a_time(void **state)
{
	int fd = dial();

	ask(fd, "{\"version\":1,\"method\":\"later\"}");
	assert_non_null(kept);
	ask_echo(fd, "second");
	assert_int_equal(poll(&(struct pollfd){ .fd = fd, .events = POLLIN }, 1, 50), 0);
	weir_rpc_reply_error(kept, WEIR_RPC_FAILED, "first", NULL);
	assert_error(fd, WEIR_RPC_FAILED, NULL);
	assert_echo(fd, "second");
	close(fd);
}

static void one_that_leaves_before_the_answer(void **state)
{
	for (int i = 0; i < 2; i++) {
		int fd = dial();

		ask(fd, "{\"version\":1,\"method\":\"later\"}");
		close(fd);
		if (i)
			turn();
		weir_rpc_reply_result(kept, NULL);
		turn();
	}
	others_are_served();
}

static void the_end_before_the_answer(void **state)
{
	int fd = dial();

	ask(fd, "{\"version\":1,\"method\":\"later\"}");
	weir_rpc_server_stop(&server);
	weir_rpc_reply_result(kept, NULL);
	assert_closed(fd);
	assert_int_equal(weir_rpc_server_start(&loop, path, methods, NULL, &server, NULL), 0);
}

/* --- who they are ------------------------------------------------------------------------- */

/* Exit status of a child: 0 when it is hung up on without an answer. */
static int child_as_nobody(void)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	static const char request[] = "\0\0\0\x1f{\"version\":1,\"method\":\"echo\"}";
	int fd = socket(AF_UNIX, SOCK_STREAM, 0);
	char byte;

	strcpy(sun.sun_path, path);
	if (setgroups(0, NULL) < 0 || setgid(NOBODY) < 0 || setuid(NOBODY) < 0)
		return 2;
	if (connect(fd, (struct sockaddr *)&sun, sizeof(sun)) < 0)
		return 3;
	send(fd, request, sizeof(request) - 1, MSG_NOSIGNAL);
	return recv(fd, &byte, 1, 0) > 0 ? 4 : 0;
}

static int run_as_nobody(void)
{
	pid_t child = fork();
	int status = -1;

	if (child == 0)
		_exit(child_as_nobody());
	for (int i = 0; i < PATIENCE_MS && waitpid(child, &status, WNOHANG) == 0; i++) {
		turn();
		usleep(1000);
	}
	assert_true(WIFEXITED(status));
	return WEXITSTATUS(status);
}

static void others_users_are_refused(void **state)
{
	struct stat st;

	if (geteuid() != 0)
		skip();
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600);
	chmod(dir, 0755);
	assert_int_equal(run_as_nobody(), 3); /* by the mode of the socket */
	chmod(path, 0666);
	assert_int_equal(run_as_nobody(), 0); /* and by who they are */
	others_are_served();
}

/* --- the socket file ------------------------------------------------------------------------ */

static void start_fails(int code)
{
	struct weir_rpc_server *second = NULL;
	struct weir_error err = { "" };

	assert_int_equal(weir_rpc_server_start(&loop, path, methods, NULL, &second, &err), code);
	assert_non_null(strstr(err.text, path));
	assert_null(second);
}

static void a_socket_in_use_is_not_taken_away(void **state)
{
	start_fails(-EADDRINUSE);
	others_are_served();
}

static void what_is_no_socket_stays(void **state)
{
	struct weir_error err = { "" };

	weir_rpc_server_stop(&server);
	close(open(path, O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
	start_fails(-EEXIST);
	assert_int_equal(access(path, F_OK), 0);
	unlink(path);
	assert_int_equal(weir_rpc_server_start(&loop, path, methods, NULL, &server, &err), 0);
}

static void what_a_dead_weird_left_is_replaced(void **state)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	weir_rpc_server_stop(&server);
	strcpy(sun.sun_path, path);
	assert_int_equal(bind(fd, (struct sockaddr *)&sun, sizeof(sun)), 0);
	close(fd);
	assert_int_equal(weir_rpc_server_start(&loop, path, methods, NULL, &server, NULL), 0);
	others_are_served();
}

static void a_path_that_is_too_long(void **state)
{
	struct weir_rpc_server *second = NULL;
	struct weir_error err = { "" };
	char longer[200];

	memset(longer, 'x', sizeof(longer) - 1);
	longer[0] = '/';
	longer[sizeof(longer) - 1] = 0;
	assert_int_equal(weir_rpc_server_start(&loop, longer, methods, NULL, &second, &err),
			 -ENAMETOOLONG);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(byte_by_byte_and_all_at_once),
		TEST(a_frame_that_is_too_long),
		TEST(the_longest_frame),
		TEST(nonsense_is_answered_and_hung_up_on),
		TEST(another_version),
		TEST(an_unknown_method_is_no_reason_to_hang_up),
		TEST(deep_json),
		TEST(half_a_frame_is_not_waited_for_forever),
		TEST(drops_do_not_keep_a_frame_alive),
		TEST(an_answer_that_nobody_takes),
		TEST(an_answer_that_is_taken_in_time),
		TEST(a_crowd),
		TEST(one_request_at_a_time),
		TEST(one_that_leaves_before_the_answer),
		TEST(the_end_before_the_answer),
		TEST(others_users_are_refused),
		TEST(a_socket_in_use_is_not_taken_away),
		TEST(what_is_no_socket_stays),
		TEST(what_a_dead_weird_left_is_replaced),
		TEST(a_path_that_is_too_long),
	};

	signal(SIGPIPE, SIG_IGN); /* as main.c does */
	return cmocka_run_group_tests(tests, NULL, NULL);
}
