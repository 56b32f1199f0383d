#!/bin/sh
# SPDX-License-Identifier: MIT
# Synthetic data sets from the command line: what is written, that it is the same each time, what is refused.
. "$(dirname "$0")/lib/common.sh"

export OMP_NUM_THREADS=1
expect 0 '10 pairs of 96 x 96' synth --pairs 10 --size 96 --seed 4 -o one
OMP_NUM_THREADS=3 expect 0 - synth -q --pairs 10 --size 96 --seed 4 -o three
check 'threads change the data set' diff -r one three
expect 0 . synth --pairs 10 --size 96 --seed 5 other
differ one/trainA/00000_train_0.png other/trainA/00000_train_0.png
no_halves one

check 'pictures are missing' test "$(find one -name '*.png' | wc -l)" = 50
check 'partners have other names' test "$(ls one/trainA one/valA | tail -n +2)" = "$(ls one/trainB one/valB | sed 's/B:$/A:/' | tail -n +2)"
check 'not a fifth is for validation' test "$(find one/valA -type f | wc -l)" = 2
check 'no truth' test -s one/truth/train/00003_train_3+.dab.png
levels=$(awk -F '\t' 'NR > 1 { n[$6]++ } END { print n["0"], n["1+"], n["2+"], n["3+"] }' one/manifest.tsv)
check "levels are not balanced: $levels" test "$levels" = '3 3 2 2'
check 'the manifest does not fit its levels' awk -F '\t' '
    NR > 1 && (($6 == "0") != ($9 == 0) || $7 < 0.1 || $7 > 1) { bad++; print }
    END { exit bad + (NR != 11) }' one/manifest.tsv

expect 2 'one/trainA: exists' synth --pairs 2 --size 32 -o one
expect 0 . synth --pairs 3 --size 32 --overwrite -o one
check "old pairs are left" test "$(find one -type f | wc -l)" = 16
expect 0 . synth --pairs 2 --size 32 --level 3 --val-share 0.5 --jpeg 80 -o jpeg
check 'no JPEG' test -s jpeg/valB/00001_val_3+.jpg
expect 2 'either --pairs or --slide' synth -o x
expect 2 'either --pairs or --slide' synth --pairs 2 --slide 60x60 -o x
expect 2 'name one output' synth --pairs 2
expect 2 'name one output' synth --pairs 2 -o x y
: >file

# A full disk is an output error and leaves no half picture.
(
    ulimit -f 20
    "$RESTAIN" synth -q --pairs 2 --size 256 -o full >out 2>err
    [ $? = 1 ]
) || problem "a full disk is no output error: $(cat err)"
no_halves full
absent full/manifest.tsv

# Slides: the same file from any number of threads; what belongs to it; the pattern.
expect 0 "s.tif: a made slide" synth --slide 700x500 --seed 2 --tile 128 --ihc ihc.tif --truth truth.tif s.tif
OMP_NUM_THREADS=3 expect 0 - synth -q --slide 700x500 --seed 2 --tile 128 t.tif
same s.tif t.tif
for file in s.tif ihc.tif truth.tif; do
    expect 0 - info "$file"
    check "$file has another size" grep -q "^width: *700" out
done
expect 0 . synth --slide 700x500 --seed 2 --tile 128 --artefacts 1 --stain-variation 0 flawed.tif
differ s.tif flawed.tif
expect 0 . synth --slide 700x500 --seed 2 --tile 128 --shift 8 --elastic 4 --ihc aside.tif he.tif
same s.tif he.tif
differ ihc.tif aside.tif
expect 0 . synth --slide 300x200 --pattern pattern.tif
expect 2 "neither --ihc nor --truth" synth --slide 300x200 --pattern --ihc x.tif y.tif
expect 2 "s.tif: exists" synth --slide 300x200 s.tif
expect 2 "ihc.tif: exists" synth --slide 300x200 --ihc ihc.tif z.tif
absent z.tif
expect 1 file synth --pairs 1 --size 32 -o file
finish
