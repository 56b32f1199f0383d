#!/bin/sh
# SPDX-License-Identifier: MIT
# check-docs.sh [ROOT]: links inside the project lead somewhere, the README names the two commands, and the program in
# restain.h is examples/translate_tile.c.
set -eu
# shellcheck source=scripts/lib/sources.sh
. "$(dirname "$0")/lib/sources.sh"

found=$(
    for file in *.md doc/*.md; do
        [ -f "$file" ] || continue
        # Links outside fenced code: ](target), images too.
        awk -v file="$file" '
            /^```/ { fenced = !fenced }
            fenced { next }
            {
                rest = $0
                while (match(rest, /\]\([^)]*\)/)) {
                    print file ":" FNR, substr(rest, RSTART + 2, RLENGTH - 3)
                    rest = substr(rest, RSTART + RLENGTH)
                }
            }' "$file" |
        while read -r where target _; do
            case $target in
            *://* | mailto:* | '#'*) continue ;;
            esac
            target=${target%%#*}
            [ -e "$(dirname "$file")/$target" ] || echo "$where: $target is not there"
        done
    done
    # The program that restain.h opens with is the one that is built and run.
    if [ -f include/restain/restain.h ]; then
        awk '/^ \*     #include <stdio.h>/ { on = 1 }
             on && /^ \* [^ ]/ { exit }
             on { if (!sub(/^ \*     /, "")) sub(/^ \*/, ""); print }' include/restain/restain.h |
            awk '{ text = text $0 "\n" } END { sub(/\n+$/, "\n", text); printf "%s", text }' >"${TMPDIR:-/tmp}/restain-docs.$$"
        sed 1d examples/translate_tile.c | cmp -s - "${TMPDIR:-/tmp}/restain-docs.$$" ||
            echo "examples/translate_tile.c:1: differs from the program in include/restain/restain.h"
        rm -f "${TMPDIR:-/tmp}/restain-docs.$$"
    fi
    for command in ./check ./demo; do
        grep -q -F -e "$command" README.md 2>/dev/null || echo "README.md:1: does not name $command"
    done
)
[ -z "$found" ] || printf '%s\n' "$found" >&2
verdict docs "$(printf '%s' "$found" | grep -c . || :)"
