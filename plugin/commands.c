/* SPDX-License-Identifier: Apache-2.0 */
/*
 * ADD, DEL, CHECK, STATUS, GC (CNI spec, section 2). VERSION is in main.c,
 * because it must work with any configuration.
 */
#include "plugin/commands.h"

#include <stdio.h>
#include <string.h>

#include "plugin/output.h"
#include "weir/cleanup.h"
#include "weir/rpc.h"

enum { NEEDS_CONTAINER = 1, NEEDS_NETNS = 2, NEEDS_IFNAME = 4, NEEDS_RESULT = 8 };

struct command {
	const char *name, *method;
	unsigned needs;
	bool (*exists)(const struct weir_cni_version *v);
	int (*answer)(const struct weir_netconf *conf, const struct weir_answer *answer);
};

static bool always(const struct weir_cni_version *v)
{
	return true;
}

static bool since_0_4_0(const struct weir_cni_version *v)
{
	return v->has_check;
}

static bool since_1_1_0(const struct weir_cni_version *v)
{
	return v->has_status;
}

static int print_answer(const struct weir_netconf *conf, const struct weir_answer *a)
{
	if (!a->code)
		return 0;
	return weir_print_error(conf->version_text, a->code, a->msg ? a->msg : "weird failed",
				a->details);
}

static int answer_add(const struct weir_netconf *conf, const struct weir_answer *a)
{
	if (a->unreachable && conf->allow_unavailable) {
		fprintf(stderr, "weir: the pod starts without policy (onUnavailable: allow): %s\n",
			a->details ? a->details : "weird does not answer");
		return weir_print_result(conf);
	}
	return a->code ? print_answer(conf, a) : weir_print_result(conf);
}

/* A pod must be removable also while the daemon is away; what it still holds
 * of the pod goes when it finds the network namespace gone. */
static int answer_del(const struct weir_netconf *conf, const struct weir_answer *a)
{
	if (a->code)
		fprintf(stderr, "weir: DEL: %s: %s\n", a->msg ? a->msg : "weird failed",
			a->details ? a->details : "");
	return 0;
}

static int answer_status(const struct weir_netconf *conf, const struct weir_answer *a)
{
	struct weir_answer unavailable = *a;

	if (a->code == WEIR_RPC_TRY_AGAIN)
		unavailable.code = WEIR_RPC_UNAVAILABLE;
	return print_answer(conf, &unavailable);
}

static const struct command commands[] = {
	{ "ADD", "cni.add", NEEDS_CONTAINER | NEEDS_NETNS | NEEDS_IFNAME | NEEDS_RESULT, always,
	  answer_add },
	{ "DEL", "cni.del", NEEDS_CONTAINER, always, answer_del },
	{ "CHECK", "cni.check", NEEDS_CONTAINER | NEEDS_NETNS | NEEDS_IFNAME | NEEDS_RESULT,
	  since_0_4_0, print_answer },
	{ "STATUS", "cni.status", 0, since_1_1_0, answer_status },
	{ "GC", "cni.gc", 0, since_1_1_0, print_answer },
};

static const struct command *find(const char *name)
{
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(commands); i++)
		if (strcmp(commands[i].name, name) == 0)
			return &commands[i];
	return NULL;
}

/* The first variable that the command needs and the runtime has not set. */
static const char *missing(const struct command *c, const struct weir_cni_env *env)
{
	if ((c->needs & NEEDS_CONTAINER) && !*env->container_id)
		return "CNI_CONTAINERID is not set";
	if ((c->needs & NEEDS_NETNS) && !*env->netns)
		return "CNI_NETNS is not set";
	if ((c->needs & NEEDS_IFNAME) && !*env->ifname)
		return "CNI_IFNAME is not set";
	return NULL;
}

int weir_command_run(const struct weir_cni_env *env, const struct weir_netconf *conf)
{
	WEIR_CLEANUP(weir_answer_clear) struct weir_answer answer = { 0 };
	const struct command *c = find(env->command);

	if (!c)
		return weir_print_error(conf->version_text, WEIR_RPC_INVALID_ENVIRONMENT,
					"CNI_COMMAND is not one that weir knows", env->command);
	if (!c->exists(conf->version))
		return weir_print_error(conf->version_text, WEIR_RPC_INCOMPATIBLE_VERSION,
					"the command does not exist in this cniVersion",
					env->command);
	if (missing(c, env))
		return weir_print_error(conf->version_text, WEIR_RPC_INVALID_ENVIRONMENT,
					missing(c, env), env->command);
	if ((c->needs & NEEDS_RESULT) && !conf->prev_result.text)
		return weir_print_error(conf->version_text, WEIR_RPC_INVALID_CONFIG,
					"prevResult is missing: weir is a chained plugin and comes "
					"after the one that makes the interface",
					env->command);
	weir_ask(conf, env, c->method, &answer);
	return c->answer(conf, &answer);
}
