#!/bin/sh
# SPDX-License-Identifier: MIT
# lint.sh: clang-tidy (with .clang-tidy) and cppcheck over src; their findings are errors.
set -eu
cd "$(dirname "$0")/.."

tidy=$(sh scripts/clang-tool.sh clang-tidy) || {
    echo "lint: needs clang-tidy 14" >&2
    exit 1
}
cmake --preset dev >/dev/null
bad=0
log=build/lint.log
find src -name '*.c' ! -path '*/isa/*' -print0 | LC_ALL=C sort -z |
    xargs -0 -r -n 4 -P "$(nproc)" "$tidy" -p build/dev --quiet --warnings-as-errors='*' >"$log" 2>&1 || bad=1
grep -E ': (error|warning): ' "$log" | LC_ALL=C sort -u >&2 || :
cppcheck --quiet -j "$(nproc)" --std=c11 --language=c --enable=warning,portability --inline-suppr \
    --error-exitcode=1 --suppress=missingInclude --suppress=unknownMacro \
    --suppress=invalidPointerCast --suppress=incorrectLogicOperator:src/model/values.c \
    -D_GNU_SOURCE -Iinclude -Isrc src || bad=1
[ $bad = 0 ] && echo 'lint: clean'
exit $bad
