/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * The answer to a list request, taken apart while it arrives: its items one by
 * one, and its metadata. So a page of 500 pods is never one big tree. Finds
 * where a value ends; whether it is right JSON is for the parser to say.
 */
#include <stdbool.h>
#include <stddef.h>

struct weir_items {
	size_t max; /* bytes of one item */
	char *buf;  /* the value under way, NUL behind it */
	size_t len, size;
	unsigned depth; /* of brackets that are open */
	unsigned start; /* depth of the value that is gathered; 0: none is */
	bool in_string, escaped;
	bool gathers_key; /* a string in the outermost object, before its colon */
	bool is_item;	  /* what is gathered is one of the items */
	bool in_items;	  /* in the array "items" */
	bool has_items;	  /* there was such an array, or null */
	char key[16];	  /* of the outermost object; longer ones are cut */
	unsigned key_len;
	bool ended; /* the outermost object is complete */
};

/* Calls item for each element of "items" and meta for "metadata" (text with a
 * NUL behind it). Ends with what they return when that is below 0; -E2BIG,
 * -ENOMEM; -EBADMSG: this is no object, or an item is none. */
int weir_items_feed(struct weir_items *s, const char *bytes, size_t len,
		    int (*item)(void *data, const char *text, size_t len),
		    int (*meta)(void *data, const char *text, size_t len), void *data);
/* Ready for another answer; keeps max. */
void weir_items_clear(struct weir_items *s);
