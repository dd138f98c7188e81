/* SPDX-License-Identifier: Apache-2.0 */
/* A rule as text: what weir wants and what the kernel holds are compared by it. Called by
 * readback.c, recognise.c and contents.c. */
#include "backends/nftables/rules.h"

#include <stdio.h> /* before libnftnl */

#include <libnftnl/expr.h>
#include <stdlib.h>
#include <string.h>

struct text {
	FILE *out;
};

static int write_expr(struct nftnl_expr *e, void *data)
{
	struct text *t = data;
	const char *name = nftnl_expr_get_str(e, NFTNL_EXPR_NAME);
	char buf[512];

	if (strcmp(name, "counter") == 0)
		fprintf(t->out, "[counter]");
	else if (nftnl_expr_snprintf(buf, sizeof(buf), e, NFTNL_OUTPUT_DEFAULT, 0) >= 0)
		fprintf(t->out, "[%s %s]", name, buf);
	return 0;
}

char *nft_rule_text(const struct nftnl_rule *rule)
{
	char *text = NULL;
	size_t len = 0;
	struct text t = { .out = open_memstream(&text, &len) };

	if (!t.out)
		return NULL;
	nftnl_expr_foreach((struct nftnl_rule *)rule, write_expr, &t);
	if (fclose(t.out) != 0) {
		free(text);
		return NULL;
	}
	return text;
}
