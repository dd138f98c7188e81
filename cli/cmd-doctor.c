/* SPDX-License-Identifier: Apache-2.0 */
/*
 * weirctl doctor: looks at the node, runs every check, says what to do. Exit 1
 * when one of them failed. What is looked at and why is in cli/doctor/.
 */
#include <errno.h>
#include <string.h>
#include <sys/stat.h>

#include "cli/doctor/doctor.h"
#include "cli/table.h"
#include "weir/cleanup.h"

enum { TIMEOUT_MS = 5000, RESULT_WIDTH = 6, NAME_WIDTH = 17 };

static int look(struct weirctl *ctl, struct doctor *d, struct weir_error *err)
{
	const char *root = ctl->values[WEIRCTL_ROOT] ?: "";
	struct stat st;

	*d = (struct doctor){ .ctl = ctl, .root = strcmp(root, "/") ? root : "" };
	if (*d->root && (stat(d->root, &st) < 0 || !S_ISDIR(st.st_mode)))
		return weir_error_set(err, ENOENT, "--root %s: there is no such folder", d->root);
	doctor_find_network(d, &d->network);
	d->cluster = doctor_find_cluster(d);
	doctor_find_links(d, &d->links);
	d->engines = doctor_find_engines(d);
	d->choice = doctor_choose(d->cluster, &d->network, d->engines);
	weirctl_call(ctl, "status", NULL, TIMEOUT_MS, &d->status, NULL, &d->no_status);
	return 0;
}

static enum doctor_result add_check(const struct doctor *d, const struct doctor_check *check,
				    cJSON *checks)
{
	struct doctor_finding f = { .result = DOCTOR_OK };
	cJSON *item = cJSON_CreateObject();

	check->run(d, &f);
	cJSON_AddStringToObject(item, "area", check->area);
	cJSON_AddStringToObject(item, "check", check->name);
	cJSON_AddStringToObject(item, "result", doctor_result_name(f.result));
	cJSON_AddStringToObject(item, "found", f.found);
	if (*f.advice)
		cJSON_AddStringToObject(item, "advice", f.advice);
	cJSON_AddItemToArray(checks, item);
	return f.result;
}

static cJSON *examine(const struct doctor *d, enum doctor_result *ret_worst)
{
	cJSON *result = cJSON_CreateObject(), *checks;

	*ret_worst = DOCTOR_OK;
	cJSON_AddStringToObject(result, "cluster", doctor_cluster_name(d->cluster));
	cJSON_AddStringToObject(result, "primary", d->network.primary);
	cJSON_AddStringToObject(result, "row", d->choice->id);
	cJSON_AddStringToObject(result, "attach", doctor_attach_name(d->choice->attach));
	cJSON_AddStringToObject(result, "supported", doctor_support_name(d->choice->support));
	if (d->choice->backend)
		cJSON_AddStringToObject(result, "backend", d->choice->backend);
	else
		cJSON_AddNullToObject(result, "backend");
	checks = cJSON_AddArrayToObject(result, "checks");
	for (const struct doctor_check *c = doctor_checks; c->name; c++) {
		enum doctor_result r = DOCTOR_OK;

		if (!c->here || !*d->root)
			r = add_check(d, c, checks);
		if (r > *ret_worst)
			*ret_worst = r;
	}
	cJSON_AddStringToObject(result, "result", doctor_result_name(*ret_worst));
	return result;
}

static enum weirctl_style style_of(const char *result)
{
	if (!strcmp(result, doctor_result_name(DOCTOR_OK)))
		return WEIRCTL_GOOD;
	return !strcmp(result, doctor_result_name(DOCTOR_FAIL)) ? WEIRCTL_BAD : WEIRCTL_PLAIN;
}

/* A text in the right column; no name may play with the terminal. */
static void print_text(const char *text)
{
	weirctl_put(stdout, text, weirctl_columns(text), false, true);
	putchar('\n');
}

static void print(const struct weirctl *ctl, const cJSON *result)
{
	const char *area = "";
	const cJSON *item;

	cJSON_ArrayForEach (item, weirctl_member(result, "checks")) {
		const char *advice = weirctl_text(item, "advice");

		if (strcmp(area, weirctl_text(item, "area")))
			printf("%s%s%s%s\n", *area ? "\n" : "", weirctl_style(ctl, WEIRCTL_DIM),
			       weirctl_text(item, "area"), weirctl_style(ctl, WEIRCTL_PLAIN));
		area = weirctl_text(item, "area");
		printf("  %s%-*s%s%-*s", weirctl_style(ctl, style_of(weirctl_text(item, "result"))),
		       RESULT_WIDTH, weirctl_text(item, "result"),
		       weirctl_style(ctl, WEIRCTL_PLAIN), NAME_WIDTH, weirctl_text(item, "check"));
		print_text(weirctl_text(item, "found"));
		if (*advice) {
			printf("%*s-> ", RESULT_WIDTH + NAME_WIDTH + 2, "");
			print_text(advice);
		}
	}
}

int weirctl_doctor(struct weirctl *ctl, struct weir_error *err)
{
	enum doctor_result worst;
	cJSON *result = NULL;
	struct doctor d;
	int r = look(ctl, &d, err);

	if (r < 0)
		return r;
	result = examine(&d, &worst);
	r = weirctl_print(ctl, result, print, err);
	cJSON_Delete(result);
	cJSON_Delete(d.status);
	return r < 0 ? r : worst == DOCTOR_FAIL ? WEIRCTL_NO : WEIRCTL_OK;
}
