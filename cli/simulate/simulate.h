/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* The parts of "weirctl simulate": what is asked, and how the answer is told. */
#include "cli/weirctl.h"

/* Adds the texts of the files, and of the manifests in the folders, to an array
 * of {"name","text"}; "-" is stdin. */
int simulate_add_files(cJSON *array, char *const *names, struct weir_error *err);

/* The recorded flows that the user named, those that are alike as one with a
 * count: one JSON object a line, malloc'd. */
int simulate_read_flows(struct weirctl *ctl, char **ret, struct weir_error *err);

/* For a person. */
void simulate_print(const struct weirctl *ctl, const cJSON *result);
