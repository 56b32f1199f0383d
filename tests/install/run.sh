#!/bin/sh
# SPDX-License-Identifier: MIT
# run.sh BUILD: installs that build into a folder of its own and makes every example against it, once with
# pkg-config and once with find_package. The example `version` is run both times.
set -eu
build=$1
source=$(cd "$(dirname "$0")/../.." && pwd)
prefix=$(mktemp -d)
trap 'rm -rf "$prefix"' EXIT
version=$(awk '/define RST_VERSION_(MAJOR|MINOR|PATCH) / { v = v "." $3 } END { print substr(v, 2) }' \
    "$source/include/restain/version.h")

need() { # TEXT COMMAND...
    text=$1
    shift
    "$@" || {
        echo "install: $text" >&2
        exit 1
    }
}

run() { # PROGRAM
    out=$("$1")
    need "$1 says: $out" [ "$out" = "headers $version, library $version" ]
}

cmake --install "$build" --prefix "$prefix/usr" >"$prefix/install.log"
pc=$(find "$prefix/usr" -name restain.pc)
need 'no restain.pc' [ -n "$pc" ]
libdir=$(dirname "$(dirname "$pc")")
PKG_CONFIG_PATH=$libdir/pkgconfig
LD_LIBRARY_PATH=$libdir
export PKG_CONFIG_PATH LD_LIBRARY_PATH
need 'no librestain.so.0' [ -e "$libdir/librestain.so.0" ]

need "pkg-config knows another version than $version" [ "$(pkg-config --modversion restain)" = "$version" ]
mkdir "$prefix/pc"
for file in "$source"/examples/*.c; do
    name=$(basename "$file" .c)
    # shellcheck disable=SC2046 # words
    need "examples/$name.c does not build with pkg-config" ${CC:-cc} -std=c11 -D_GNU_SOURCE -o "$prefix/pc/$name" \
        "$file" $(pkg-config --cflags --libs restain) -lm
done
run "$prefix/pc/version"

need 'find_package does not find it' cmake -S "$source/examples" -B "$prefix/cm" -DCMAKE_BUILD_TYPE=Release \
    -DCMAKE_PREFIX_PATH="$prefix/usr" -DCMAKE_C_COMPILER="${CC:-cc}" >"$prefix/cmake.log"
need 'the examples do not build with find_package' cmake --build "$prefix/cm" >"$prefix/build.log"
run "$prefix/cm/version"

if [ -x "$build/bin/restain" ]; then
    need 'the installed command does not run' "$prefix/usr/bin/restain" --version
fi
echo 'install: pkg-config and find_package both work'
