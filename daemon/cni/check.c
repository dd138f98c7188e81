/* SPDX-License-Identifier: Apache-2.0 */
/*
 * CHECK: what we know is what the runtime knows, and the kernel holds it. What
 * somebody removed behind our back is an error here, and repaired.
 */
#include <errno.h>

#include "daemon/cni/methods.h"
#include "daemon/reconcile/reconcile.h"
#include "weir/backend.h"
#include "weir/cleanup.h"

static bool has_addr(const struct weir_endpoint *ep, const struct weir_addr *addr)
{
	for (size_t i = 0; i < ep->n_addrs; i++)
		if (weir_addr_compare(&ep->addrs[i], addr) == 0)
			return true;
	return false;
}

static int compare(const struct weir_endpoint *known, const struct weir_endpoint *asked,
		   struct weir_error *err)
{
	char text[WEIR_ADDR_STRLEN];

	if (known->netns_dev != asked->netns_dev || known->netns_ino != asked->netns_ino)
		return weir_error_set(err, EINVAL, "%s is not the network namespace of ADD",
				      asked->netns);
	for (size_t i = 0; i < asked->n_addrs; i++)
		if (!has_addr(known, &asked->addrs[i]))
			return weir_error_set(err, EINVAL, "address %s was not there at ADD",
					      weir_addr_format(&asked->addrs[i], text));
	for (size_t i = 0; i < known->n_addrs; i++)
		if (!has_addr(asked, &known->addrs[i]))
			return weir_error_set(err, EINVAL, "address %s of ADD is missing",
					      weir_addr_format(&known->addrs[i], text));
	return 0;
}

/* What is pending goes first: a change that is on its way is no damage. */
static int verify(struct weird *d, const struct weir_endpoint *ep, struct weir_error *err)
{
	int r = ep->pod ? weir_reconcile_now(d->reconcile, err) : 0;

	for (size_t i = 0; ep->pod && r == 0 && i < ep->n_addrs; i++)
		r = weir_backend_verify(d->backend, &ep->addrs[i], err);
	return r;
}

static void answer(struct weird *d, const struct weir_endpoint *known,
		   const struct weir_endpoint *asked, struct weir_rpc_reply *reply)
{
	struct weir_error err = { .text = "" };

	if (compare(known, asked, &err) < 0) {
		weir_rpc_reply_error(reply, WEIR_RPC_NOT_ENFORCED,
				     "CHECK: the endpoint is not what it was", err.text);
	} else if (verify(d, known, &err) != 0) {
		weir_reconcile_repair(d->reconcile);
		weir_reconcile_kick(d->reconcile);
		weir_rpc_reply_error(reply, WEIR_RPC_NOT_ENFORCED,
				     "CHECK: the kernel does not hold what it should; it is being "
				     "repaired",
				     err.text);
	} else {
		weir_rpc_reply_result(reply, NULL);
	}
}

void weir_cni_check(struct weird *d, const cJSON *params, struct weir_rpc_reply *reply)
{
	WEIR_CLEANUP(weir_endpoint_free) struct weir_endpoint *asked = NULL;
	const struct weir_endpoint *known;
	enum weir_rpc_code code;
	struct weir_error err;

	if (weir_cni_endpoint(params, &asked, &code, &err) < 0) {
		weir_rpc_reply_error(reply, code, "CHECK: the request cannot be used", err.text);
		return;
	}
	known = weir_endpoints_find(d->endpoints, asked->container_id, asked->ifname);
	if (known)
		answer(d, known, asked, reply);
	else
		weir_rpc_reply_error(reply, WEIR_RPC_UNKNOWN_CONTAINER,
				     "CHECK: no endpoint of that container and interface",
				     asked->container_id);
}
