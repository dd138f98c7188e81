/* SPDX-License-Identifier: Apache-2.0 */
/*
 * hub.ends: up to which number each boot's records went, so that after a reboot
 * the hub learns whether it has all of them. Written every few seconds, and when
 * weird ends; only then it is exact.
 */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "daemon/hub/internal.h"
#include "weir/cleanup.h"
#include "weir/file.h"

#define ENDS_MAX 4096

void weir_hub_ends_read(const char *state_dir, struct weir_spool *spool)
{
	char path[4096], boot[WEIR_LINK_BOOT_MAX], end[8];
	WEIR_AUTO_FREE char *text = NULL;
	uint64_t next;
	size_t size = 0;
	int len;

	snprintf(path, sizeof(path), "%s/hub.ends", state_dir);
	if (weir_file_read(path, ENDS_MAX, &text, &size, NULL) < 0)
		return;
	for (const char *at = text;
	     sscanf(at, "%39s %" SCNu64 " %7s\n%n", boot, &next, end, &len) == 3; at += len)
		weir_spool_add_end(spool, boot, next, strcmp(end, "clean") != 0);
}

void weir_hub_ends_write(const char *state_dir, const struct weir_spool *spool, uint64_t next_seq,
			 bool clean)
{
	char path[4096], text[ENDS_MAX] = "";
	size_t len = 0;

	for (unsigned i = 0; i < spool->n_boots && len < sizeof(text) - 80; i++) {
		const struct weir_spool_boot *b = &spool->boots[i];
		bool runs = i + 1 == spool->n_boots;

		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s %" PRIu64 " %s\n",
					b->boot, runs ? next_seq : b->next,
					(runs ? clean : !b->torn) ? "clean" : "open");
	}
	snprintf(path, sizeof(path), "%s/hub.ends", state_dir);
	weir_file_replace(path, text, len, 0600, NULL); /* without it the hub asks for less */
}
