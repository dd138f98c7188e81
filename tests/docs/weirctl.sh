#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# Each command and each flag that weirctl knows is in its man page and in the
# bash completion, there with its command.
set -eu
weirctl=$top_builddir/cli/weirctl
page=$top_srcdir/docs/man/weirctl.8
completion=$top_srcdir/conf/completion/weirctl
bad=0 checked=0

complain() {
	echo "FAIL: $*"
	bad=1
}

# what the completion offers for a command line
offers() {
	bash -c '. "$1"; shift; COMP_WORDS=(weirctl "$@" ""); COMP_CWORD=$((${#COMP_WORDS[@]} - 1))
		_weirctl; printf "%s\n" "${COMPREPLY[@]}"' - "$completion" "$@"
}

flags_of() { "$weirctl" "$@" --help | grep -oE '^  (-.,|   ) --[a-z-]+' | grep -oE -- '--[a-z-]+'; }
letters_of() { "$weirctl" "$@" --help | grep -oE '^  -.,' | tr -d ' ,-'; }

commands=$("$weirctl" --help | sed -n '/^commands:/,/^$/s/^  \([a-z]*\) .*/\1/p')
[ -n "$commands" ] || complain "weirctl --help lists no commands"
for command in $commands; do
	checked=$((checked + 1))
	grep -qE "^\.It Cm $command( |$)" "$page" || complain "$page: no command $command"
	offers | grep -qx "$command" || complain "$completion does not offer $command"
	for flag in $(flags_of "$command"); do
		checked=$((checked + 1))
		grep -qE "Fl Fl ${flag#--}( |$)" "$page" || complain "$page: no flag $flag ($command)"
		offers "$command" | grep -qx -- "$flag" || complain "completion: $command has no $flag"
	done
	for letter in $(letters_of "$command"); do
		checked=$((checked + 1))
		grep -qE "^\.It Fl $letter( |$)" "$page" || complain "$page: no flag -$letter ($command)"
		offers "$command" | grep -qx -- "-$letter" || complain "completion: $command has no -$letter"
	done
done
# and nothing is promised that does not exist
for word in $(sed -n 's/^\.It Cm \([a-z]*\).*/\1/p' "$page"); do
	grep -qx "$word" <<<"$commands" || complain "$page has a command $word that weirctl has not"
done
all=$(for c in '' $commands; do flags_of $c; done)
for word in $(grep -oE 'Fl Fl [a-z-]+' "$page" | cut -d' ' -f3 | sort -u); do
	grep -qx -- "--$word" <<<"$all" || complain "$page has a flag --$word that weirctl has not"
done
[ "$checked" -gt 30 ] || complain "only $checked things were checked"
echo "$checked commands and flags"
exit "$bad"
