/* SPDX-License-Identifier: Apache-2.0 */
/* SQLite's errors as ours. */
#include <errno.h>

#include "hub/store/sqlite/partition.h"

int weir_sql_errno(int code)
{
	switch (code & 0xff) {
	case SQLITE_OK:
	case SQLITE_ROW:
	case SQLITE_DONE:
		return 0;
	case SQLITE_FULL:
		return -ENOSPC;
	case SQLITE_NOMEM:
		return -ENOMEM;
	case SQLITE_CORRUPT:
	case SQLITE_NOTADB:
	case SQLITE_SCHEMA:
		return -EBADMSG;
	case SQLITE_READONLY:
	case SQLITE_PERM:
	case SQLITE_AUTH:
		return -EACCES;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		return -EBUSY;
	case SQLITE_CANTOPEN:
		return -ENOENT;
	default:
		return -EIO;
	}
}

int weir_sql_error(sqlite3 *db, struct weir_error *err, const char *what)
{
	int r = weir_sql_errno(sqlite3_extended_errcode(db));

	return weir_error_set(err, r ? -r : EIO, "%s: %s", what, sqlite3_errmsg(db));
}

int weir_sql_run(sqlite3 *db, const char *sql, struct weir_error *err)
{
	return sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK
		       ? 0
		       : weir_sql_error(db, err, "run");
}
