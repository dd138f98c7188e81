#!/bin/bash
# SPDX-License-Identifier: Apache-2.0
# A .deb of weir, as dpkg-buildpackage has made it: what is in it and where, that the
# programs run from it, that installing it starts nothing.
#
#   tests/debian.sh FILE.deb VERSION
set -eu
deb=$1 version=$2
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
bad=0

complain() {
	echo "FAIL: $*"
	bad=1
}

# Everything but the folders, the documentation and its copies of conf/.
wanted='./etc/weir/weird.yaml
./lib/systemd/system/weir-hub.service
./lib/systemd/system/weird.service
./usr/bin/weirctl
./usr/lib/cni/weir
./usr/sbin/weir-hub
./usr/sbin/weird
./usr/share/bash-completion/completions/weirctl
./usr/share/man/man5/access.yaml.5.gz
./usr/share/man/man5/hub.yaml.5.gz
./usr/share/man/man5/weird.yaml.5.gz
./usr/share/man/man8/weir-hub.8.gz
./usr/share/man/man8/weir.8.gz
./usr/share/man/man8/weirctl.8.gz
./usr/share/man/man8/weird.8.gz'
found=$(dpkg-deb --fsys-tarfile "$deb" | tar -t | grep -v '/$' | grep -v '^./usr/share/doc/' | sort)
[ "$found" = "$wanted" ] || complain "other files than expected: $(diff <(echo "$wanted") <(echo "$found"))"

dpkg-deb -x "$deb" "$root"
for program in usr/bin/weirctl usr/sbin/weir-hub usr/sbin/weird usr/lib/cni/weir; do
	said=$("$root/$program" --version | head -n 1) || complain "$program does not run"
	[ "$said" = "$(basename "$program") $version" ] || complain "$program says: $said"
done
"$root/usr/sbin/weird" --check-config --config "$root/etc/weir/weird.yaml" ||
	complain "weird refuses the configuration of the package"
grep -q '^  binDir: /usr/lib/cni$' "$root/etc/weir/weird.yaml" || complain "chain.binDir is not the package's"
grep -q '^ExecStart=/usr/sbin/weird\( \|$\)' "$root/lib/systemd/system/weird.service" || complain "the unit"
for file in README.Debian copyright changelog.gz OPERATIONS.md examples/kubernetes/rbac.yaml; do
	compgen -G "$root/usr/share/doc/weir/$file*" >/dev/null || complain "no $file"
done

dpkg-deb -e "$deb" "$root/DEBIAN"
[ "$(cat "$root/DEBIAN/conffiles")" = /etc/weir/weird.yaml ] || complain "conffiles: $(cat "$root/DEBIAN/conffiles")"

# The scripts with a systemd that only writes down what it is asked: what they do on a
# machine where weir has never been enabled.
mkdir "$root/stub" "$root/systemd"
for tool in deb-systemd-helper deb-systemd-invoke systemctl weird; do
	printf '#!/bin/sh\necho "%s $*" >>"%s/asked"\ncase $* in *was-enabled*) exit 1 ;; esac\n' \
		"$tool" "$root" >"$root/stub/$tool"
	chmod +x "$root/stub/$tool"
done
script() {
	local name=$1
	shift
	: >"$root/asked"
	sed "s#/run/systemd/system#$root/systemd#" "$root/DEBIAN/$name" >"$root/script"
	PATH=$root/stub:$PATH sh "$root/script" "$@" || complain "$name $* failed"
}
script postinst configure
grep -E 'start|[^-]enable ' "$root/asked" && complain "a first installation enables or starts weird"
script postinst configure 0.0.9
grep -qx 'deb-systemd-invoke try-restart weird.service' "$root/asked" || complain "an upgrade restarts nothing"
script prerm upgrade 0.2
grep -q . "$root/asked" && complain "prerm upgrade: $(cat "$root/asked")"
script prerm remove
[ "$(head -n 2 "$root/asked")" = "deb-systemd-invoke stop weird.service
weird --purge" ] || complain "prerm remove: $(cat "$root/asked")"

[ "$(dpkg-deb -f "$deb" Version)" = "$version" ] || complain "version $(dpkg-deb -f "$deb" Version)"
for library in libcurl4 libnftnl11 libuv1 libzmq5; do
	dpkg-deb -f "$deb" Depends | grep -q "\<$library\>" || complain "Depends lacks $library"
done
[ "$bad" = 0 ] && echo "$(wc -l <<<"$found") files, version $version"
exit "$bad"
