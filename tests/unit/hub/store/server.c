/* SPDX-License-Identifier: Apache-2.0 */
#include "tests/unit/hub/store/server.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/statvfs.h>
#include <sys/wait.h>
#include <unistd.h>

#include "weir/cleanup.h"

#define PROGRAM "/usr/sbin/clickhouse-server"

bool test_server_is_installed(void)
{
	return access(PROGRAM, X_OK) == 0;
}

static int connect_to(uint16_t port, bool listen_instead, uint16_t *ret_port)
{
	WEIR_AUTO_CLOSE int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_in a = { .sin_family = AF_INET,
				 .sin_port = htons(port),
				 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
	socklen_t len = sizeof(a);

	if (!listen_instead)
		return connect(fd, (struct sockaddr *)&a, len);
	if (bind(fd, (struct sockaddr *)&a, len) < 0 ||
	    getsockname(fd, (struct sockaddr *)&a, &len) < 0)
		return -1;
	*ret_port = ntohs(a.sin_port);
	return 0;
}

static int write_files(const struct test_server *s)
{
	char path[128];
	FILE *f;

	snprintf(path, sizeof(path), "%s/config.xml", s->folder);
	f = fopen(path, "w");
	if (!f)
		return -1;
	fprintf(f,
		"<yandex><logger><level>warning</level><log>%1$s/log</log>"
		"<errorlog>%1$s/errors</errorlog></logger><http_port>%2$u</http_port>"
		"<listen_host>127.0.0.1</listen_host><path>%1$s/data/</path>"
		"<tmp_path>%1$s/data/tmp/</tmp_path><users_config>%1$s/users.xml</users_config>"
		"<default_profile>default</default_profile>"
		"<default_database>default</default_database>"
		"<mark_cache_size>67108864</mark_cache_size></yandex>\n",
		s->folder, s->port);
	if (fclose(f) != 0)
		return -1;
	snprintf(path, sizeof(path), "%s/users.xml", s->folder);
	f = fopen(path, "w");
	if (!f)
		return -1;
	fprintf(f, "<yandex><profiles><default><max_threads>2</max_threads></default></profiles>"
		   "<users><default><password></password><networks><ip>127.0.0.1</ip></networks>"
		   "<profile>default</profile><quota>default</quota></default></users>"
		   "<quotas><default/></quotas></yandex>\n");
	return fclose(f);
}

int test_server_start(struct test_server *s)
{
	char option[128], output[128];

	snprintf(option, sizeof(option), "--config-file=%s/config.xml", s->folder);
	snprintf(output, sizeof(output), "%s/output", s->folder);
	s->pid = fork();
	if (s->pid == 0) {
		int fd = open(output, O_WRONLY | O_CREAT | O_APPEND, 0600);

		prctl(PR_SET_PDEATHSIG, SIGKILL);
		dup2(fd, 1);
		dup2(fd, 2);
		execl(PROGRAM, PROGRAM, option, (char *)NULL);
		_exit(127);
	}
	for (int i = 0; i < 300; i++) {
		if (connect_to(s->port, false, NULL) == 0)
			return 0;
		usleep(100000);
	}
	return -1;
}

/* The server writes thousands of small files: in memory, where there is room. */
static const char *folder_for(void)
{
	struct statvfs fs;
	bool room = statvfs("/dev/shm", &fs) == 0 && access("/dev/shm", W_OK) == 0 &&
		    fs.f_bavail * fs.f_bsize > 1ull << 30;

	return room ? "/dev/shm/weir-t-clickhouse-XXXXXX" : "/tmp/weir-t-clickhouse-XXXXXX";
}

int test_server_open(struct test_server *s)
{
	strcpy(s->folder, folder_for());
	if (!mkdtemp(s->folder) || connect_to(0, true, &s->port) < 0 || write_files(s) < 0)
		return -1;
	snprintf(s->url, sizeof(s->url), "http://127.0.0.1:%u/?database=weir_test&timeout=10",
		 s->port);
	return test_server_start(s);
}

void test_server_kill(struct test_server *s, int signal)
{
	if (s->pid <= 0)
		return;
	kill(s->pid, signal);
	if (signal != SIGKILL)
		return;
	waitpid(s->pid, NULL, 0);
	s->pid = 0;
}

void test_server_close(struct test_server *s)
{
	char command[128];

	test_server_kill(s, SIGKILL);
	snprintf(command, sizeof(command), "rm -rf %s", s->folder);
	if (*s->folder && system(command) != 0)
		fprintf(stderr, "%s is left behind\n", s->folder);
}
