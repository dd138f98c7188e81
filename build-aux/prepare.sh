# SPDX-License-Identifier: Apache-2.0
# Shared by ./quickstart and ./check: install what is missing, and build out of
# tree from a tree in any state. To be sourced by a script that has set $top (the
# tree) and $jobs (how many at once).
# shellcheck shell=bash disable=SC2154

bold='' red='' plain=''
if [ -t 1 ] && [ -z "${NO_COLOR:-}" ]; then
	bold=$'\033[1m' red=$'\033[1;31m' plain=$'\033[0m'
fi
say() { printf '%s%s%s\n' "$bold" "$*" "$plain"; }
note() { printf '   %s\n' "$*"; }
die() {
	printf '%s: %s\n' "$(basename "$0")" "$*" >&2
	exit 2
}

# The packages of build-aux/packages under the headings that are named.
packages_of() {
	local heading
	for heading in "$@"; do
		awk -v want="$heading" '/^#/ { on = ($2 == want || $2 == want ":"); next } on' \
			"$top/build-aux/packages"
	done | tr ' ' '\n' | sed '/^$/d'
}

missing_packages() {
	local package
	for package in $(packages_of "$@"); do
		dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' ||
			printf '%s ' "$package"
	done
}

# Install the packages under these headings that are not there yet.
prepare_packages() {
	local missing packages_log
	command -v dpkg-query >/dev/null || {
		note "not Debian: install what configure asks for (build-aux/packages has the list)"
		return 0
	}
	missing=$(missing_packages "$@")
	if [ -z "$missing" ]; then
		note "all Debian packages that are needed are there"
		return 0
	fi
	[ "$(id -u)" = 0 ] || die "missing packages, and only root can install them: $missing"
	note "installing: $missing"
	packages_log=$(mktemp)
	{
		# shellcheck disable=SC2086 # a list of words
		DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends $missing ||
			{
				apt-get update -q
				# shellcheck disable=SC2086
				DEBIAN_FRONTEND=noninteractive apt-get install -y -q \
					--no-install-recommends $missing
			}
	} >"$packages_log" 2>&1 || {
		tail -n 20 "$packages_log" >&2
		rm -f "$packages_log"
		die "apt-get failed: see above"
	}
	rm -f "$packages_log"
}

# Where to configure from, in $source: the tree itself, or a copy when somebody
# has configured in the tree (which forbids builds outside of it).
prepare_source() {
	local copy=$1/source
	source=$top
	if [ -e "$top/config.status" ]; then
		note "the tree is configured in place: building from a copy, $copy"
		rm -rf "$copy"
		mkdir -p "$copy"
		(cd "$top" && tar -cf - --exclude='./build' --exclude='./build-[cq]*' --exclude=.git \
			--exclude='*.o' --exclude='*.a' --exclude=.deps --exclude=.dirstamp \
			--exclude=./config.status --exclude=./config.h --exclude=./stamp-h1 \
			--exclude=./Makefile --exclude='*.log' --exclude='*.trs' .) |
			tar -xf - -C "$copy"
		source=$copy
	fi
	if [ ! -x "$source/configure" ] || [ ! -e "$source/Makefile.in" ] ||
		find "$source" -maxdepth 2 \( -name '*.mk' -o -name '*.m4' -o -name configure.ac \
			-o -name Makefile.am \) -newer "$source/Makefile.in" | grep -q .; then
		(cd "$source" && autoreconf -fi) >"$1/autoreconf.log" 2>&1 || {
			tail -n 20 "$1/autoreconf.log" >&2
			die "autoreconf failed"
		}
	fi
}

# prepare_build DIR LOG CONFIGURE-ARGUMENTS...: configured and built in DIR.
# A folder that is there is used again; when that fails, it starts over once.
prepare_build() {
	local dir=$1 log=$2
	shift 2
	if [ -e "$dir/config.status" ]; then
		if [ "$(cat "$dir/.arguments" 2>/dev/null)" = "$source $*" ] &&
			make -C "$dir" -j"$jobs" >"$log" 2>&1; then
			return 0
		fi
		rm -rf "$dir"
	fi
	mkdir -p "$dir"
	printf '%s' "$source $*" >"$dir/.arguments"
	(cd "$dir" && "$source/configure" "$@" && make -j"$jobs") >"$log" 2>&1
}
