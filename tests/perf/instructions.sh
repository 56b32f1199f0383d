#!/bin/sh
# SPDX-License-Identifier: MIT
# Instructions that kernels take for a small shape, counted by valgrind, against instructions.tsv: a kernel that takes
# 2 % more than its row fails. Counts have no noise, but caches and memory are not in them.
#     RESTAIN_BUILD=build/release sh tests/perf/instructions.sh --renew    writes the table
# The kernels are AVX2's: valgrind does not know AVX-512.
set -u
here=$(cd "$(dirname "$0")" && pwd)
: "${RESTAIN_BUILD:?the build to measure}"
table=$here/instructions.tsv
work=$(mktemp -d "${TMPDIR:-/tmp}/restain-perf-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT

skip() {
    echo "skipped: $*"
    exit 77
}

command -v valgrind >/dev/null || skip 'no valgrind here'
grep -q -w avx2 /proc/cpuinfo || skip 'this processor has no AVX2'
build=$(sed -n 's/^RST_BUILT_BY:[A-Z]*=//p' "$RESTAIN_BUILD/CMakeCache.txt")
if [ "${1:-}" != --renew ]; then
    wanted=$(sed -n 's/^# build: //p' "$table")
    [ "$build" = "$wanted" ] || skip "the table is of $wanted, this build of $build"
fi

RESTAIN_ISA=avx2 OMP_NUM_THREADS=1 valgrind --tool=callgrind --toggle-collect=measured --dump-after=measured \
    --callgrind-out-file="$work/count" "$RESTAIN_BUILD/bin/perf_kernels" >"$work/names" 2>"$work/log" || {
    cat "$work/log"
    exit 1
}
# The n-th call's counts are in count.n.
awk '{ print $0 "\t" NR }' "$work/names" | while IFS='	' read -r name n; do
    printf '%s\t%s\n' "$name" "$(sed -n 's/^totals: //p' "$work/count.$n")"
done >"$work/counts"

if [ "${1:-}" = --renew ]; then
    {
        echo "# build: $build"
        printf 'kernel\tinstructions\n'
        cat "$work/counts"
    } >"$table"
    exit
fi
awk -F '\t' -v most=1.02 '
    /^#/ || $1 == "kernel" { next }
    NR == FNR { want[$1] = $2; rows++; next }
    { found++ }
    !($1 in want) { printf "FAILED: %s: not in the table\n", $1; bad++; next }
    !($2 > 0) { printf "FAILED: %s: nothing was counted\n", $1; bad++; next }
    {
        printf "%-24s %10d instructions, %10d in the table, %+.1f %%\n", $1, $2, want[$1], 100 * ($2 / want[$1] - 1)
        if ($2 > most * want[$1]) {
            printf "FAILED: %s: takes %.1f %% more instructions than the table says\n", $1, 100 * ($2 / want[$1] - 1)
            bad++
        }
        fewer += $2 * most < want[$1]
    }
    END {
        if (found != rows) {
            printf "FAILED: the table has %d kernels, %d ran\n", rows, found
            bad++
        }
        if (bad || fewer)
            print "if that is meant: RESTAIN_BUILD=build/release sh tests/perf/instructions.sh --renew"
        exit bad > 0
    }' "$table" "$work/counts"
