# SPDX-License-Identifier: MIT
# Read by the checks with `.`: sets root (the first argument or the project's own folder), goes there, and
# defines how they list and read sources.
root=${1:-$(dirname "$0")/..}
root=$(cd "$root" && pwd)
lib=$(cd "$(dirname "$0")/lib" && pwd)
cd "$root" || exit 1

# sources FOLDER...: every .c and .h file below them, sorted. Folders that are not there are passed over.
sources() {
    for folder in "$@"; do
        [ ! -d "$folder" ] || find "$folder" -type f \( -name '*.c' -o -name '*.h' \)
    done | LC_ALL=C sort
}

# code FOLDER...: the same files as lines "file:line:text" without comments and the contents of literals.
code() {
    sources "$@" | while IFS= read -r file; do
        awk -v file="$file" -f "$lib/code.awk" "$file"
    done
}

# verdict NAME COUNT: the closing line and the exit status.
verdict() {
    if [ "$2" -gt 0 ]; then
        echo "$1: $2 found" >&2
        exit 1
    fi
    echo "$1: ok"
}
