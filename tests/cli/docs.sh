#!/bin/sh
# SPDX-License-Identifier: MIT
# --help equals man, word for word, and completion knows every flag.
. "$(dirname "$0")/lib/common.sh"

expect 0 - _docs docs

# The words of a man page: requests and escapes taken out, headings as --help writes them.
man_words() {
    sed -e '/^[.]SH NAME/d' -e '/^[.]\\"/d' -e '/^[.]TH/d' -e 's/^[.]SH SYNOPSIS/Usage:/' \
        -e 's/^[.]SH DESCRIPTION/Description:/' -e 's/^[.]SH COMMANDS/Commands:/' -e 's/^[.]SH OPTIONS/Options:/' \
        -e 's/^[.]SH PAPER AND CODE/Paper and code:/' -e 's/^[.]SH EXAMPLES/Examples:/' -e 's/^[.]SS \(.*\)/\1:/' -e 's/^[.]SH EXIT STATUS/Exit status:/' -e '/^[.]/d' -e 's/^\\&//' \
        -e 's/\\e/\\/g' -e 's/\\-/-/g' "$1" | sed '1s/^restain-/restain /' | tr -s ' \n' '\n\n'
}

for verb in '' train sweep prepare translate seamtest convert info synth doctor; do
    page=docs/man/restain${verb:+-$verb}.1
    check "$page is missing" test -s "$page"
    # shellcheck disable=SC2086
    expect 0 - $verb --help
    tr -s ' \n' '\n\n' <out | sed '/^$/d' >help.words
    man_words "$page" | sed '/^$/d' >man.words
    cmp -s help.words man.words || {
        problem "restain $verb --help and $page differ"
        diff help.words man.words | head -n 10
    }
    # Every option begins an item once.
    twice=$(sed -n '/^Options:/,$s/^  \(-[a-z], \)*\(--[a-zA-Z0-9-]*\).*/\2/p' out | sort | uniq -d | tr '\n' ' ')
    [ -z "$twice" ] || problem "restain $verb has more than one $twice"
    [ -z "$verb" ] || grep -o -e '--[a-zA-Z][a-zA-Z0-9-]*' out | sort -u | while read -r flag; do
        grep -q -e "$verb:-.*$flag" docs/completion/restain || echo "$flag"
    done >unknown
    [ -z "$verb" ] || [ ! -s unknown ] || problem "completion of $verb lacks $(tr '\n' ' ' <unknown)"
    if command -v groff >/dev/null; then
        groff -man -Tutf8 -ww "$page" >/dev/null 2>warnings
        [ ! -s warnings ] || problem "$page: $(head -n 1 warnings)"
    fi
done

if command -v bash >/dev/null; then
    bash -n docs/completion/restain || problem 'the completion does not parse'
    cat >ask.sh <<'SH'
. docs/completion/restain 2>/dev/null
COMP_WORDS=("$@") COMP_CWORD=$(($# - 1)) COMPREPLY=()
_restain
echo "${COMPREPLY[*]}"
SH
    [ "$(bash ask.sh restain trans)" = translate ] || problem 'completion of a command'
    [ "$(bash ask.sh restain translate --overw)" = --overwrite ] || problem 'completion of a flag'
    [ "$(bash ask.sh restain train --method am)" = ammfi ] || problem 'completion of a method'
    [ "$(bash ask.sh restain translate --bn '')" = 'batch running' ] || problem 'completion of a value'
fi
finish
