# SPDX-License-Identifier: MIT
# Sourced by the tests of the command: an own folder to work in, and checks that say what failed.
set -u
: "${RESTAIN:?the command to test}" "${RESTAIN_SOURCE:?the folder of the sources}"
images=$RESTAIN_SOURCE/tests/fuzz/corpus/image
work=$(mktemp -d "${TMPDIR:-/tmp}/restain-cli-XXXXXX") || exit 1
trap 'rm -rf "$work"' EXIT
cd "$work" || exit 1
failures=0
checks=0

problem() { # TEXT: counts and prints a failure
    failures=$((failures + 1))
    echo "FAILED: $*"
}

# expect CODE PATTERN ARG...: runs restain ARG...; its exit code is CODE and a line of stderr matches PATTERN
# (a basic regular expression; - for no stderr at all). stdout stays in `out`, stderr in `err`.
expect() {
    code=$1 pattern=$2
    shift 2
    checks=$((checks + 1))
    "$RESTAIN" "$@" >out 2>err </dev/null
    got=$?
    [ "$got" = "$code" ] || {
        problem "restain $*: exit code $got, not $code"
        sed 's/^/    /' err
    }
    if [ "$pattern" = - ]; then
        [ ! -s err ] || {
            problem "restain $*: says something"
            sed 's/^/    /' err
        }
    elif ! grep -q -e "$pattern" err; then
        problem "restain $*: no line of stderr matches '$pattern'"
        sed 's/^/    /' err
    fi
    if [ "$code" != 0 ] && [ "$code" != 4 ] && [ "$(grep -c . err)" -gt 3 ]; then
        problem "restain $*: an error of more than a line or two"
        sed 's/^/    /' err
    fi
}

# check TEXT COMMAND...: the command succeeds
check() {
    text=$1
    shift
    checks=$((checks + 1))
    "$@" || problem "$text"
}

same() { # A B: the files are equal
    check "$1 and $2 differ" cmp -s "$1" "$2"
}

differ() { # A B: they are not
    checks=$((checks + 1))
    ! cmp -s "$1" "$2" || problem "$1 and $2 are the same"
}

absent() { # FILE...: they do not exist
    checks=$((checks + 1))
    for file in "$@"; do
        [ ! -e "$file" ] || problem "$file exists"
    done
}

no_halves() { # FOLDER: nothing in it was left half written
    checks=$((checks + 1))
    [ -z "$(find "$1" -name '*.part')" ] || problem "$1 holds a .part file"
}

finish() {
    echo "$checks checks, $failures failed"
    [ "$failures" = 0 ]
    exit
}
