#!/bin/sh
# SPDX-License-Identifier: MIT
# Reports and reader studies: what is in them, that they repeat, and what is refused before anything is computed.
. "$(dirname "$0")/lib/common.sh"

expect 0 - synth -q --pairs 6 --size 96 --val-share 0 --seed 2 -o s
mkdir virtual
for he in s/trainA/*; do
    cp "$he" virtual
done
report() { # DIR ARG...: a report of two runs
    dir=$1
    shift
    expect 0 "$dir/index.html: a report" evaluate --compare s/trainB virtual s/trainA --names 'one & only,<two>' --report "$dir" "$@"
}

report r --he s/trainA --cases 2
for file in index.html typical.png worst.png best.png brown.png distributions.png agreement.png tables.tex scores.json scores.csv; do
    checks=$((checks + 1))
    [ -s "r/$file" ] || problem "no $file"
done
has() { # FILE PATTERN
    checks=$((checks + 1))
    grep -q -e "$2" "$1" || problem "$1 has no '$2'"
}
hasnt() {
    checks=$((checks + 1))
    grep -q -e "$2" "$1" && problem "$1 has '$2'"
}
has r/index.html 'one &amp; only'
has r/index.html '&lt;two&gt;'
has r/index.html '6 pictures of real IHC'
has r/index.html 'Protocol <b>asp-2023</b>'
hasnt r/index.html 'http'
hasnt r/index.html '<script'
hasnt r/index.html '<two>'
checks=$((checks + 1))
[ "$(grep -o 'src="data:image/png;base64,' r/index.html | wc -l)" = 6 ] || problem 'the page does not hold six pictures'
# A picture comes out of the page as it lies beside it.
grep -o 'alt="The worst" src="data:image/png;base64,[^"]*' r/index.html | sed 's/.*,//' | base64 -d >worst.png
same worst.png r/worst.png
has r/tables.tex 'one \\& only &'
has r/tables.tex '137.3'
has r/tables.tex 'average to .5262'

report again --he s/trainA --cases 2
for file in index.html worst.png tables.tex; do
    same "r/$file" "again/$file"
done

# Few pairs, one run, no H&E.
expect 0 'one/index.html' evaluate s/trainB virtual --report one --cases 6
has one/index.html 'All pairs'
absent one/worst.png

expect 2 'names: fewer names' evaluate --compare s/trainB virtual s/trainA --names a --report x
expect 2 'names: more names' evaluate s/trainB virtual --names a,b --report x
expect 2 'he: only with --report' evaluate s/trainB virtual --he s/trainA
expect 3 'nowhere: no such folder' evaluate s/trainB virtual --he nowhere --report x
mkdir few
cp "$he" few
expect 3 'few' evaluate s/trainB virtual --he few --report x
expect 2 '64 rows at most' evaluate s/trainB virtual --cases 65 --report x
absent x

# Two slides: where the brown is off. The second is the first itself, then the H&E, in which nests are paler.
expect 0 - synth -q --slide 1300x1100 --tissue 0.8 --seed 4 --ihc ihc.ome.tif he.ome.tif
expect 0 - evaluate -q ihc.ome.tif ihc.ome.tif --heatmap same.ome.tif --geojson same.json
expect 0 'report' evaluate ihc.ome.tif he.ome.tif --heatmap map.ome.tif --geojson map.json --report slides --cases 2
has slides/index.html '4 tiles of a slide'
expect 0 - info map.ome.tif
has out 'width: *41$'
has out 'height: *35$'
has out 'mpp: *16$'
[ "$(grep -c '"objectType": "tile"' map.json)" = 4 ] || problem 'not a feature for each of four tiles'
has same.json '"agrees"'
hasnt same.json '"too '
has map.json '"too pale"'
expect 2 'heatmap: only of two slides' evaluate s/trainB virtual --heatmap x.tif
expect 2 'geojson: only of two slides' evaluate s/trainB virtual --geojson x.json
absent x.tif x.json

# Blinded: as many letters as pictures, each of them what the key says, an order for each case.
expect 0 'keep key.csv' evaluate --compare s/trainB virtual s/trainA --names hers,his --he s/trainA --reader-study study --cases 5 --seed 3
checks=$((checks + 3))
[ "$(wc -l <study/sheet.csv)" = 16 ] && [ "$(wc -l <study/key.csv)" = 16 ] || problem 'sheet and key do not have 15 lines and a head'
[ "$(cut -d, -f2,4 study/key.csv | sort -u | wc -l)" -gt 6 ] || problem 'the same letter is always the same stain'
[ "$(ls study | grep -c '^000')" = 5 ] || problem 'there are not five cases'
hasnt study/sheet.csv 'hers'
tail -n +2 study/key.csv | tr -d '"\r' | while IFS=, read -r case letter name stain; do
    case $stain in
    real) folder=s/trainB ;;
    *) folder=virtual ;;
    esac
    "$RESTAIN" evaluate -q --metrics psnr "$folder/$name.png" "study/$case/$letter.png" 2>&1 | grep -q 'inf' || echo "$case $letter is not $stain"
done >wrong
checks=$((checks + 1))
[ ! -s wrong ] || problem "$(cat wrong)"
expect 1 'study: exists' evaluate s/trainB virtual --reader-study study
expect 2 '7 cases are wanted of 6 pairs' evaluate s/trainB virtual --reader-study other --cases 7
absent other
finish
