/* SPDX-License-Identifier: Apache-2.0 */
/* Small answers of the server as tables, and what is left of a question's budget. */
#include <errno.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "hub/store/clickhouse/clickhouse.h"
#include "weir/cleanup.h"

void weir_table_clear(struct weir_table *t)
{
	cJSON_Delete(t->doc);
	*t = (struct weir_table){ 0 };
}

static uint64_t number_of(const cJSON *item)
{
	if (cJSON_IsString(item))
		return strtoull(item->valuestring, NULL, 10);
	return cJSON_IsNumber(item) && item->valuedouble > 0 ? (uint64_t)item->valuedouble : 0;
}

int weir_ch_table(struct weir_clickhouse *s, const struct weir_request *request,
		  struct weir_table *ret, struct weir_error *err)
{
	WEIR_CLEANUP(weir_reply_clear) struct weir_reply reply = { 0 };
	struct weir_table t = { 0 };
	const cJSON *statistics;
	int r = weir_server_ask(s->server, request, &reply, err);

	if (r < 0)
		return r;
	t.ended = reply.ended;
	if (!t.ended) {
		t.doc = cJSON_ParseWithLength(reply.body ?: "", reply.len);
		t.rows = cJSON_GetObjectItemCaseSensitive(t.doc, "data");
		statistics = cJSON_GetObjectItemCaseSensitive(t.doc, "statistics");
		t.read = number_of(cJSON_GetObjectItemCaseSensitive(statistics, "rows_read"));
		if (!cJSON_IsArray(t.rows)) {
			weir_table_clear(&t);
			return weir_error_set(err, EBADMSG,
					      "the server's answer is not what was asked for: is "
					      "store.url a ClickHouse server?");
		}
	}
	*ret = t;
	return 0;
}

int weir_ch_query(struct weir_clickhouse *s, struct weir_table *ret, struct weir_error *err,
		  const char *format, ...)
{
	WEIR_AUTO_FREE char *sql = NULL;
	va_list args;
	int n;

	va_start(args, format);
	n = vasprintf(&sql, format, args);
	va_end(args);
	if (n < 0) {
		sql = NULL;
		return weir_error_errno(err, ENOMEM, "store");
	}
	return weir_ch_table(s, &(struct weir_request){ .sql = sql }, ret, err);
}

const char *weir_table_text(const cJSON *row, int column)
{
	return cJSON_GetStringValue(cJSON_GetArrayItem(row, column)) ?: "";
}

uint64_t weir_table_number(const cJSON *row, int column)
{
	return number_of(cJSON_GetArrayItem(row, column));
}

/* --- budget ---------------------------------------------------------------------------- */

static uint64_t monotonic(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

void weir_purse_open(struct weir_purse *p, const struct weir_budget *budget)
{
	*p = (struct weir_purse){ .left = *budget, .limited_rows = budget->max_rows != 0 };
	if (budget->max_ms)
		p->deadline = monotonic() + budget->max_ms * 1000000u;
}

bool weir_purse_ready(struct weir_purse *p)
{
	uint64_t now = monotonic();

	if (p->ended)
		return false;
	if (p->deadline && now >= p->deadline)
		p->ended = "time";
	else if (p->deadline)
		p->left.max_ms = (p->deadline - now + 999999) / 1000000;
	return !p->ended;
}

void weir_purse_pay(struct weir_purse *p, uint64_t rows, const char *ended)
{
	p->rows += rows;
	if (!ended && p->limited_rows && rows >= p->left.max_rows)
		ended = "rows";
	else if (!ended && p->deadline && monotonic() > p->deadline)
		ended = "time";
	else if (p->limited_rows && rows < p->left.max_rows)
		p->left.max_rows -= rows;
	p->ended = ended;
}

void weir_purse_end(const struct weir_purse *p, struct weir_answer_end *ret)
{
	*ret = (struct weir_answer_end){
		.complete = !p->ended, .why_not = p->ended, .cursor = "", .rows = p->rows
	};
}
