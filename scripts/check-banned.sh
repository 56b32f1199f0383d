#!/bin/sh
# SPDX-License-Identifier: MIT
# check-banned.sh [ROOT]: functions and third-party headers that have their one place, or none.
# A line may use one against the rule if a comment in it says why: /* allow free: jansson made it */
set -eu
# shellcheck source=scripts/lib/sources.sh
. "$(dirname "$0")/lib/sources.sh"

# NAMES; where they are allowed (a pattern of paths, `-` for nowhere); what to use
functions='
atoi atol atoll atof;-;strtoll, strtod and a check of where they ended
strcpy stpcpy strcat strncat;-;src/base/str.h, or memcpy with a length
sprintf vsprintf;-;snprintf, or src/base/str.h
strncpy;-;snprintf, or src/base/str.h
gets scanf fscanf sscanf;-;a parser that takes (pointer, length)
strtok;-;strtok_r, or a loop over (pointer, length)
rand srand random drand48;-;src/base/rng.h
system popen;-;nothing: the project starts no other program
tmpnam mktemp tempnam;-;src/base/file.h
alloca;-;src/base/alloc.h
setjmp longjmp;^src/image/;a status (libpng is why src/image may)
malloc calloc realloc reallocarray free strdup strndup aligned_alloc posix_memalign;^src/base/alloc[.]c$;src/base/alloc.h
fopen fopen64 freopen open openat creat tmpfile mkstemp rename;^src/base/file[.]c$;src/base/file.h
exit _exit abort quick_exit;^src/cli/;rst_fail
printf fprintf vprintf vfprintf puts fputs putchar fputc putc perror;^src/cli/;rst_fail, or src/base/log.h
'
# The rules that name a place are the library's; these folders are free of them.
free_of='^(tests|examples|bench)/'

headers='
jansson.h;^src/base/json[.]h$;base/json.h
ini.h;^src/base/;a face in src/base
openssl/;^src/base/hash[.]c$;base/hash.h
png.h tiffio.h tiff.h turbojpeg.h jpeglib.h;^src/(image|slide)/;the decoders of src/image
openslide.h;^src/slide/openslide[.]c$;slide/reader.h
cairo.h cairo/;^src/image/draw[.]c$;image/draw.h
zip.h;^src/model/;the readers of src/model
dnnl.h oneapi/;^src/backend/cpu/;the cpu backend
'

found=$(
    code src include tests examples bench |
    awk -v functions="$functions" -v headers="$headers" -v free_of="$free_of" '
    function table(text, place, instead, library,    n, i, k, rows, cell, names, m) {
        n = split(text, rows, "\n")
        for (i = 1; i <= n; i++) {
            if (split(rows[i], cell, ";") < 3)
                continue
            m = split(cell[1], names, " ")
            for (k = 1; k <= m; k++) {
                place[names[k]] = cell[2]
                instead[names[k]] = cell[3]
                library[names[k]] = cell[2] != "-"
            }
        }
    }
    BEGIN {
        table(functions, fplace, finstead, flibrary)
        table(headers, hplace, hinstead, hlibrary)
    }
    {
        split($0, part, ":")
        where = part[1] ":" part[2]
        text = $0
        sub(/^[^:]*:[0-9]*:/, "", text)
        exempt = part[1] ~ free_of
    }
    text ~ /^[ \t]*#[ \t]*include/ {
        name = text
        sub(/^[^<"]*[<"]/, "", name)
        sub(/[>"].*$/, "", name)
        for (h in hplace)
            if ((name == h || (h ~ /\/$/ && index(name, h) == 1)) && part[1] !~ hplace[h] && !exempt)
                print where ": " name " is not included here; use " hinstead[h]
        next
    }
    {
        allowed = ""
        while (match(text, /@allow\([a-z_]+\)/)) {
            allowed = allowed " " substr(text, RSTART + 7, RLENGTH - 8) " "
            text = substr(text, 1, RSTART - 1) substr(text, RSTART + RLENGTH)
        }
        rest = text
        before = ""
        while (match(rest, /[A-Za-z_][A-Za-z_0-9]*[ \t]*\(/)) {
            name = substr(rest, RSTART, RLENGTH - 1)
            sub(/[ \t]*$/, "", name)
            before = before substr(rest, 1, RSTART - 1)
            if (name in fplace && before !~ /([.]|->)[ \t]*$/ && !index(allowed, " " name " ") &&
                !(flibrary[name] && (exempt || part[1] ~ fplace[name])))
                print where ": " name " is banned here; use " finstead[name]
            before = before substr(rest, RSTART, RLENGTH)
            rest = substr(rest, RSTART + RLENGTH)
        }
    }
    '
)
[ -z "$found" ] || printf '%s\n' "$found" >&2
verdict banned "$(printf '%s' "$found" | grep -c . || :)"
