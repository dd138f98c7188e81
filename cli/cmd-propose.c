/* SPDX-License-Identifier: Apache-2.0 */
/* weirctl propose: policies for a namespace that allow what was seen, and nothing else. */
#include <errno.h>
#include <stdlib.h>

#include "cli/propose/propose.h"
#include "cli/records.h"
#include "weir/cleanup.h"

static int take(void *data, const cJSON *record, double connections)
{
	return propose_take(data, record, connections);
}

static int gather(struct weirctl *ctl, struct propose *p, struct weirctl_records *seen,
		  struct weir_error *err)
{
	int r = weirctl_records_each(ctl, p->namespace_, take, p, seen, err);

	if (r == 0)
		r = propose_settle(p);
	if (r == -ENOMEM)
		weir_error_set(err, ENOMEM, "out of memory");
	return r;
}

static void write_head(const struct propose *p, const struct weirctl_records *seen)
{
	printf("# NetworkPolicies for namespace %s, from %zu records of flows.\n"
	       "# They allow what was seen. Pods that were not seen are not selected, and stay as "
	       "they are.\n"
	       "# Before they are applied: weirctl simulate FILE --since 7d\n",
	       p->namespace_, seen->n);
	if (seen->lost > 0)
		printf("# %.0f records were lost: what they told of is not allowed.\n", seen->lost);
}

int weirctl_propose(struct weirctl *ctl, struct weir_error *err)
{
	struct propose p = { .namespace_ = ctl->values[WEIRCTL_NAMESPACE] };
	struct weirctl_records seen;
	unsigned n = 0;
	int r;

	if (!p.namespace_ || !*p.namespace_)
		return weir_error_set(err, EINVAL, "propose needs --namespace NAME");
	r = gather(ctl, &p, &seen, err);
	if (r == 0) {
		write_head(&p, &seen);
		r = propose_write(&p, stdout, &n, err);
	}
	propose_clear(&p);
	if (r == 0 && !n)
		fprintf(stderr, "weirctl: no flow of a pod of namespace %s was seen\n",
			p.namespace_);
	return r < 0 ? r : n ? WEIRCTL_OK : WEIRCTL_NO;
}
