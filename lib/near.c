/* SPDX-License-Identifier: Apache-2.0 */
/* Edit distance, one row of the table at a time. */
#include "weir/near.h"

#include <string.h>

unsigned weir_distance(const char *a, const char *b)
{
	unsigned row[WEIR_FAR], n = (unsigned)strlen(b);

	if (strlen(a) >= WEIR_FAR || n >= WEIR_FAR)
		return WEIR_FAR;
	for (unsigned j = 0; j <= n; j++)
		row[j] = j;
	for (unsigned i = 0; a[i]; i++) {
		unsigned diagonal = row[0];

		row[0] = i + 1;
		for (unsigned j = 0; j < n; j++) {
			unsigned best = diagonal + (a[i] != b[j]);

			diagonal = row[j + 1];
			if (row[j] + 1 < best)
				best = row[j] + 1;
			if (row[j + 1] + 1 < best)
				best = row[j + 1] + 1;
			row[j + 1] = best;
		}
	}
	return row[n];
}
