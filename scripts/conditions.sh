#!/bin/sh
# SPDX-License-Identifier: MIT
# conditions.sh BUILD: the conditions of tests/expected-skips.txt that hold for a build folder on this machine,
# one a line, their words joined by `-`.
here=$(dirname "$0")

cached() { # NAME: that variable of the build
    sed -n "s/^$1:[A-Z]*=//p" "$build/CMakeCache.txt"
}

build=$1
[ -d "$(cached RST_TESTDATA)" ] || echo needs-../shared
[ -z "$(cached RST_SANITIZE)" ] || echo needs-no-sanitizer
case $(cached RST_ONEDNN)$(cached DNNL_LIBRARY) in
OFF* | *NOTFOUND) echo needs-oneDNN ;;
esac
[ "$(uname -m)" = x86_64 ] || echo needs-x86-64
grep -q -w avx2 /proc/cpuinfo 2>/dev/null || echo needs-avx2
grep -q -w avx512vl /proc/cpuinfo 2>/dev/null || echo needs-avx512
grep -q -w avx512_bf16 /proc/cpuinfo 2>/dev/null || echo needs-avx512-bf16
sh "$here/clang-tool.sh" clang-format >/dev/null || echo needs-clang-format-14
command -v valgrind >/dev/null || echo needs-valgrind
[ "$(cached RST_BUILT_BY)" = "$(sed -n 's/^# build: //p' "$here/../tests/perf/instructions.tsv")" ] ||
    echo needs-the-build-of-its-table
[ -c /dev/full ] || echo needs-/dev/full
[ "$(id -u)" != 0 ] || echo needs-a-user-other-than-root
