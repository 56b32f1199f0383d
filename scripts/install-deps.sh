#!/bin/sh
# SPDX-License-Identifier: MIT
# install-deps.sh GROUP...: installs what is missing of those groups of packages.txt; silent when nothing is.
set -eu
list=$(dirname "$0")/packages.txt

# packages GROUPS WANT: the rows of those groups, "PACKAGE PROBE"; WANT is `optional` or `needed`.
packages() {
    awk -v groups=" $1 " -v want="$2" '
        /^#/ || NF < 3 { next }
        index(groups, " " $1 " ") && (want == "optional") == ($4 == "optional") { print $2, $3 }' "$list"
}

present() { # PACKAGE PROBE
    if command -v dpkg-query >/dev/null 2>&1; then
        [ "$(dpkg-query -W -f '${db:Status-Status}' "$1" 2>/dev/null)" = installed ]
    else
        case $2 in
        cmd:*) command -v "${2#cmd:}" >/dev/null 2>&1 ;;
        pc:*) pkg-config --exists "${2#pc:}" 2>/dev/null ;;
        esac
    fi
}

missing() { # GROUPS WANT
    packages "$1" "$2" | while read -r package probe; do
        present "$package" "$probe" || printf ' %s' "$package"
    done
}

as_root() {
    if [ "$(id -u)" = 0 ]; then
        env DEBIAN_FRONTEND=noninteractive "$@"
    else
        sudo env DEBIAN_FRONTEND=noninteractive "$@"
    fi
}

apt_install() {
    # shellcheck disable=SC2086 # a list of words
    as_root apt-get -qq -y --no-install-recommends -o Dpkg::Use-Pty=0 install $1
}

groups=$*
[ -n "$groups" ] || groups='build test'
needed=$(missing "$groups" needed)
wanted=$(missing "$groups" optional)
[ -n "$needed$wanted" ] || exit 0

if ! command -v apt-get >/dev/null 2>&1; then
    [ -n "$needed" ] || exit 0
    echo "install-deps: there is no apt-get here; please install what Debian calls:$needed" >&2
    exit 1
fi
if [ "$(id -u)" != 0 ] && ! command -v sudo >/dev/null 2>&1; then
    [ -n "$needed" ] || exit 0
    echo "install-deps: needs root or sudo to run: apt-get install$needed" >&2
    exit 1
fi

log=$(mktemp)
trap 'rm -f "$log"' EXIT
echo "installing$needed$wanted"
if ! as_root apt-get -qq update >"$log" 2>&1; then
    echo "install-deps: apt-get update had trouble; trying with the lists that are here" >&2
fi
if [ -n "$needed" ] && ! apt_install "$needed" >>"$log" 2>&1; then
    tail -n 20 "$log" >&2
    echo "install-deps: apt-get could not install:$needed" >&2
    exit 1
fi
if [ -n "$wanted" ] && ! apt_install "$wanted" >>"$log" 2>&1; then
    echo "install-deps: going on without:$wanted" >&2
fi
