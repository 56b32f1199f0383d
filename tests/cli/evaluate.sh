#!/bin/sh
# SPDX-License-Identifier: MIT
# Folders and pictures compared; what is told when they do not fit.
. "$(dirname "$0")/lib/common.sh"

"$RESTAIN" synth --pairs 4 --size 64 --seed 2 --val-share 0 -q -o data || problem 'no data'

# The same pictures: alike in all; a line for each of the four levels.
expect 0 - evaluate -q --json same.json data/trainB data/trainB
check 'not five lines of scores' test "$(grep -c . out)" = 6
grep -q '^all *4 *1.0000 *inf *1.0000' out || problem "equal folders: $(cat out)"
check 'infinity is no JSON' grep -q '"psnr_db": null' same.json
grep -q '^3+ *1 ' out || problem 'no line for level 3+'

# H&E as its own stain: less alike, and the other way round the sides are exchanged.
expect 0 - evaluate -q data/trainB data/trainA
awk '$1 == "all" { exit !($3 < 0.9 && $4 < 25 && $5 < 0.9) }' out || problem "H&E taken for IHC: $(cat out)"

# Two pictures, whose names need not be the same.
set -- data/trainB/*
expect 0 - evaluate -q "$1" "$2"

expect 3 '^restain: nowhere: No such file or directory' evaluate -q data/trainB nowhere
cp -r data/trainB less
rm "less/$(basename "$1")"
expect 3 "$(basename "$1" .png).png: no file of that name in less (.* have a partner)\$" evaluate -q data/trainB less
expect 2 'one is a folder' evaluate -q data/trainB "$1"
"$RESTAIN" synth --pairs 4 --size 96 --seed 2 --val-share 0 -q -o large || problem 'no larger data'
expect 3 '96x96 and 64x64' evaluate -q data/trainB large/trainB
# A pipe, or a device, is no file to put another in the place of.
mkfifo pipe
expect 1 '^restain: pipe: cannot write: not a regular file' evaluate -q --json pipe "$1" "$2"
check 'the pipe is gone' test -p pipe
ln -s /proc/self/fd/1 stdout
expect 1 '^restain: stdout: cannot write: not a regular file' evaluate -q --json stdout "$1" "$2"
check 'the link is gone' test -h stdout
mkdir none
expect 3 'none' evaluate -q none data/trainB
expect 3 'gray-to-rgb' evaluate -q "$images/gray.jpg" "$images/gray.jpg"

# Two slides, tile by tile; the first is no multiple of a tile.
expect 0 - synth --slide 1200x700 --seed 3 --tissue 1 --ihc ihc.ome.tif -q -o he.ome.tif
expect 0 - evaluate -q ihc.ome.tif ihc.ome.tif
grep -q '^all *2 *1.0000 *inf *1.0000' out || problem "equal slides: $(cat out)"
expect 0 - evaluate -q ihc.ome.tif he.ome.tif
expect 0 - synth --slide 600x700 --seed 3 -q -o small.ome.tif
expect 3 'he.ome.tif is 1200 x 700 pixels, small.ome.tif 600 x 700' evaluate -q he.ome.tif small.ome.tif
finish
