/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Which names policies ask for: spelt out, or by a wildcard in place of their first
 * labels ("*.example.com" is any name that ends in .example.com, of whatever depth, and
 * not example.com itself). Case and a final dot mean nothing.
 */
#include <stdbool.h>
#include <stddef.h>

#include "weir/policy.h"

struct weir_dns_wanted;

enum weir_dns_want { WEIR_DNS_UNWANTED, WEIR_DNS_SPELT_OUT, WEIR_DNS_WILDCARD };

int weir_dns_wanted_new(struct weir_dns_wanted **ret);
void weir_dns_wanted_free(struct weir_dns_wanted **wanted);
/* One pattern, and all of a policy; -ENOMEM. */
int weir_dns_wanted_add(struct weir_dns_wanted *w, const char *pattern);
int weir_dns_wanted_add_policy(struct weir_dns_wanted *w, const struct weir_policy *policy);
bool weir_dns_wanted_none(const struct weir_dns_wanted *w);

/* name: lower case, without a final dot. */
enum weir_dns_want weir_dns_wants(const struct weir_dns_wanted *w, const char *name);
/* Does this pattern of a policy match? */
bool weir_dns_matches(const char *pattern, const char *name);
