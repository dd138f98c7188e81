/* SPDX-License-Identifier: Apache-2.0 */
/* The table of checks, in the order in which they are shown. */
#include <stdarg.h>

#include "cli/doctor/doctor.h"
#include "weir/cleanup.h"

/* clang-format off */
const struct doctor_check doctor_checks[] = {
	{ "kernel", "version", doctor_check_kernel, false },
	{ "kernel", "nf_tables", doctor_check_nf_tables, false },
	{ "kernel", "conntrack", doctor_check_conntrack, false },
	{ "kernel", "br_netfilter", doctor_check_br_netfilter, false },
	{ "kernel", "NFLOG", doctor_check_nflog, false },
	{ "kernel", "BTF", doctor_check_btf, false },
	{ "kernel", "BPF file system", doctor_check_bpf_fs, false },
	{ "kernel", "BPF netfilter", doctor_check_bpf_netfilter, false },
	{ "settings", "bridges", doctor_check_bridge_settings, false },
	{ "settings", "forwarding", doctor_check_forwarding, false },
	{ "settings", "rp_filter", doctor_check_rp_filter, false },
	{ "settings", "flow records", doctor_check_records, false },
	{ "settings", "conntrack table", doctor_check_conntrack_size, false },
	{ "network", "primary CNI", doctor_check_primary, false },
	{ "network", "pods", doctor_check_attach, false },
	{ "network", "other engines", doctor_check_engines, false },
	{ "network", "backend", doctor_check_backend, false },
	{ "weir", "plugin", doctor_check_plugin, false },
	{ "weir", "chain", doctor_check_chain, false },
	{ "weir", "weird", doctor_check_weird, false },
	{ "weir", "source", doctor_check_source, false },
	{ "machine", "rights", doctor_check_rights, false },
	{ "machine", "clock", doctor_check_clock, true },
	{ NULL, NULL, NULL, false },
};
/* clang-format on */

const char *doctor_result_name(enum doctor_result result)
{
	static const char *const names[] = {
		[DOCTOR_OK] = "ok",
		[DOCTOR_WARN] = "warn",
		[DOCTOR_FAIL] = "fail",
	};
	_Static_assert(WEIR_ARRAY_SIZE(names) == DOCTOR_RESULT_MAX, "a name for each result");

	return names[result];
}

void doctor_say(struct doctor_finding *f, enum doctor_result result, const char *fmt, ...)
{
	va_list args;

	f->result = result;
	va_start(args, fmt);
	vsnprintf(f->found, sizeof(f->found), fmt, args);
	va_end(args);
}

void doctor_advise(struct doctor_finding *f, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vsnprintf(f->advice, sizeof(f->advice), fmt, args);
	va_end(args);
}
