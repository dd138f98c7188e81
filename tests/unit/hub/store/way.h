/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The way to a server of a test: passes on what is said, and breaks when it is told to. */
#include <pthread.h>
#include <stdbool.h>
#include <stdint.h>

struct test_way {
	pthread_t thread;
	int listener;
	uint16_t port, to;
	_Atomic long request_bytes; /* of the way to the server, then cut; -1: none */
	_Atomic bool deaf;	    /* what the server answers is lost */
	_Atomic bool ending;
};

/* To a port on loopback, from the port that is in w then. */
void test_way_open(struct test_way *w, uint16_t to);
void test_way_close(struct test_way *w);
