/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The plugin's questions to the daemon. */
#include "plugin/netconf.h"

/* What the runtime says in the environment; "" where it says nothing. */
struct weir_cni_env {
	const char *command, *container_id, *netns, *ifname, *args;
};

struct weir_answer {
	int code;	  /* 0: yes; else the CNI error code */
	char *msg;	  /* malloc'd */
	char *details;	  /* malloc'd; NULL: none */
	bool unreachable; /* nobody listens on the daemon's socket */
};
void weir_answer_clear(struct weir_answer *answer);

/* Calls the method with the environment and the configuration, as it came. */
void weir_ask(const struct weir_netconf *conf, const struct weir_cni_env *env, const char *method,
	      struct weir_answer *ret);
/* The request's text (malloc'd); apart, for tests. */
char *weir_ask_text(const struct weir_netconf *conf, const struct weir_cni_env *env,
		    const char *method, size_t *ret_len);
