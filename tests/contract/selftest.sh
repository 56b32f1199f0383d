#!/bin/sh
# SPDX-License-Identifier: MIT
# Each check of scripts/ passes on a small clean tree and finds what is planted in it, by file and line.
set -u
scripts=$(cd "$(dirname "$0")/../../scripts" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
bad=0

# tree: a clean project of one source, one header and one page.
tree() {
    rm -rf "$work/t"
    mkdir -p "$work/t/src/base" "$work/t/src/nn" "$work/t/src/cli" "$work/t/include/restain" "$work/t/doc"
    cp "$scripts/../.clang-format" "$work/t/"
    printf '%s\n' '/* SPDX-License-Identifier: MIT */' '#ifndef A_H' '#define A_H' \
        '#define RST_API __attribute__((visibility("default")))' '#ifdef __cplusplus' 'extern "C" {' '#endif' \
        'RST_API int rst_a(int x_with_a_name_of_considerable_length_so_that,' \
        '                  int y_has_to_go_onto_the_next_line_of_the_header);' '#ifdef __cplusplus' '}' '#endif' '#endif' \
        >"$work/t/include/restain/a.h"
    printf '%s\n' '/* SPDX-License-Identifier: MIT */' '/* malloc(1) in a comment, */' '#include <restain/a.h>' '' \
        'int rst_a(int x, int y)' '{' '    const char *text = "free(x)";' '    return x + y + text[0];' '}' \
        >"$work/t/src/base/a.c"
    printf '%s\n' 'Run ./check and ./demo; see [more](doc/more.md#top) or [there](https://example.org).' >"$work/t/README.md"
    echo text >"$work/t/doc/more.md"
}

# clean CHECK [ARG]: it passes.
clean() {
    check=$1
    shift
    out=$(sh "$scripts/check-$check.sh" "$@" "$work/t" 2>&1)
    rc=$?
    [ $rc = 0 ] || [ $rc = 77 ] || {
        echo "check-$check refuses a clean tree: $out"
        bad=1
    }
}

# finds CHECK PLACE [ARG]: it fails and names the place.
finds() {
    check=$1
    place=$2
    shift 2
    out=$(sh "$scripts/check-$check.sh" "$@" "$work/t" 2>&1)
    rc=$?
    [ "$rc" != 77 ] || return 0
    case $out in
    *"$place"*) [ "$rc" = 1 ] && return ;;
    esac
    echo "check-$check: wanted status 1 and '$place', got $rc: $out"
    bad=1
}

# plant FILE LINE...: writes a source file with these lines below its licence.
plant() {
    file=$work/t/$1
    shift
    mkdir -p "$(dirname "$file")"
    printf '%s\n' '/* SPDX-License-Identifier: MIT */' "$@" >"$file"
}

lines() { # COUNT
    i=0
    while [ $i -lt "$1" ]; do
        echo '    x++;'
        i=$((i + 1))
    done
}

library() { # the objects of src/base/*.c as a shared library
    ${CC:-cc} -shared -fPIC -fvisibility=hidden -I"$work/t/include" -o "$work/lib.so" "$work"/t/src/base/*.c
}

tree
for check in layers banned length format headers words docs; do
    clean $check
done
library
clean symbols "$work/lib.so"

plant src/base/up.c '#include "nn/net.h"'
finds layers src/base/up.c:2
tree
plant src/nn/ok.c '#include "base/a.h"' '#include "tensor/b.h"' '#include "model/c.h"'
clean layers
plant src/nn/bare.c '#include "net.h"'
finds layers src/nn/bare.c:2
tree
plant src/odd/x.c '#include "base/a.h"'
finds layers src/odd
tree
plant include/restain/b.h '#include <png.h>'
finds layers include/restain/b.h:2

tree
plant src/nn/m.c 'void f(void)' '{' '    g(malloc(3));' '}'
finds banned src/nn/m.c:4
plant src/nn/m.c 'void f(void)' '{' '    p->free(q); rst__free(q);' '    free(q); /* allow free: it is png'"'"'s */' '}'
clean banned
plant src/nn/m.c 'void f(void)' '{' '    printf("x");' '}'
finds banned src/nn/m.c:4
plant src/nn/m.c '#include <zip.h>'
finds banned src/nn/m.c:2
tree
plant tests/unit/t.c 'int main(void)' '{' '    printf("%d", atoi("1"));' '}'
finds banned 'tests/unit/t.c:4: atoi'
tree
plant src/cli/c.c 'void f(void)' '{' '    printf("x");' '}'
clean banned

tree
plant src/nn/l.c 'void f(int x)' '{' "$(lines 118)" '}'
clean length
plant src/nn/l.c 'void f(int x)' '{' "$(lines 119)" '}'
finds length src/nn/l.c:3
plant src/nn/l.c '/* rst-table */' 'void f(int x)' '{' "$(lines 119)" '}'
clean length
plant src/nn/l.c "$(lines 800)"
finds length src/nn/l.c:1

tree
plant src/nn/f.c 'int  f( void );'
finds format src/nn/f.c:2

tree
plant include/restain/b.h 'int rst_b(size_t n);'
finds headers include/restain/b.h:1
tree
plant include/restain/b.h 'struct rst_c { int class; };'
finds headers 'include/restain/b.h:1: does not compile alone as C++17'

tree
plant src/nn/w.c '/* TO''DO: later */'
finds words src/nn/w.c:2
tree
echo 'int x;' >"$work/t/src/nn/w.c"
finds words src/nn/w.c:1

tree
echo '[gone](doc/gone.md)' >>"$work/t/README.md"
finds docs README.md:2
tree
echo 'nothing' >"$work/t/README.md"
finds docs 'does not name ./demo'

tree
plant src/base/s.c '__attribute__((visibility("default"))) int other(void);' 'int other(void)' '{' '    return 0;' '}'
library
finds symbols 'other is exported but not named' "$work/lib.so"
tree
plant include/restain/b.h '#include <restain/a.h>' 'RST_API const char *rst_gone(void);'
finds symbols 'include/restain/b.h:3: rst_gone is declared' "$work/lib.so"
tree
plant src/base/s.c '__attribute__((visibility("default"))) int rst_more(void);' 'int rst_more(void)' '{' '    return 0;' '}'
library
finds symbols 'rst_more is exported but no public header' "$work/lib.so"

# report STATUS-OF-B [LINE-OF-OUTPUT]: CTest's report of two tests, a.one (passed) and b.two.
report() {
    {
        printf '\t<testcase name="a.one" classname="a.one" time="0" status="run">\n\t\t<system-out>%s\n' "${2:-}"
        printf '</system-out>\n\t</testcase>\n\t<testcase name="b.two" classname="b.two" time="0" status="%s">\n' "$1"
        [ "$1" != notrun ] || printf '\t\t<skipped message="SKIP_RETURN_CODE=77"/>\n'
        printf '\t\t<system-out>skipped: needs the moon\n</system-out>\n\t</testcase>\n'
    } >"$work/report.xml"
}

# counts STATUS LINE [EXPECTED-SKIP]: what the count of the report says where "needs the moon" holds.
counts() {
    printf '# rows\n%s\n' "${3:-}" >"$work/expected"
    printf 'a.one\nb.two\n' >"$work/names"
    out=$(awk -f "$scripts/lib/skips.awk" -v expected="$work/expected" -v names="$work/names" \
        -v true_here=' needs-the-moon ' "$work/report.xml")
    rc=$?
    [ $rc = "$1" ] && [ "$(printf '%s\n' "$out" | tail -n 1)" = "$2" ] && return
    echo "skips.awk: wanted $1 and '$2', got $rc: $out"
    bad=1
}

report run
counts 0 '2 passed, 0 failed, 0 skipped'
report fail
counts 1 '1 passed, 1 failed, 0 skipped'
report notrun
counts 1 '1 passed, 1 failed, 0 skipped'
counts 0 '1 passed, 0 failed, 1 skipped' 'b.* needs the moon'
counts 1 '1 passed, 1 failed, 0 skipped' 'b.two needs the sun'
report run
counts 1 '2 passed, 1 failed, 0 skipped' 'c.three needs the moon'
report run '[  SKIPPED ] one_case'
counts 1 '1 passed, 1 failed, 0 skipped'
counts 0 '2 passed, 0 failed, 0 skipped' 'a.one needs the moon'

[ $bad = 0 ] && echo 'the checks find what they are for'
exit $bad
