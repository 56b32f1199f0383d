#!/bin/sh
# SPDX-License-Identifier: MIT
# golden-shared.sh GROUP,GROUP... RUNNER ARG...: the runner on those groups of the full set of golden cases,
# which is no part of the project. 77 where the set is not there.
set -eu
groups=$(printf '%s' "$1" | tr , ' ')
shift
cases=${RESTAIN_TESTDATA:-$(dirname "$0")/../../shared}/golden
if [ ! -d "$cases" ]; then
    echo "skipped: needs ../shared (no $cases)"
    exit 77
fi
runner=$1
shift
for group in $groups; do
    set -- "$cases/$group" "$@"
done
exec "$runner" "$@"
