/* SPDX-License-Identifier: Apache-2.0 */
/* The plugin's program, into the folder where the runtime looks for it. The one
 * that is there may be running: it is renamed over, never written into. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <unistd.h>

#include "lib/chain/chain.h"
#include "weir/cleanup.h"

#define PLUGIN "weir"

static int copy(int from, int dir, const char *from_name, struct weir_error *err)
{
	struct stat st, like = { .st_mode = 0755, .st_uid = geteuid(), .st_gid = getegid() };
	void *text;
	int r;

	if (fstat(from, &st) < 0)
		return weir_error_errno(err, errno, "%s", from_name);
	if (!S_ISREG(st.st_mode) || !st.st_size)
		return weir_error_set(err, EINVAL, "%s: is no program", from_name);
	text = mmap(NULL, (size_t)st.st_size, PROT_READ, MAP_PRIVATE, from, 0);
	if (text == MAP_FAILED)
		return weir_error_errno(err, errno, "%s", from_name);
	r = weir_chain_replace(dir, PLUGIN, text, (size_t)st.st_size, &like, err);
	munmap(text, (size_t)st.st_size);
	return r;
}

int weir_chain_copy_plugin(const char *from, const char *bin_dir, struct weir_error *err)
{
	WEIR_AUTO_CLOSE int program = open(from, O_RDONLY | O_CLOEXEC);
	WEIR_AUTO_CLOSE int dir = -1;
	int r;

	if (program < 0)
		return weir_error_errno(err, errno, "%s", from);
	dir = open(bin_dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
	if (dir < 0)
		return weir_error_errno(err, errno, "%s", bin_dir);
	r = copy(program, dir, from, err);
	return r < 0 ? weir_error_prefix(err, r, "%s", bin_dir) : 0;
}
