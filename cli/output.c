/* SPDX-License-Identifier: Apache-2.0 */
/* Where answers go: the format that was asked for, terminal width, colours. */
#include "cli/weirctl.h"

#include <errno.h>
#include <langinfo.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <unistd.h>

#include "weir/cleanup.h"

static const char *const styles[] = {
	[WEIRCTL_PLAIN] = "\033[0m",
	[WEIRCTL_GOOD] = "\033[32m",
	[WEIRCTL_BAD] = "\033[1;31m",
	[WEIRCTL_DIM] = "\033[2m",
};
_Static_assert(WEIR_ARRAY_SIZE(styles) == WEIRCTL_STYLE_MAX, "a sequence for each style");

const char *weirctl_style(const struct weirctl *ctl, enum weirctl_style style)
{
	return ctl->colour ? styles[style] : "";
}

void weirctl_terminal(struct weirctl *ctl)
{
	const char *no_color = getenv("NO_COLOR"), *term = getenv("TERM");
	struct winsize size;

	if (!isatty(STDOUT_FILENO))
		return;
	ctl->colour = !(no_color && *no_color) && term && strcmp(term, "dumb") != 0;
	if (ioctl(STDOUT_FILENO, TIOCGWINSZ, &size) == 0)
		ctl->width = size.ws_col;
}

const char *weirctl_ellipsis(void)
{
	return strcmp(nl_langinfo(CODESET), "UTF-8") == 0 ? "\u2026" : "~";
}

int weirctl_print(const struct weirctl *ctl, const cJSON *result,
		  void (*table)(const struct weirctl *ctl, const cJSON *result),
		  struct weir_error *err)
{
	WEIR_AUTO_FREE char *text = NULL;

	switch (ctl->format) {
	case WEIRCTL_TABLE:
	case WEIRCTL_WIDE:
		table(ctl, result);
		return 0;
	case WEIRCTL_YAML:
		return weirctl_yaml(result, stdout, err);
	case WEIRCTL_JSON:
	case WEIRCTL_FORMAT_MAX:
		break;
	}
	text = cJSON_Print(result);
	if (!text)
		return weir_error_set(err, ENOMEM, "out of memory");
	puts(text);
	return 0;
}

const cJSON *weirctl_member(const cJSON *object, const char *key)
{
	return cJSON_GetObjectItemCaseSensitive(object, key);
}

const char *weirctl_text(const cJSON *object, const char *key)
{
	const char *text = cJSON_GetStringValue(weirctl_member(object, key));

	return text ?: "";
}

double weirctl_number(const cJSON *object, const char *key)
{
	const cJSON *item = weirctl_member(object, key);

	return cJSON_IsNumber(item) ? item->valuedouble : 0;
}

bool weirctl_true(const cJSON *object, const char *key)
{
	return cJSON_IsTrue(weirctl_member(object, key));
}

bool weirctl_denied(const cJSON *object)
{
	return strcmp(weirctl_text(object, "verdict"), "denied") == 0;
}

const char *weirctl_name(const cJSON *object, const char *key_name, char *buf, size_t size)
{
	const char *ns = weirctl_text(object, "namespace"), *name = weirctl_text(object, key_name);

	snprintf(buf, size, "%s%s%s", ns, *ns ? "/" : "", name);
	return buf;
}
