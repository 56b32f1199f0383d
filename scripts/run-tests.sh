#!/bin/sh
# SPDX-License-Identifier: MIT
# run-tests.sh BUILD [CTEST-ARGUMENT...]: runs the tests of a build folder, lists what was skipped and why, and
# ends with `N passed, N failed, N skipped`. A skip that tests/expected-skips.txt does not allow on this
# machine is a failure, and so is a row there that fits no test.
set -u
scripts=$(cd "$(dirname "$0")" && pwd)
build=$1
shift
jobs=$(nproc 2>/dev/null || echo 2)
report=$(cd "$build" && pwd)/tests.xml
rm -f "$report"

OMP_WAIT_POLICY=passive
export OMP_WAIT_POLICY
ctest --test-dir "$build" --output-on-failure --no-tests=error -j "$jobs" --output-junit "$report" \
    --test-output-size-passed 10000000 "$@" </dev/null
rc=$?
if [ ! -f "$report" ]; then
    echo "run-tests: ctest made no report (status $rc)" >&2
    exit 1
fi

ctest --test-dir "$build" -N | awk '/^ *Test +#[0-9]+: / { print $NF }' >"$build/tests.names"
awk -f "$scripts/lib/skips.awk" \
    -v expected="$scripts/../tests/expected-skips.txt" -v names="$build/tests.names" \
    -v true_here=" $(sh "$scripts/conditions.sh" "$build" | tr '\n' ' ')" "$report"
verdict=$?
[ $rc = 0 ] && [ $verdict = 0 ]
