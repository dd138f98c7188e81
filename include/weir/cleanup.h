/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Ownership by scope. A local that owns something carries one of these
 * attributes and is initialised where it is declared; it leaves the scope
 * only through weir_take(). A "x_free(struct x **)" accepts NULL and
 * half-built objects and nulls the pointer; a file descriptor is -1 when
 * there is none.
 */
#include <stdlib.h>
#include <unistd.h>

#define WEIR_CLEANUP(fn) __attribute__((cleanup(fn)))

/* Hand over: the value of p, and p becomes NULL. */
#define weir_take(p)                                                                               \
	({                                                                                         \
		__auto_type weir_taken_ = (p);                                                     \
		(p) = NULL;                                                                        \
		weir_taken_;                                                                       \
	})

/* The same for a file descriptor: fd becomes -1. */
#define weir_take_fd(fd)                                                                           \
	({                                                                                         \
		int weir_taken_ = (fd);                                                            \
		(fd) = -1;                                                                         \
		weir_taken_;                                                                       \
	})

static inline void weir_cleanup_free(void *p)
{
	free(*(void **)p);
}

static inline void weir_cleanup_close(int *fd)
{
	if (*fd >= 0)
		close(*fd);
	*fd = -1;
}

#define WEIR_AUTO_FREE	WEIR_CLEANUP(weir_cleanup_free)
#define WEIR_AUTO_CLOSE WEIR_CLEANUP(weir_cleanup_close)

#define WEIR_ARRAY_SIZE(a) (sizeof(a) / sizeof((a)[0]))
