/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The JSON messages between a node and the hub: one table says which members
 * each kind has; writing and reading go by it. The reader trusts nothing: it is
 * the first code that sees what a stranger sent.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cjson/cJSON.h>

#include "weir/cleanup.h"
#include "weir/link.h"

static const char *const names[] = {
	[WEIR_LINK_ENROL] = "enrol",	   [WEIR_LINK_HELLO] = "hello",
	[WEIR_LINK_BATCH] = "batch",	   [WEIR_LINK_LOST] = "lost",
	[WEIR_LINK_ENROLLED] = "enrolled", [WEIR_LINK_REFUSED] = "refused",
	[WEIR_LINK_WELCOME] = "welcome",   [WEIR_LINK_AGAIN] = "again",
	[WEIR_LINK_ACK] = "ack",
};
_Static_assert(WEIR_ARRAY_SIZE(names) == WEIR_LINK_KIND_MAX, "a name for each kind");

enum form {
	NAME, /* of a node or a cluster */
	BOOT, /* a boot id */
	LINE, /* any text without control characters */
};

/* The texts of a message; a kind's set of them is a mask. */
enum { NODE, CLUSTER, VERSION, TOKEN, WHY, N_TEXTS };
#define HAS(text) (1u << (text))

static const struct text {
	const char *name;
	enum form form;
	size_t offset, size;
} texts[] = {
#define TEXT(name_, form_)                                                                         \
	{                                                                                          \
#name_, form_, offsetof(struct weir_link_message, name_),                          \
			sizeof(((struct weir_link_message *)0)->name_)                             \
	}
	[NODE] = TEXT(node, NAME),	 [CLUSTER] = TEXT(cluster, NAME),
	[VERSION] = TEXT(version, LINE), [TOKEN] = TEXT(token, LINE),
	[WHY] = TEXT(why, LINE),
#undef TEXT
};
_Static_assert(WEIR_ARRAY_SIZE(texts) == N_TEXTS, "a line for each text");

static const struct shape {
	unsigned texts; /* HAS(...) */
	bool link;	/* says which version of the link its sender speaks */
	bool window;
	bool list; /* boots is a list, else there is one boot in the message itself */
	unsigned boots_min;
	const char *seq, *next; /* of a boot; NULL: the kind has none */
} shapes[] = {
	[WEIR_LINK_ENROL] = { .texts = HAS(TOKEN) | HAS(NODE), .link = true },
	[WEIR_LINK_HELLO] = { .texts = HAS(NODE) | HAS(VERSION),
			      .link = true,
			      .list = true,
			      .boots_min = 1,
			      .seq = "first",
			      .next = "next" },
	[WEIR_LINK_BATCH] = { 0 },
	[WEIR_LINK_LOST] = { .seq = "from", .next = "to" },
	[WEIR_LINK_ENROLLED] = { .texts = HAS(CLUSTER) | HAS(NODE) },
	[WEIR_LINK_REFUSED] = { .texts = HAS(WHY) },
	[WEIR_LINK_WELCOME] = { .window = true, .list = true, .seq = "seq" },
	[WEIR_LINK_AGAIN] = { .seq = "seq" },
	[WEIR_LINK_ACK] = { .seq = "seq" },
};
_Static_assert(WEIR_ARRAY_SIZE(shapes) == WEIR_LINK_KIND_MAX, "a shape for each kind");

const char *weir_link_kind_name(enum weir_link_kind kind)
{
	return kind < WEIR_LINK_KIND_MAX ? names[kind] : "unknown";
}

enum weir_link_kind weir_link_kind_of(const void *frame, size_t len)
{
	unsigned kind = 0;

	while (kind < WEIR_LINK_KIND_MAX &&
	       (strlen(names[kind]) != len || memcmp(names[kind], frame, len) != 0))
		kind++;
	return kind;
}

/* --- writing ------------------------------------------------------------------- */

/* cJSON's own way of writing numbers is exact up to 15 digits only. */
static bool write_number(cJSON *to, const char *name, uint64_t value)
{
	char text[24];

	snprintf(text, sizeof(text), "%" PRIu64, value);
	return cJSON_AddRawToObject(to, name, text);
}

static bool write_boot(cJSON *to, const struct shape *s, const struct weir_link_boot *b)
{
	return cJSON_AddStringToObject(to, "boot", b->boot) && write_number(to, s->seq, b->seq) &&
	       (!s->next || write_number(to, s->next, b->next));
}

static bool write_boots(cJSON *root, const struct shape *s, const struct weir_link_message *m)
{
	cJSON *list, *item;

	if (!s->seq)
		return true;
	if (!s->list)
		return write_boot(root, s, &m->boots[0]);
	list = cJSON_AddArrayToObject(root, "boots");
	for (unsigned i = 0; list && i < m->n_boots; i++) {
		item = cJSON_CreateObject();
		if (!cJSON_AddItemToArray(list, item) || !write_boot(item, s, &m->boots[i]))
			return false;
	}
	return list;
}

char *weir_link_write(enum weir_link_kind kind, const struct weir_link_message *m)
{
	const struct shape *s = &shapes[kind];
	cJSON *root = cJSON_CreateObject();
	bool ok = root != NULL;
	char *text;

	if (ok && s->link)
		ok = write_number(root, "link", WEIR_LINK_VERSION);
	for (unsigned i = 0; ok && i < N_TEXTS; i++)
		if (s->texts & HAS(i))
			ok = cJSON_AddStringToObject(root, texts[i].name,
						     (const char *)m + texts[i].offset);
	if (ok && s->window)
		ok = write_number(root, "window", m->window);
	text = ok && write_boots(root, s, m) ? cJSON_PrintUnformatted(root) : NULL;
	cJSON_Delete(root);
	return text;
}

/* --- reading ------------------------------------------------------------------- */

#define NUMBER_MAX 9007199254740992.0 /* 2^53: a JSON number is exact up to there */

static bool is_letter_or_digit(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9');
}

static bool fits(const char *text, enum form form)
{
	if (form == LINE) {
		for (; *text; text++)
			if ((unsigned char)*text < ' ' || *text == 0x7f)
				return false;
		return true;
	}
	if (!is_letter_or_digit(*text))
		return false;
	for (; *text; text++)
		if (!is_letter_or_digit(*text) && *text != '-' &&
		    (form == BOOT || (*text != '.' && *text != '_')))
			return false;
	return true;
}

static int read_text(const cJSON *from, const char *name, enum form form, char *ret, size_t size,
		     struct weir_error *err)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(from, name);
	size_t len;

	if (!cJSON_IsString(item))
		return weir_error_set(err, EBADMSG, "%s: must be a text", name);
	len = strlen(item->valuestring);
	if (len >= size)
		return weir_error_set(err, EBADMSG, "%s: longer than %zu bytes", name, size - 1);
	if (!fits(item->valuestring, form))
		return weir_error_set(err, EBADMSG, "%s: has characters that may not be in it",
				      name);
	memcpy(ret, item->valuestring, len + 1);
	return 0;
}

static int read_number(const cJSON *from, const char *name, uint64_t min, uint64_t *ret,
		       struct weir_error *err)
{
	const cJSON *item = cJSON_GetObjectItemCaseSensitive(from, name);
	double value = cJSON_IsNumber(item) ? item->valuedouble : -1;

	if (!(value >= (double)min && value < NUMBER_MAX) || value != (double)(uint64_t)value)
		return weir_error_set(err, EBADMSG, "%s: must be a number from %u to 2^53 - 1",
				      name, (unsigned)min);
	*ret = (uint64_t)value;
	return 0;
}

static int read_boot(const cJSON *from, const struct shape *s, struct weir_link_boot *ret,
		     struct weir_error *err)
{
	int r = read_text(from, "boot", BOOT, ret->boot, sizeof(ret->boot), err);

	if (r == 0)
		r = read_number(from, s->seq, 1, &ret->seq, err);
	if (r == 0 && s->next)
		r = read_number(from, s->next, 0, &ret->next, err);
	if (r == 0 && s->list && s->next && ret->next < ret->seq)
		r = weir_error_set(err, EBADMSG, "%s: must not be below %s", s->next, s->seq);
	return r;
}

static bool has_boot(const struct weir_link_message *m, const char *boot)
{
	for (unsigned i = 0; i < m->n_boots; i++)
		if (!strcmp(m->boots[i].boot, boot))
			return true;
	return false;
}

static int read_boots(const cJSON *root, const struct shape *s, struct weir_link_message *ret,
		      struct weir_error *err)
{
	const cJSON *list = cJSON_GetObjectItemCaseSensitive(root, "boots"), *item;
	struct weir_link_boot boot;
	int r;

	if (!cJSON_IsArray(list))
		return weir_error_set(err, EBADMSG, "boots: must be a list");
	cJSON_ArrayForEach (item, list) {
		if (ret->n_boots == WEIR_LINK_BOOTS_MAX)
			return weir_error_set(err, EBADMSG, "boots: more than %u",
					      WEIR_LINK_BOOTS_MAX);
		r = read_boot(item, s, &boot, err);
		if (r == 0 && has_boot(ret, boot.boot))
			r = weir_error_set(err, EBADMSG, "%s: twice", boot.boot);
		if (r < 0)
			return weir_error_prefix(err, r, "boots: %u", ret->n_boots);
		ret->boots[ret->n_boots++] = boot;
	}
	if (ret->n_boots < s->boots_min)
		return weir_error_set(err, EBADMSG, "boots: must not be empty");
	return 0;
}

static int read_link(const cJSON *root, struct weir_error *err)
{
	uint64_t version = 0;
	int r = read_number(root, "link", 1, &version, err);

	if (r == 0 && version != WEIR_LINK_VERSION)
		r = weir_error_set(err, EPROTONOSUPPORT,
				   "speaks version %llu of the link, and this end version %u",
				   (unsigned long long)version, WEIR_LINK_VERSION);
	return r;
}

static int read_members(const cJSON *root, const struct shape *s, struct weir_link_message *m,
			struct weir_error *err)
{
	int r = s->link ? read_link(root, err) : 0;

	for (unsigned i = 0; r == 0 && i < N_TEXTS; i++)
		if (s->texts & HAS(i))
			r = read_text(root, texts[i].name, texts[i].form,
				      (char *)m + texts[i].offset, texts[i].size, err);
	if (r == 0 && s->window)
		r = read_number(root, "window", 1, &m->window, err);
	if (r < 0 || !s->seq)
		return r;
	if (s->list)
		return read_boots(root, s, m, err);
	m->n_boots = 1;
	return read_boot(root, s, &m->boots[0], err);
}

/* White space may follow the object, nothing else. */
static cJSON *parse(const char *text, size_t len)
{
	const char *end = NULL;
	cJSON *root = cJSON_ParseWithLengthOpts(text, len, &end, 0);

	if (root && !cJSON_IsObject(root)) {
		cJSON_Delete(root);
		return NULL;
	}
	for (; root && end < text + len; end++) {
		if (!*end || !strchr(" \t\r\n", *end)) {
			cJSON_Delete(root);
			return NULL;
		}
	}
	return root;
}

int weir_link_read(enum weir_link_kind kind, const void *text, size_t len,
		   struct weir_link_message *ret, struct weir_error *err)
{
	struct weir_link_message m = { .n_boots = 0 };
	cJSON *root;
	int r;

	if (kind >= WEIR_LINK_KIND_MAX || kind == WEIR_LINK_BATCH)
		return weir_error_set(err, EBADMSG, "not a kind of JSON message");
	if (len > WEIR_LINK_TEXT_MAX)
		return weir_error_set(err, EBADMSG, "%s: longer than %u bytes", names[kind],
				      WEIR_LINK_TEXT_MAX);
	root = parse(text, len);
	if (!root)
		return weir_error_set(err, EBADMSG, "%s: not a JSON object", names[kind]);
	r = read_members(root, &shapes[kind], &m, err);
	cJSON_Delete(root);
	if (r < 0)
		return weir_error_prefix(err, r, "%s", names[kind]);
	*ret = m;
	return 0;
}
