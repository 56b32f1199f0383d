#!/bin/sh
# SPDX-License-Identifier: MIT
# fuzz.sh SECONDS [TARGET...]: builds the fuzz targets with clang and runs each for so long, from its corpus in
# tests/fuzz/corpus. What libFuzzer finds by the way stays in build/fuzz/corpus.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib/step.sh

seconds=${1:-60}
[ $# = 0 ] || shift
clang=$(sh scripts/clang-tool.sh clang) || clang=$(command -v clang) || {
    echo "fuzz: needs clang and its runtime (clang-14, libclang-rt-14-dev)" >&2
    exit 1
}
build fuzz release -DRST_FUZZ=ON -DCMAKE_C_COMPILER="$clang"

if [ $# = 0 ]; then
    for target in build/fuzz/bin/fuzz_*; do
        [ ! -x "$target" ] || set -- "$@" "${target##*/fuzz_}"
    done
fi
for name in "$@"; do
    found=build/fuzz/corpus/$name
    mkdir -p "$found" build/fuzz/artifacts
    seeds=tests/fuzz/corpus/$name
    [ -d "$seeds" ] || seeds=
    # shellcheck disable=SC2086 # a folder or none
    step "fuzz $name" "build/fuzz/bin/fuzz_$name" -max_total_time="$seconds" -timeout=10 -rss_limit_mb=2048 \
        -malloc_limit_mb=1024 -print_final_stats=1 -artifact_prefix="build/fuzz/artifacts/$name-" "$found" $seeds
    awk '/stat::number_of_executed_units/ { print "  " $2 " inputs, none of them bad" }' build/step.log
done
echo "fuzz: $# targets clean"
