#!/bin/sh
# SPDX-License-Identifier: MIT
# check-length.sh [ROOT]: no file above 800 lines, no function above 120, counted from its `{` in column 0
# to its `}` in column 0. A function under a line /* rst-table */ is a table and may be longer.
set -eu
# shellcheck source=scripts/lib/sources.sh
. "$(dirname "$0")/lib/sources.sh"

lengths=$(
    sources src include tests examples bench | while IFS= read -r file; do
        awk -v file="$file" '
            /^\/\* rst-table \*\/$/ { table = 1; next }
            /^\{$/ { start = FNR }
            /^\}$/ && start {
                if (table)
                    table = 0
                else
                    print "f", FNR - start + 1, file ":" start
                start = 0
            }
            END { print "l", FNR, file ":1" }' "$file"
    done
)
found=$(printf '%s\n' "$lengths" | awk '
    $1 == "f" && $2 > 120 { print $3 ": a function of " $2 " lines, more than 120" }
    $1 == "l" && $2 > 800 { print $3 ": a file of " $2 " lines, more than 800" }')
[ -z "$found" ] || printf '%s\n' "$found" >&2

printf '%s\n' "$lengths" | awk '$1 == "f" { print $2 }' | sort -n | awk '
    { n[NR] = $1 }
    END {
        if (NR)
            printf "%d functions: median %d lines, nine in ten at most %d, longest %d\n", NR, n[int((NR + 1) / 2)],
                   n[int(NR * 0.9 + 0.999)], n[NR]
    }'
verdict length "$(printf '%s' "$found" | grep -c . || :)"
