#!/bin/sh
# SPDX-License-Identifier: MIT
# check-all.sh: ./check and what takes longer: gcc's and clang's warnings and tests, the sanitizers over the
# whole suite, the tests with the label `long`, the linters, every parser fuzzed for a minute.
set -eu
cd "$(dirname "$0")/.."
. scripts/lib/step.sh

sh scripts/install-deps.sh build test all
clang=$(sh scripts/clang-tool.sh clang) || clang=$(command -v clang)
bad=

# tests BUILD [CTEST-ARGUMENT...]: runs on after a failure, to tell all of them at the end.
tests() {
    folder=$1
    shift
    echo "== tests of $folder"
    sh scripts/run-tests.sh "build/$folder" "$@" || bad="$bad $folder"
}

build release release
tests release
build dev-gcc dev -DCMAKE_C_COMPILER=gcc
tests dev-gcc -LE '^(long|golden)$'
build dev-clang dev -DCMAKE_C_COMPILER="$clang"
tests dev-clang -LE '^(long|golden)$'

build asan asan
tests asan -LE '^long$'
# libgomp is not instrumented, so its threads are left out.
build tsan tsan
OMP_NUM_THREADS=1 tests tsan -L '^unit$'

sh scripts/lint.sh || bad="$bad lint"
sh scripts/fuzz.sh "${FUZZ_SECONDS:-60}" || bad="$bad fuzz"

if [ -n "$bad" ]; then
    echo "check-all: failed:$bad" >&2
    exit 1
fi
echo 'check-all: all clean'
