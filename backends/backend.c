/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The facade over all backends: choose one by name or by probing, and call its
 * slots with its name in front of every error. What programs call; knows
 * nothing of how anything is enforced.
 */
#include "weir/backend.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "backends/fake/fake.h"
#include "backends/flow/end.h"
#include "backends/flow/nudge.h"

static int unknown_name(const char *name, struct weir_error *err)
{
	char valid[256] = "auto";
	size_t len = strlen(valid);

	for (size_t i = 0; weir_backends[i] && len < sizeof(valid); i++)
		len += (size_t)snprintf(valid + len, sizeof(valid) - len, ", %s",
					weir_backends[i]->name);
	return weir_error_set(err, EINVAL, "unknown backend \"%s\" (valid: %s)", name, valid);
}

static int find(const char *name, const struct weir_backend_ops **ret, struct weir_error *err)
{
	for (size_t i = 0; weir_backends[i]; i++) {
		if (strcmp(weir_backends[i]->name, name) == 0) {
			*ret = weir_backends[i];
			return 0;
		}
	}
	return unknown_name(name, err);
}

int weir_backend_check(const char *name, struct weir_error *err)
{
	const struct weir_backend_ops *ops;

	return strcmp(name, "auto") == 0 ? 0 : find(name, &ops, err);
}

/* The first that says it can; note collects what the others said. */
static int choose(const struct weir_backend_config *config, const struct weir_backend_ops **ret,
		  struct weir_error *note, struct weir_error *err)
{
	struct weir_error refused = { "" }, why;

	for (size_t i = 0; weir_backends[i]; i++) {
		const struct weir_backend_ops *ops = weir_backends[i];

		if (ops == &weir_fake_ops)
			continue;
		why.text[0] = 0;
		if (ops->probe(config, &why) == 0) {
			weir_error_set(note, 0, "%s%s%s", ops->name, refused.text[0] ? "; " : "",
				       refused.text);
			*ret = ops;
			return 0;
		}
		if (refused.text[0])
			weir_error_prefix(&refused, 0, "not %s: %s", ops->name, why.text);
		else
			weir_error_set(&refused, 0, "not %s: %s", ops->name, why.text);
	}
	return weir_error_set(err, EOPNOTSUPP, "no backend can work here: %s",
			      refused.text[0] ? refused.text : "none was built in");
}

int weir_backend_open(const struct weir_backend_config *config, const char *name,
		      struct weir_backend **ret, struct weir_error *note, struct weir_error *err)
{
	const struct weir_backend_ops *ops = NULL;
	int r;

	if (strcmp(name, "auto") == 0) {
		r = choose(config, &ops, note, err);
		if (r < 0)
			return r;
	} else {
		r = find(name, &ops, err);
		if (r < 0)
			return r;
		r = ops->probe(config, err);
		if (r < 0)
			return weir_error_prefix(err, r, "%s cannot work here", ops->name);
		weir_error_set(note, 0, "%s, as configured", ops->name);
	}
	r = ops->open(config, ret, err);
	return r < 0 ? weir_error_prefix(err, r, "%s: open", ops->name) : 0;
}

void weir_backend_close(struct weir_backend **b)
{
	if (*b)
		(*b)->ops->close(*b);
	*b = NULL;
}

const char *weir_backend_name(const struct weir_backend *b)
{
	return b->ops->name;
}

int weir_backend_apply(struct weir_backend *b, const struct weir_changes *changes,
		       struct weir_error *err)
{
	int r;

	if (!changes->full && b->ops->needs_full(b))
		return weir_error_set(err, ESTALE, "%s: apply: needs all there is, not a part",
				      b->ops->name);
	r = b->ops->apply(b, changes, err);
	return r < 0 ? weir_error_prefix(err, r, "%s: apply", b->ops->name) : 0;
}

bool weir_backend_needs_full(const struct weir_backend *b)
{
	return b->ops->needs_full(b);
}

int weir_backend_settle(struct weir_backend *b, int *ret_ms, struct weir_error *err)
{
	int r;

	*ret_ms = -1;
	if (!b->ops->settle)
		return 0;
	r = b->ops->settle(b, ret_ms, err);
	return r < 0 ? weir_error_prefix(err, r, "%s: settle", b->ops->name) : 0;
}

int weir_backend_verify(struct weir_backend *b, const struct weir_addr *addr,
			struct weir_error *err)
{
	int r = b->ops->verify(b, addr, err);

	return r ? weir_error_prefix(err, r, "%s: verify", b->ops->name) : 0;
}

static int cannot_end(const struct weir_backend *b, struct weir_error *err)
{
	return weir_error_set(err, EOPNOTSUPP, "%s: cannot end connections", b->ops->name);
}

int weir_backend_end(struct weir_backend *b, const struct weir_ending *endings, size_t n,
		     struct weir_error *err)
{
	int r;

	if (!b->ops->block)
		return cannot_end(b, err);
	r = b->ops->block(b, endings, n, err);
	if (r == 0)
		r = weir_conntrack_end(endings, n, err);
	else if (r == -ENFILE)
		weir_conntrack_end(endings, n, NULL);
	return r < 0 ? weir_error_prefix(err, r, "%s: end connections", b->ops->name) : 0;
}

int weir_backend_nudge(struct weir_backend *b, const struct weir_ending *endings, size_t n,
		       struct weir_error *err)
{
	int r;

	if (!b->ops->block)
		return cannot_end(b, err);
	r = weir_tcp_nudge(endings, n, err);
	return r < 0 ? weir_error_prefix(err, r, "%s: tell the ends", b->ops->name) : 0;
}

int weir_backend_release(struct weir_backend *b, const struct weir_ending *endings, size_t n,
			 struct weir_error *err)
{
	int r;

	if (!b->ops->release)
		return cannot_end(b, err);
	r = b->ops->release(b, endings, n, err);
	return r < 0 ? weir_error_prefix(err, r, "%s: release connections", b->ops->name) : 0;
}

int weir_backend_still_blocked(struct weir_backend *b, const struct weir_ending *ending,
			       struct weir_error *err)
{
	int r;

	if (!b->ops->still_blocked)
		return cannot_end(b, err);
	r = b->ops->still_blocked(b, ending, err);
	return r < 0 ? weir_error_prefix(err, r, "%s: released connection", b->ops->name) : r;
}

int weir_backend_blocked(struct weir_backend *b,
			 void (*fn)(void *data, const struct weir_ending *ending), void *data,
			 struct weir_error *err)
{
	int r;

	if (!b->ops->blocked)
		return cannot_end(b, err);
	r = b->ops->blocked(b, fn, data, err);
	return r < 0 ? weir_error_prefix(err, r, "%s: blocked connections", b->ops->name) : 0;
}

int weir_backend_flows(struct weir_backend *b, const struct weir_flow_config *config,
		       struct weir_flow_source **ret, struct weir_error *err)
{
	int r;

	if (!b->ops->flows)
		return weir_error_set(err, EOPNOTSUPP, "%s: has no flow events", b->ops->name);
	r = b->ops->flows(config, ret, err);
	return r < 0 ? weir_error_prefix(err, r, "%s: flows", b->ops->name) : 0;
}

int weir_backend_answers(struct weir_backend *b, const struct weir_answer_config *config,
			 struct weir_answer_source **ret, struct weir_error *err)
{
	int r;

	if (!b->ops->answers)
		return weir_error_set(err, EOPNOTSUPP, "%s: copies no DNS answers", b->ops->name);
	r = b->ops->answers(config, ret, err);
	return r < 0 ? weir_error_prefix(err, r, "%s: answers", b->ops->name) : 0;
}

int weir_backend_dump(struct weir_backend *b, FILE *out, struct weir_error *err)
{
	int r = b->ops->dump(b, out, err);

	return r < 0 ? weir_error_prefix(err, r, "%s: dump", b->ops->name) : 0;
}

void weir_backend_stats(const struct weir_backend *b, struct weir_backend_stats *ret)
{
	b->ops->stats(b, ret);
}

int weir_backend_purge(const struct weir_backend_config *config, const char *name,
		       struct weir_error *err)
{
	const struct weir_backend_ops *ops = NULL;
	int r = find(name, &ops, err);

	if (r < 0)
		return r;
	r = ops->purge(config, err);
	return r < 0 ? weir_error_prefix(err, r, "%s: purge", ops->name) : 0;
}
