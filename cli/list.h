/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * Commands that ask for one list and show one table (endpoints, policies,
 * identities): ask, leave out other namespaces, print.
 */
#include "cli/table.h"

struct weirctl_list {
	const char *method; /* also the member of the result that is the list, without flag */
	const char *flag;   /* parameter that is set to true, and then the member; NULL: none */
	const struct weirctl_column *columns;
	size_t n_columns;
	/* Adds the row of one item. */
	void (*row)(struct weirctl_table *table, const cJSON *item);
	/* After the table, for a person; NULL: nothing. */
	void (*after)(const struct weirctl *ctl, const cJSON *result);
};

/* staged.c: for "policies --staged" */
extern const struct weirctl_list weirctl_staged_list;

int weirctl_show_list(struct weirctl *ctl, const struct weirctl_list *list, struct weir_error *err);
