#!/bin/sh
# SPDX-License-Identifier: MIT
# Slides cut into pairs of tiles: in the layout of MIST, each slide in one split, the same each time, taken up where it
# was stopped, with what is known of each pair; what is refused.
. "$(dirname "$0")/lib/common.sh"

export OMP_NUM_THREADS=2
synth() { # NAME ARG...: a registered pair
    name=$1
    shift
    mkdir -p he ihc
    expect 0 - synth -q --slide 800x600 --tissue 0.8 --compression deflate --levels 2 --ihc "ihc/$name.ome.tif" \
        -o "he/$name.ome.tif" "$@"
}
for seed in 1 2 3; do
    synth s$seed --seed $seed
done

found() { # PATTERN: a line of the last report
    check "the report has no '$1': $(cat out)" grep -q -e "$1" out
}
pictures() { # FOLDER: how many
    find "$1" -name '*.png' | wc -l
}
cut='prepare -q --tiles he ihc --tile-size 128 --min-tissue 0.6 --val-share 0.3'

# A dry run says the same and writes nothing.
# shellcheck disable=SC2086 # several words
{
    expect 0 - $cut --dry-run
    absent out.tiles
    found '^disk GB'
    grep -v '^disk' out >foretold
    expect 0 - $cut -o one
    head -n "$(grep -c . foretold)" out | cmp -s - foretold || problem "foretold was $(cat foretold), not $(cat out)"
    found '^slides: *3 pairs$'
    found '^val  *[1-9][0-9]* pairs of 1 slides$'
    found '^alignment: *shift 0[.][0-3] px, peak 0[.][789].*; 0 pairs without likeness$'
}
rows=$(awk 'END { print NR - 1 }' one/manifest.tsv)
check 'no tiles' test "$rows" -gt 10
check 'not two pictures a row' test "$(pictures one)" = $((2 * rows))
no_halves one

# Each slide is in one split; less tissue is asked for by nobody; the table is a data set, and so is the folder.
awk -F '\t' 'NR > 1 { if (in_split[$4] && in_split[$4] != $1) bad++; in_split[$4] = $1; if ($7 < 0.6 || $8 < 0.6 || $14 != 0.5) bad++
    if ($2 != $1 "A/" $4 "_" $12 "_" $13 ".png") bad++ } END { exit bad > 0 }' one/manifest.tsv || problem 'the table'
expect 0 - prepare -q --check one
found "^good pairs: $rows of $rows"
found '^slides: *3 by their names; 0 pairs'
small='--method asp --ngf 2 --ndf 2 --n-layers-D 3 --crop-size 64 --num-patches 16 --netG resnet_1blocks --nce-layers 0,4,8'
for data in one one/manifest.tsv; do
    # shellcheck disable=SC2086
    expect 0 - train -q $small --dataroot $data --dry-run
    found '^data: *[0-9]* pairs, [1-9][0-9]* to validate with$'
done

# shellcheck disable=SC2086
{
    # Threads change nothing. What is there is not made again, what is missing is; so after a stop.
    OMP_NUM_THREADS=1 expect 0 - $cut -o threads
    check 'threads change the tiles' diff -r one threads
    touch -t 200001010000 one/*/*.png
    gone=$(find one -name 's2_*.png' | sort | head -n 1)
    rm "$gone" one/manifest.tsv one/slides/s3.tsv
    expect 0 - $cut -o one
    found '^1 pictures made'
    check 'the rest is another' diff -r one threads
    check 'more than one was written' test "$(find one -name '*.png' -newermt 2001-01-01 | wc -l)" = 1
    "$RESTAIN" $cut -o stopped >out 2>err &
    pid=$!
    while [ ! -e stopped/trainA ] && [ ! -e stopped/valA ] && kill -0 $pid 2>/dev/null; do :; done
    kill -INT $pid
    wait $pid
    [ $? = 0 ] || {
        check "no word of going on: $(cat err)" grep -q 'the same command goes on' err
        absent stopped/manifest.tsv
    }
    no_halves stopped
    expect 0 - $cut -o stopped
    check 'a stopped run ends differently' diff -r stopped threads
    expect 2 'made with other settings' $cut -o one --min-peak 0.2
    mkdir mine
    cp -r one/trainA mine
    expect 2 'mine: has a trainA that is none of' $cut -o mine
}

# An IHC that lies aside is told by how much; one of other tissue has no likeness, and can be left out.
synth aside --seed 4 --shift 4
expect 0 - prepare -q --tiles he/aside.ome.tif ihc/aside.ome.tif --tile-size 256 --min-tissue 0.3 -o aside --val-share 0
found '^alignment: *shift \(7[.][5-9]\|8[.][0-5]\) px'
expect 0 'to validate with' prepare --tiles he/s1.ome.tif ihc/s2.ome.tif --tile-size 256 --min-tissue 0.3 -o mixed
awk '/without likeness/ { exit !($(NF - 3) > 0) }' out || problem "other tissue is alike: $(cat out)"
expect 3 'no pair of tiles is as alike as --min-peak 0.5' \
    prepare -q --tiles he/s1.ome.tif ihc/s2.ome.tif --tile-size 256 --min-tissue 0.3 -o none --val-share 0 --min-peak 0.5

# A table says where each slide goes. JPEG, as MIST has it.
{
    printf 'split\the\tihc\n'
    printf 'train\the/s1.ome.tif\tihc/s1.ome.tif\ntest\the/s2.ome.tif\tihc/s2.ome.tif\nval\the/s3.ome.tif\tihc/s3.ome.tif\n'
} >slides.tsv
expect 0 - prepare -q --tiles slides.tsv --tile-size 128 --jpeg 95 -o table
awk -F '\t' 'NR > 1 && $1 $4 !~ /^(trains1|tests2|vals3)$/ { bad++ } END { exit bad > 0 || NR < 4 }' table/manifest.tsv ||
    problem 'the splits of the table are not kept'
check 'no JPEG' test -n "$(find table/testB -name 's2_*.jpg')"

# Refused.
cp he/s1.ome.tif he/alone.ome.tif
expect 3 'he/alone.ome.tif: no IHC of that name in ihc' prepare --tiles he ihc -o x
rm he/alone.ome.tif
expect 2 'two slides, or two folders' prepare --tiles he ihc/s1.ome.tif -o x
expect 2 'output is missing' prepare --tiles he ihc
expect 2 'smaller than a tile of 1024' prepare --tiles he ihc -o x
expect 3 'no tile has 1 of tissue' prepare --tiles he ihc --tile-size 512 --min-tissue 1 -o x
expect 2 'tiles cannot have finer ones' prepare --tiles he ihc --tile-size 128 --mpp 0.3 -o x
expect 2 'min-peak is for --tiles' prepare --check one --min-peak 0.1
expect 2 'threads: one data set at a time' prepare --check one threads
expect 3 'nothing.svs' prepare --tiles nothing.svs ihc/s1.ome.tif -o x
absent x
finish
