#!/bin/sh
# SPDX-License-Identifier: MIT
# check-headers.sh [ROOT]: each public header compiles alone, and twice, as C11 and as C++17.
set -eu
# shellcheck source=scripts/lib/sources.sh
. "$(dirname "$0")/lib/sources.sh"

bad=0
for header in include/restain/*.h; do
    [ -f "$header" ] || continue
    name=restain/${header##*/}
    text="#include <$name>
#include <$name>"
    printf '%s\n' "$text" | ${CC:-cc} -x c -std=c11 -Wall -Wextra -pedantic -Werror -Iinclude -fsyntax-only - ||
        { echo "$header:1: does not compile alone as C11" >&2; bad=$((bad + 1)); }
    printf '%s\n' "$text" | ${CXX:-c++} -x c++ -std=c++17 -Wall -Wextra -pedantic -Werror -Iinclude -fsyntax-only - ||
        { echo "$header:1: does not compile alone as C++17" >&2; bad=$((bad + 1)); }
done
verdict headers "$bad"
