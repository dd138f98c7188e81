/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * What a class says about packets, without who decided it: a verdict, and the
 * ports that get the other one. Two classes that say the same are one, and
 * its number is made of what it says: a chain that bears it never changes.
 */
#include <stddef.h>
#include <stdint.h>

#include "weir/ruleset.h"

struct nft_ports {
	uint8_t protocol;
	uint16_t first, last; /* host byte order */
};

struct nft_class {
	uint64_t number; /* of its content; unique within its ruleset */
	uint8_t verdict; /* of what no range covers */
	uint32_t n;
	struct nft_ports ranges[]; /* get the other verdict; sorted, joined */
};

struct nft_classes {
	struct nft_class **items;
	uint32_t n;
};

void nft_classes_free(struct nft_classes *list);
/* The place of the class that says the same; added when there is none yet. */
int nft_classes_intern(struct nft_classes *list, const struct weir_class *class_,
		       uint32_t *ret_place);
