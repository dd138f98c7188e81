/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/* "Did you mean ...?": how far a word is from one that would be right. */

/* Edit distance (Levenshtein) of two words of up to 32 bytes; of longer ones
 * WEIR_FAR. */
#define WEIR_FAR 33u
unsigned weir_distance(const char *a, const char *b);
