/* SPDX-License-Identifier: Apache-2.0 */
#pragma once
/*
 * weir in the chain of a node's CNI network: a file of weir's own, made from
 * the primary's, that sorts before it. The primary's file is never touched.
 * Files only: nothing of this needs a daemon, and each call may be killed at
 * any point and made again.
 *
 * The primary is what the runtime would take without us: the first file by name
 * (bytes) that ends in .conf, .conflist or .json. Sources: CNI specification
 * 0.3.0 to 1.1.0 ("Network configuration format"), libcni (ConfFiles), go-cni.
 */
#include <limits.h>
#include <stdbool.h>

#include "weir/error.h"

#define WEIR_CHAIN_DIR	   "/etc/cni/net.d"
#define WEIR_CHAIN_BIN_DIR "/opt/cni/bin"

enum weir_chain_state {
	WEIR_CHAIN_IN_SYNC,	/* our file is made from the primary's as it is now */
	WEIR_CHAIN_NATIVE,	/* the primary's own list has weir in it: no file of ours needed */
	WEIR_CHAIN_MISSING,	/* there is a primary, and no file of ours */
	WEIR_CHAIN_OUT_OF_DATE, /* our file is not what the primary's would give now */
	WEIR_CHAIN_NO_PRIMARY,	/* no file but ours, if that */
	WEIR_CHAIN_BROKEN,	/* the primary's file cannot be used; ours stays as it is */
	WEIR_CHAIN_STATE_MAX
};
/* "in sync", "native", ... */
const char *weir_chain_state_name(enum weir_chain_state state);

struct weir_chain {
	enum weir_chain_state state;
	char primary[NAME_MAX + 1]; /* file names; "" when there is none */
	char ours[NAME_MAX + 1];
	char network[256]; /* name of the primary's network, as far as it can be read */
	/* BROKEN, OUT_OF_DATE: what is the matter. IN_SYNC: a file before the primary's
	 * that cannot be used, or "". */
	struct weir_error why;
};

/* How the plugin is called: its entry in the list. malloc'd JSON. */
char *weir_chain_entry(const char *socket, unsigned timeout_ms, bool allow_when_unavailable);

/* How things are; changes nothing. entry NULL: whatever our file says of the
 * plugin is right. -errno: the folder cannot be read. */
int weir_chain_look(const char *dir, const char *entry, struct weir_chain *ret,
		    struct weir_error *err);
/* Makes it IN_SYNC where that is possible: a new file is written beside, synced
 * and renamed, with mode and owner of the primary's. Without a primary our file
 * goes, for a dead network must not look alive; keep_orphan leaves it. NATIVE:
 * ours goes. BROKEN: nothing changes. *ret is how things are then; 0 also when
 * they are not as they should be. */
int weir_chain_install(const char *dir, const char *entry, bool keep_orphan, struct weir_chain *ret,
		       struct weir_error *err);
/* Removes every file of ours and what a kill has left of one: the folder is as it
 * was before. */
int weir_chain_remove(const char *dir, struct weir_error *err);
/* Is it the name of a file of ours that is not complete? */
bool weir_chain_is_temporary(const char *name);

/* Puts a plugin into the folder of the runtime, over one that may be running:
 * a copy beside, synced, renamed. Mode 0755. */
int weir_chain_copy_plugin(const char *from, const char *bin_dir, struct weir_error *err);
