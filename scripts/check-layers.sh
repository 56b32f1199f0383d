#!/bin/sh
# SPDX-License-Identifier: MIT
# check-layers.sh [ROOT]: who may include whom (doc/architecture.md). Public headers stand on C's own alone.
set -eu
# shellcheck source=scripts/lib/sources.sh
. "$(dirname "$0")/lib/sources.sh"

# FOLDER: the folders right below it. What those may include it may include too.
rule='
base:
tensor: base
backend: tensor
grad: backend
plan: grad
model: tensor
nn: plan model
image: base
slide: image
data: slide
metric: nn image
method: nn metric
run: method data metric
cli: run
viewer:
'

found=$(
    code src include | awk -v rule="$rule" '
    function reach(folder, top,    n, i, below) { # top may include folder and all that folder may
        if ((top, folder) in may)
            return
        may[top, folder] = 1
        n = split(direct[folder], below, " ")
        for (i = 1; i <= n; i++)
            reach(below[i], top)
    }
    function complain(text) {
        print where ": " text
    }
    BEGIN {
        n = split(rule, rows, "\n")
        for (i = 1; i <= n; i++) {
            if (split(rows[i], half, ":") < 1 || half[1] == "")
                continue
            known[half[1]] = 1
            direct[half[1]] = half[2]
        }
        for (folder in known)
            reach(folder, folder)
        n = split("assert complex ctype errno fenv float inttypes limits math signal stdarg stdbool " \
                  "stddef stdint stdio stdlib string time", names, " ")
        for (i = 1; i <= n; i++)
            standard[names[i] ".h"] = 1
    }
    {
        split($0, part, ":")
        where = part[1] ":" part[2]
        n = split(part[1], path, "/")
        from = path[2]
        text = $0
        sub(/^[^:]*:[0-9]*:/, "", text)
    }
    path[1] == "src" && n > 2 && !(from in known) && !(from in told) {
        told[from] = 1
        complain("src/" from " has no row in the table of check-layers.sh")
    }
    path[1] == "src" && n < 3 && !(part[1] in told) {
        told[part[1]] = 1
        complain("a source file lives in a layer folder of src")
    }
    text !~ /^[ \t]*#[ \t]*include/ { next }
    {
        name = text
        sub(/^[^<"]*[<"]/, "", name)
        sub(/[>"].*$/, "", name)
        quoted = text ~ /include[ \t]*"/
        to = name
        sub(/\/.*$/, "", to)
    }
    path[1] == "include" {
        if (quoted || !(name ~ /^restain\// || name in standard))
            complain("a public header includes " name)
        next
    }
    quoted && name !~ /\// { complain("\"" name "\" is written without its folder"); next }
    quoted && name ~ /(^|\/)\.\.?\// { complain("\"" name "\" is not written from src on"); next }
    quoted && !(to in known) { complain("\"" name "\": src/" to " is no layer"); next }
    quoted && !((from, to) in may) { complain(from " may not include " name) }
    '
)
[ -z "$found" ] || printf '%s\n' "$found" >&2
verdict layers "$(printf '%s' "$found" | grep -c . || :)"
