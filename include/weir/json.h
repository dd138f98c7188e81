/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * JSON text, written member by member: for what is too much, or too often, for a
 * tree. Whatever bytes a string has, the text is valid UTF-8. Memory that is short
 * is told once, at the end.
 *
 *	struct weir_json j = { .b = &buffer };
 *	weir_json_open(&j, '{');
 *	weir_json_member(&j, "node", name);
 *	weir_json_key(&j, "seqs"); weir_json_open(&j, '['); ...
 *	if (j.failed) ...
 */
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct weir_json_buffer {
	char *text; /* NUL-terminated, malloc'd, grows */
	size_t len, size;
};
void weir_json_buffer_free(struct weir_json_buffer *b);

struct weir_json {
	struct weir_json_buffer *b;
	bool failed;
};

/* As it is, no comma. */
void weir_json_raw(struct weir_json *j, const char *text, size_t len);
/* '{' or '[' as a value; behind a key or in an array. */
void weir_json_open(struct weir_json *j, char bracket);
void weir_json_close(struct weir_json *j, char bracket);
void weir_json_key(struct weir_json *j, const char *name);
/* Values; in an array the comma is put before them. */
void weir_json_string(struct weir_json *j, const char *s);
void weir_json_number(struct weir_json *j, uint64_t v);
void weir_json_bool(struct weir_json *j, bool v);
/* Key and value; a NULL value is left out. */
void weir_json_member(struct weir_json *j, const char *name, const char *value);
void weir_json_member_number(struct weir_json *j, const char *name, uint64_t v);
void weir_json_member_bool(struct weir_json *j, const char *name, bool v);
