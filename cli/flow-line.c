/* SPDX-License-Identifier: Apache-2.0 */
/*
 * One flow record as one line: time, verdict, who, to whom, where, why. Short
 * names; columns that only grow, so that nothing flickers.
 */
#include "cli/flow.h"

#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "cli/table.h"
#include "weir/cleanup.h"

enum {
	TEXT_MAX = 1024,
	GAP = 2,
	TIME_WIDTH = 12,
	VERDICT_WIDTH = 7,
	INDENT = TIME_WIDTH + GAP,
	NAME_MIN = 12,
	NAME_CAP = 48,
	PORT_MIN = 8,
	PORT_CAP = 12,
	WHY_OWN_LINE = 60, /* a reason that has less room than this gets a line of its own */
};

static bool peer_matches(const struct flow_filter *f, const cJSON *peer)
{
	return (!f->namespace_ || strcmp(weirctl_text(peer, "namespace"), f->namespace_) == 0) &&
	       (!f->pod || strcmp(weirctl_text(peer, "pod"), f->pod) == 0);
}

bool flow_matches(const struct flow_filter *f, const cJSON *record)
{
	if (strcmp(weirctl_text(record, "type"), "gap") == 0)
		return true;
	if (f->verdict && strcmp(weirctl_text(record, "verdict"), f->verdict) != 0)
		return false;
	return peer_matches(f, weirctl_member(record, "src")) ||
	       peer_matches(f, weirctl_member(record, "dst"));
}

/* Local time of day, from ns since the epoch. */
static void format_time(const cJSON *record, char *buf, size_t size)
{
	uint64_t ns = (uint64_t)weirctl_number(record, "time");
	time_t seconds = (time_t)(ns / 1000000000u);
	struct tm tm;
	size_t len;

	localtime_r(&seconds, &tm);
	len = strftime(buf, size, "%H:%M:%S", &tm);
	snprintf(buf + len, size - len, ".%03u", (unsigned)(ns / 1000000u % 1000u));
}

/* "shop/web", "node node-1", or the address; a destination with its Service. */
static void format_peer(const cJSON *peer, char *buf, size_t size)
{
	const char *pod = weirctl_text(peer, "pod"), *node = weirctl_text(peer, "node");
	const char *service = weirctl_text(peer, "service");
	size_t len;

	if (*pod)
		weirctl_name(peer, "pod", buf, size);
	else if (*node)
		snprintf(buf, size, "node %s", node);
	else
		snprintf(buf, size, "%s", weirctl_text(peer, "addr"));
	len = strlen(buf);
	if (*service)
		snprintf(buf + len, size - len, " (svc %s)", service);
}

static void format_port(const cJSON *record, char *buf, size_t size)
{
	const char *protocol = weirctl_text(record, "protocol");
	double port = weirctl_number(weirctl_member(record, "dst"), "port");

	if (port > 0)
		snprintf(buf, size, "%.0f/%s", port, protocol);
	else
		snprintf(buf, size, "%s", protocol);
	for (char *c = buf; *c; c++)
		if (*c >= 'A' && *c <= 'Z')
			*c = (char)(*c + ('a' - 'A'));
}

static void format_bytes(double bytes, char *buf, size_t size)
{
	static const char *const units[] = { "B", "kB", "MB", "GB", "TB" };
	size_t unit = 0;

	for (; bytes >= 9999.5 && unit < 4; unit++)
		bytes /= 1000;
	snprintf(buf, size, "%.0f %s", bytes, units[unit]);
}

/* "fin, 1.2 s, 300 B out, 5 kB in" */
static void format_end(const cJSON *record, char *buf, size_t size)
{
	const cJSON *bytes = weirctl_member(record, "bytes");
	double seconds = (weirctl_number(record, "time") - weirctl_number(record, "start")) / 1e9;
	char out[24], in[24];
	int len = snprintf(buf, size, "%s after %.1f s", weirctl_text(record, "end"), seconds);

	if (cJSON_GetArraySize(bytes) != 2 || len < 0 || (size_t)len >= size)
		return;
	format_bytes(cJSON_GetArrayItem(bytes, 0)->valuedouble, out, sizeof(out));
	format_bytes(cJSON_GetArrayItem(bytes, 1)->valuedouble, in, sizeof(in));
	snprintf(buf + len, size - (size_t)len, ", %s out, %s in", out, in);
}

/* Without the verdict in front, which has a column of its own. */
static const char *reason_of(const cJSON *record)
{
	const char *why = weirctl_text(record, "why"), *verdict = weirctl_text(record, "verdict");
	size_t len = strlen(verdict);

	return len && strncmp(why, verdict, len) == 0 && strncmp(why + len, ": ", 2) == 0
		       ? why + len + 2
		       : why;
}

static void format_why(const cJSON *record, char *buf, size_t size)
{
	double connections = weirctl_number(record, "connections");
	const char *staged = weirctl_text(record, "staged"),
		   *why = weirctl_text(record, "stagedWhy");
	int len;

	if (strcmp(weirctl_text(record, "type"), "end") == 0) {
		format_end(record, buf, size);
		return;
	}
	len = snprintf(buf, size, "%s", reason_of(record));
	if (connections > 1 && len >= 0 && (size_t)len < size)
		len += snprintf(buf + len, size - (size_t)len, " (%.0f times)", connections);
	if (*staged && strcmp(staged, weirctl_text(record, "verdict")) != 0 && len >= 0 &&
	    (size_t)len < size)
		snprintf(buf + len, size - (size_t)len, " [staged: would be %s]",
			 *why ? why : staged);
}

/* A column grows to what it must show, up to its share of the terminal. */
static unsigned grown(unsigned width, const char *text, unsigned max)
{
	unsigned n = weirctl_columns(text);

	if (max && n > max)
		n = max;
	return n > width ? n : width;
}

/* The reason, on a line of its own where it would be cut to a few words. */
static void put_why(const struct flow_lines *l, const char *why, unsigned used)
{
	unsigned room = l->ctl->width > used ? l->ctl->width - used : 1, n = weirctl_columns(why);

	if (!l->ctl->width) {
		room = n;
	} else if (n > room && room < WHY_OWN_LINE && l->ctl->width > 2 * INDENT) {
		fprintf(stdout, "\n%*s", INDENT, "");
		room = l->ctl->width - INDENT;
	}
	weirctl_put(stdout, why, room, false, true);
}

static void put_columns(const struct flow_lines *l, const char *const *cells,
			enum weirctl_style style)
{
	const unsigned widths[] = { TIME_WIDTH, VERDICT_WIDTH, l->src, l->dst, l->port };
	unsigned used = 0;

	for (size_t i = 0; i < WEIR_ARRAY_SIZE(widths); i++) {
		if (i == 1 || style == WEIRCTL_DIM)
			fputs(weirctl_style(l->ctl, style), stdout);
		weirctl_put(stdout, cells[i], widths[i], false, false);
		if (i == 1 && style != WEIRCTL_DIM)
			fputs(weirctl_style(l->ctl, WEIRCTL_PLAIN), stdout);
		fprintf(stdout, "%*s", GAP, "");
		used += widths[i] + GAP;
	}
	put_why(l, cells[WEIR_ARRAY_SIZE(widths)], used);
	fprintf(stdout, "%s\n", style == WEIRCTL_DIM ? weirctl_style(l->ctl, WEIRCTL_PLAIN) : "");
}

static void put_head(struct flow_lines *l)
{
	static const char *const titles[] = { "TIME",	     "VERDICT", "SOURCE",
					      "DESTINATION", "PORT",	"WHY" };

	put_columns(l, titles, WEIRCTL_DIM);
	l->headed = true;
}

static void put_gap(struct flow_lines *l, const cJSON *record)
{
	double lost = weirctl_number(record, "lost");
	char text[256], count[32] = "an unknown number of";

	if (lost > 0)
		snprintf(count, sizeof(count), "%.0f", lost);
	snprintf(text, sizeof(text), "gap: %s records were lost (%s)", count,
		 weirctl_text(record, "lostAt"));
	flow_note(l, text);
}

void flow_note(struct flow_lines *l, const char *text)
{
	fprintf(stdout, "%s--- %s%s\n", weirctl_style(l->ctl, WEIRCTL_BAD), text,
		weirctl_style(l->ctl, WEIRCTL_PLAIN));
}

/* What a name column may take: half of what time, verdict and port leave. */
static unsigned name_cap(const struct flow_lines *l)
{
	unsigned fixed = TIME_WIDTH + VERDICT_WIDTH + PORT_CAP + 5 * GAP;
	unsigned width = l->ctl->width, cap;

	if (!width)
		return 0;
	cap = width > fixed ? (width - fixed) / 2 : 0;
	return cap < NAME_MIN ? NAME_MIN : cap > NAME_CAP ? NAME_CAP : cap;
}

static void put_record(struct flow_lines *l, const cJSON *record, bool ended)
{
	char time_of_day[32], src[TEXT_MAX], dst[TEXT_MAX], port[64], why[TEXT_MAX];
	const char *cells[] = { time_of_day, ended ? "ended" : weirctl_text(record, "verdict"),
				src,	     dst,
				port,	     why };

	format_time(record, time_of_day, sizeof(time_of_day));
	format_peer(weirctl_member(record, "src"), src, sizeof(src));
	format_peer(weirctl_member(record, "dst"), dst, sizeof(dst));
	format_port(record, port, sizeof(port));
	format_why(record, why, sizeof(why));
	l->src = grown(l->src > NAME_MIN ? l->src : NAME_MIN, src, name_cap(l));
	l->dst = grown(l->dst > NAME_MIN ? l->dst : NAME_MIN, dst, name_cap(l));
	l->port = grown(l->port > PORT_MIN ? l->port : PORT_MIN, port, PORT_CAP);
	if (!l->headed)
		put_head(l);
	put_columns(l, cells,
		    ended		     ? WEIRCTL_DIM
		    : weirctl_denied(record) ? WEIRCTL_BAD
					     : WEIRCTL_GOOD);
}

void flow_line(struct flow_lines *l, const cJSON *record)
{
	const char *type = weirctl_text(record, "type");

	if (strcmp(type, "gap") == 0)
		put_gap(l, record);
	else if (strcmp(type, "update") != 0)
		put_record(l, record, strcmp(type, "end") == 0);
}
