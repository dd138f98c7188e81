/* SPDX-License-Identifier: Apache-2.0 */
/* How well weird hears the API server: one line for each collection. */
#include <inttypes.h>
#include <stddef.h>

#include "daemon/source/kubernetes.h"
#include "weir/cleanup.h"

static double current(const struct weir_reflector_state *s)
{
	return s->current;
}

static double silent(const struct weir_reflector_state *s)
{
	return (double)s->silent_ms / 1000;
}

static double lists(const struct weir_reflector_state *s)
{
	return (double)s->lists;
}

static double watches(const struct weir_reflector_state *s)
{
	return (double)s->watches;
}

static double events(const struct weir_reflector_state *s)
{
	return (double)s->events;
}

static double errors(const struct weir_reflector_state *s)
{
	return (double)s->errors;
}

/* clang-format off */
static const struct {
	const char *name, *type, *help;
	double (*number)(const struct weir_reflector_state *s);
} metrics[] = {
	{ "weir_source_current", "gauge", "1 while the API server is heard, by kind of object.", current },
	{ "weir_source_silent_seconds", "gauge", "Seconds since the API server last said that we are up to date.", silent },
	{ "weir_source_lists_total", "counter", "Lists read whole.", lists },
	{ "weir_source_watches_total", "counter", "Watches opened.", watches },
	{ "weir_source_events_total", "counter", "Watch events read.", events },
	{ "weir_source_request_errors_total", "counter", "Lists and watches that failed.", errors },
};
/* clang-format on */

void weir_source_kubernetes_metrics(FILE *out, const struct weir_kind_state *kinds, unsigned n)
{
	for (size_t m = 0; m < WEIR_ARRAY_SIZE(metrics); m++) {
		fprintf(out, "# HELP %s %s\n# TYPE %s %s\n", metrics[m].name, metrics[m].help,
			metrics[m].name, metrics[m].type);
		for (unsigned i = 0; i < n; i++)
			fprintf(out, "%s{kind=\"%s\"} %.15g\n", metrics[m].name, kinds[i].kind,
				metrics[m].number(&kinds[i].state));
	}
}
