#!/bin/sh
# SPDX-License-Identifier: MIT
# check-symbols.sh LIBRARY [ROOT]: the library exports exactly what the public headers declare with RST_API,
# and all of it is called rst_.
set -eu
library=$(cd "$(dirname "$1")" && pwd)/${1##*/}
shift
# shellcheck source=scripts/lib/sources.sh
. "$(dirname "$0")/lib/sources.sh"

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

nm -D --defined-only "$library" | awk '{ sub(/@.*/, "", $3) }
    $3 !~ /^\.gomp_/ { print $3 } # what clang makes of an OpenMP reduction' | LC_ALL=C sort -u >"$work/exported"
# A declaration may run over lines: join them up to the `;`, then take the name before the first `(`.
code include | awk '
    {
        where = $0
        sub(/:[^:]*$/, "", where)
        split($0, part, ":")
        text = $0
        sub(/^[^:]*:[0-9]*:/, "", text)
    }
    text ~ /^[ \t]*#/ { next }
    /RST_API/ { collecting = 1; all = ""; start = part[1] ":" part[2] }
    collecting {
        all = all " " text
        if (text ~ /;/) {
            collecting = 0
            sub(/RST_CHECK_RESULT/, "", all)
            sub(/[ \t]*[(\[;].*$/, "", all)
            sub(/^.*[^A-Za-z_0-9]/, "", all)
            print all, start
        }
    }' | LC_ALL=C sort >"$work/declared"

awk 'NR == FNR { declared[$1] = $2; next }
     FNR == 1 { }
     { exported[$1] = 1 }
     $1 !~ /^rst_[^_]/ { print FILENAME ": " $1 " is exported but not named rst_"; next }
     !($1 in declared) { print FILENAME ": " $1 " is exported but no public header declares it" }
     END {
         for (name in declared)
             if (!(name in exported))
                 print declared[name] ": " name " is declared RST_API but not exported"
     }' "$work/declared" "$work/exported" | sed "s|^$work/exported|$library|" | LC_ALL=C sort >"$work/found"
cat "$work/found" >&2
echo "$(wc -l <"$work/exported") symbols"
verdict symbols "$(wc -l <"$work/found")"
