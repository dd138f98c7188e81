/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Which pod is it? Uids, and who has an address that several pods claim. The
 * news of pods come in any order and late: a pod that was replaced still has
 * its old name and address in the API server for a while.
 */
#include <stdio.h>
#include <string.h>

#include "weir/object.h"

/* --- uids -------------------------------------------------------------------- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c |= 0x20;
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* 32 digits, with or without the dashes of a UUID. */
static bool parse_hex(const char *text, struct weir_uid *ret)
{
	size_t len = strlen(text), n = 0;

	if (len != 32 && len != 36)
		return false;
	for (size_t i = 0; i < len; i++) {
		bool dash = len == 36 && (i == 8 || i == 13 || i == 18 || i == 23);
		int digit = hex_digit(text[i]);

		if (dash ? text[i] != '-' : digit < 0)
			return false;
		if (dash)
			continue;
		ret->bytes[n / 2] = (uint8_t)(ret->bytes[n / 2] << 4 | digit);
		n++;
	}
	return weir_uid_known(ret);
}

/* FNV-1a with two offsets: one for each half. */
static struct weir_uid hash_text(const char *text)
{
	uint64_t halves[2] = { 0xcbf29ce484222325ull, 0x84222325cbf29ce4ull };
	struct weir_uid uid;

	for (; *text; text++) {
		for (int i = 0; i < 2; i++)
			halves[i] = (halves[i] ^ (uint8_t)*text) * 0x100000001b3ull;
	}
	halves[0] |= 1; /* never all zero */
	memcpy(uid.bytes, halves, sizeof(uid.bytes));
	return uid;
}

struct weir_uid weir_uid_parse(const char *text)
{
	struct weir_uid uid = { { 0 } };

	if (!text || !*text || parse_hex(text, &uid))
		return uid;
	return hash_text(text);
}

bool weir_uid_equal(const struct weir_uid *a, const struct weir_uid *b)
{
	return memcmp(a->bytes, b->bytes, sizeof(a->bytes)) == 0;
}

bool weir_uid_known(const struct weir_uid *uid)
{
	static const struct weir_uid unknown;

	return !weir_uid_equal(uid, &unknown);
}

bool weir_uid_fits(const struct weir_uid *a, const struct weir_uid *b)
{
	return !weir_uid_known(a) || !weir_uid_known(b) || weir_uid_equal(a, b);
}

const char *weir_uid_format(const struct weir_uid *uid, char *buf)
{
	char *at = buf;

	*buf = 0;
	for (unsigned i = 0; i < sizeof(uid->bytes) && weir_uid_known(uid); i++)
		at += sprintf(at, "%s%02x", i == 4 || i == 6 || i == 8 || i == 10 ? "-" : "",
			      uid->bytes[i]);
	return buf;
}

/* --- claims -------------------------------------------------------------------- */

static int compare_names(const struct weir_pod *a, const struct weir_pod *b)
{
	int r = strcmp(a->namespace_, b->namespace_);

	if (r == 0)
		r = strcmp(a->name, b->name);
	return r ? r : memcmp(a->uid.bytes, b->uid.bytes, sizeof(a->uid.bytes));
}

int weir_pod_compare_claims(const struct weir_pod *a, const struct weir_pod *b)
{
	if (a->endpoint != b->endpoint)
		return a->endpoint ? 1 : -1;
	if (a->since != b->since)
		return a->since > b->since ? 1 : -1;
	if (a->terminating != b->terminating)
		return b->terminating ? 1 : -1;
	if (a->created != b->created)
		return a->created > b->created ? 1 : -1;
	return compare_names(a, b);
}
