/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* A clickhouse-server of a test: its own folder, its own port on loopback. */
#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>

struct test_server {
	pid_t pid;
	uint16_t port;
	char folder[64];
	char url[96]; /* for store.url */
};

bool test_server_is_installed(void);
/* 0, once it answers. */
int test_server_open(struct test_server *s);
int test_server_start(struct test_server *s);
void test_server_kill(struct test_server *s, int signal);
/* Kills it and removes its folder. */
void test_server_close(struct test_server *s);
