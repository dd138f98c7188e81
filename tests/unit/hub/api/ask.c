/* SPDX-License-Identifier: Apache-2.0 */
/* Parameters: what is taken, and that each error names the parameter and what it wants. */
#include "hub/api/ask.h"

#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "weir/cleanup.h"

#define ALL  ((1u << 11) - 1)
#define NOW  1700000000000000000ull
#define SECS 1000000000ull

/* "a=b&c=d", without escapes */
static int ask(unsigned takes, const char *query, struct weir_ask *ret, struct weir_error *err)
{
	static char text[4096];
	struct weir_param params[64];
	size_t n = 0;

	snprintf(text, sizeof(text), "%s", query);
	for (char *save = NULL, *p = strtok_r(text, "&", &save); p;
	     p = strtok_r(NULL, "&", &save)) {
		char *value = strchr(p, '=');

		*value++ = 0;
		params[n++] = (struct weir_param){ p, value };
	}
	err->text[0] = 0;
	return weir_ask_read(takes, params, n, NOW, 1000, ret, err);
}

static void refused(unsigned takes, const char *query, const char *message)
{
	WEIR_CLEANUP(weir_ask_clear) struct weir_ask a;
	struct weir_error err;

	assert_int_equal(ask(takes, query, &a, &err), -EINVAL);
	if (strncmp(err.text, message, strlen(message)))
		fail_msg("%s: \"%s\", want \"%s\"", query, err.text, message);
}

static void taken(unsigned takes, const char *query, struct weir_ask *ret)
{
	struct weir_error err;

	if (ask(takes, query, ret, &err) < 0)
		fail_msg("%s: %s", query, err.text);
}

static void flows(void **state)
{
	const unsigned takes = WEIR_ASK_RANGE | WEIR_ASK_LIMIT | WEIR_ASK_PAGES | WEIR_ASK_FIELDS |
			       WEIR_ASK_SECONDS | WEIR_ASK_FILTERS;
	WEIR_CLEANUP(weir_ask_clear) struct weir_ask a;

	taken(takes,
	      "since=90s&limit=7&order=oldest&cursor=abc&fields=time,src.pod&seconds=true&"
	      "namespace=shop&namespace=pay&port=80&from.pod=!shop/web",
	      &a);
	assert_true(a.from == NOW - 90 * SECS && a.to > NOW);
	assert_int_equal(a.limit, 7);
	assert_int_equal(a.order, WEIR_OLDEST_FIRST);
	assert_string_equal(a.cursor, "abc");
	assert_int_equal(a.n_fields, 2);
	assert_string_equal(a.fields[1], "src.pod");
	assert_true(a.seconds);
}

static void filters(void **state)
{
	WEIR_CLEANUP(weir_ask_clear) struct weir_ask a;

	taken(WEIR_ASK_FILTERS, "namespace=shop&namespace=pay&port=80-90&from.pod=!shop/web", &a);
	assert_int_equal(a.filter.n_terms, 3);
	assert_int_equal(a.filter.terms[0].n_values, 2);
	assert_true(a.filter.terms[2].negated);
}

static void times(void **state)
{
	static const struct {
		const char *text;
		uint64_t ns;
	} good[] = {
		{ "1700000000000000001", 1700000000000000001ull },
		{ "2023-11-14T22:13:20Z", NOW },
		{ "2023-11-14T22:13:20.5Z", NOW + SECS / 2 },
		{ "2023-11-14T22:13:20.000000001Z", NOW + 1 },
		{ "2023-11-14t23:43:20+01:30", NOW },
		{ "2023-11-14 20:13:20-02:00", NOW },
		{ "1970-01-01T00:00:00Z", 0 },
	};
	static const char *const bad[] = {
		"",
		"now",
		"2023-11-14",
		"2023-11-14T22:13:20",
		"-5",
		"12h",
		"2023-13-14T22:13:20Z",
		"2023-11-14T25:13:20Z",
		"2023-11-14T22:13:20Zx",
		"1969-01-01T00:00:00Z",
		"99999999999999999999",
		"2023-11-14T22:13:20+1:00",
	};
	uint64_t ns;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(good); i++) {
		if (weir_time_parse(good[i].text, &ns) < 0 || ns != good[i].ns)
			fail_msg("%s: %llu", good[i].text, (unsigned long long)ns);
	}
	for (size_t i = 0; i < WEIR_ARRAY_SIZE(bad); i++)
		if (weir_time_parse(bad[i], &ns) == 0)
			fail_msg("%s is taken", bad[i]);
}

static void ranges(void **state)
{
	WEIR_CLEANUP(weir_ask_clear) struct weir_ask plain, all;

	taken(WEIR_ASK_RANGE, "", &plain);
	assert_true(plain.from == NOW - 900 * SECS);
	taken(WEIR_ASK_RANGE, "since=1000000h", &all);
	assert_true(all.from == 1);
	refused(WEIR_ASK_RANGE, "from=2023-11-14T22:13:20Z&since=1h", "since: means nothing");
	refused(WEIR_ASK_RANGE, "from=20&to=20", "to: is not later than from");
	refused(WEIR_ASK_RANGE, "since=1", "since: \"1\": want a duration");
}

static void sums(void **state)
{
	const unsigned takes = WEIR_ASK_SUMS | WEIR_ASK_MEASURE;
	WEIR_CLEANUP(weir_ask_clear) struct weir_ask a;

	taken(takes, "by=time,from.namespace&step=1m&measure=bytes", &a);
	assert_int_equal(a.n_dims, 2);
	assert_int_equal(a.dims[1], WEIR_DIM_FROM_NAMESPACE);
	assert_true(a.step == 60 * SECS);
	assert_int_equal(a.measure, WEIR_SUM_BYTES);
	refused(takes, "", "by: want dimensions");
	refused(takes, "by=time", "step: \"by\" has time");
	refused(takes, "by=colour", "by: \"colour\": want up to 4 dimensions");
	refused(takes, "by=port,port", "by: ");
	refused(takes, "by=port,node,policy,reason,verdict", "by: ");
	refused(takes, "by=port&measure=money", "measure: \"money\": want connections, ");
	refused(takes, "by=port&step=10ms", "step: \"10ms\": want a duration");
}

static void mistakes(void **state)
{
	refused(WEIR_ASK_FILTERS, "namespce=a",
		"namespce: no such parameter here; did you mean "
		"\"namespace\"?");
	refused(WEIR_ASK_FILTERS, "from.namespce=a",
		"from.namespce: no such parameter here; did you mean \"from.namespace\"?");
	refused(WEIR_ASK_FILTERS, "from.port=1", "from.port: no such parameter here");
	refused(WEIR_ASK_LIMIT, "namespace=a", "namespace: no such parameter here");
	refused(WEIR_ASK_LIMIT, "limit=0", "limit: \"0\": want a number");
	refused(WEIR_ASK_LIMIT, "limit=1001", "limit: want at most 1000");
	refused(WEIR_ASK_LIMIT, "limit=4294967297", "limit: ");
	refused(WEIR_ASK_LIMIT, "limit=5&limit=6", "limit: given twice");
	refused(WEIR_ASK_FIELDS, "fields=time,src.pods", "fields: \"time,src.pods\": want members");
	refused(WEIR_ASK_FIELDS, "fields=", "fields: \"\": want members");
	refused(WEIR_ASK_VALUES, "prefix=a", "field: want the name of a filter");
	refused(WEIR_ASK_VALUES, "field=colour", "field: \"colour\": want the name of a filter");
	refused(WEIR_ASK_FILTERS, "port=http", "port: \"http\": want a port or LOW-HIGH");
	refused(WEIR_ASK_LAST, "last=10001", "last: ");
	refused(WEIR_ASK_LEVEL, "level=pod", "level: \"pod\": want workload or namespace");
}

/* Whatever the names say can be given is taken, or refused for its value only. */
static int name_is_known(void *data, const char *name)
{
	struct weir_param p = { name, "x" };
	WEIR_CLEANUP(weir_ask_clear) struct weir_ask a;
	struct weir_error err = { "" };

	weir_ask_read(ALL, &p, 1, NOW, 1000, &a, &err);
	assert_null(strstr(err.text, "no such parameter"));
	++*(unsigned *)data;
	return 0;
}

static void names(void **state)
{
	unsigned n = 0;

	weir_ask_names(ALL, name_is_known, &n);
	assert_int_equal(n, 15 + 7 * 3 + 10);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(flows),  cmocka_unit_test(filters), cmocka_unit_test(times),
		cmocka_unit_test(ranges), cmocka_unit_test(sums),    cmocka_unit_test(mistakes),
		cmocka_unit_test(names),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
