#!/bin/sh
# SPDX-License-Identifier: MIT
# check-words.sh [ROOT]: nothing in the sources is left for later, and each file states its licence.
set -eu
# shellcheck source=scripts/lib/sources.sh
. "$(dirname "$0")/lib/sources.sh"

# Scripts, the build and the sources; this file and the test of the checks have to name the words.
files=$(
    {
        sources src include tests examples bench
        find .ci scripts tests bench examples cmake src -type f \( -name '*.sh' -o -name '*.awk' -o -name '*.cmake' \
            -o -name CMakeLists.txt -o -name '*.def' -o -name run \) 2>/dev/null || :
        ls CMakeLists.txt Makefile check demo 2>/dev/null || :
    } | grep -v -e '^scripts/check-words[.]sh$' -e '^tests/contract/selftest[.]sh$' | LC_ALL=C sort -u
)
found=$(
    printf '%s\n' "$files" | while IFS= read -r file; do
        [ -n "$file" ] || continue
        grep -n -H -w -i -E 'TODO|FIXME|XXX|HACK|not (yet )?implemented|placeholder|to be done|work in progress' "$file" || :
        case $file in
        *.c | *.h | *.sh | *.awk | */run | check | demo)
            head -n 3 "$file" | grep -q 'SPDX-License-Identifier: MIT' || echo "$file:1: no SPDX-License-Identifier line"
            ;;
        esac
    done
)
[ -z "$found" ] || printf '%s\n' "$found" >&2
verdict words "$(printf '%s' "$found" | grep -c . || :)"
