#!/bin/sh
# SPDX-License-Identifier: MIT
# Folders and pictures compared; what is told when they do not fit.
. "$(dirname "$0")/lib/common.sh"

"$RESTAIN" synth --pairs 4 --size 64 --seed 2 --val-share 0 -q -o data || problem 'no data'

# The same pictures: alike in all; a line for each of the four levels.
expect 0 - evaluate -q --json same.json data/trainB data/trainB
grep -q '^all *4 *1.0000 *inf *1.0000' out || problem "equal folders: $(cat out)"
grep -q '^PSNR dB *inf *inf [.][.] inf *4 ' out || problem "the interval of equal folders: $(cat out)"
grep -q '^4 of 4 pairs are equal' out || problem 'nothing told of equal pairs'
check 'infinity is no JSON' awk '/"psnr_db": [{]/ { seen = NR } seen && NR == seen + 2 { ok = /"mean": null/ } END { exit !ok }' same.json
check 'not five groups' test "$(grep -c '^[0a][l ].*1.0000\|^[123]+ *1 *1.0000' out)" = 5

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
expect 3 '64 x 64 pixels, .* 96 x 96' evaluate -q data/trainB large/trainB
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

# What was computed stands beside it.
grep -q '^protocol asp-2023, version 1; .* seed 0$' out || expect 0 - evaluate -q data/trainB data/trainA
grep -q '^protocol asp-2023, version 1; .* seed 0$' out || problem "no protocol: $(cat out)"
grep -q '^SSIM .*uniform window 7x7, sample covariance' out || problem "not told which SSIM: $(cat out)"
expect 0 - evaluate -q --protocol clean --seed 5 data/trainB data/trainA
grep -q '^SSIM .*Gaussian window 11x11 of sigma 1.5, population' out || problem "not told which SSIM: $(cat out)"
grep -q ' seed 5$' out || problem 'the seed is not told'
expect 0 'need their networks' evaluate data/trainB data/trainA
expect 2 "bci-2022 has no lpips" evaluate -q --protocol bci-2022 --metrics lpips data/trainB data/trainA
expect 2 "'fidd' is none of ssim" evaluate -q --metrics ssim,fidd data/trainB data/trainA

# Networks that are not there: a line each, with size and hash, and the rest is computed.
mkdir empty
expect 0 '^restain: warning: fid is left out (no pt_inception-2015-12-05-6726825d.pth in empty, .*91 MiB, SHA-256 6726825d' \
    evaluate -q --weights empty --metrics ssim,fid data/trainB data/trainA
grep -q '^SSIM' out || problem 'SSIM went with FID'
check 'FID without a network' test "$(grep -c '^FID' out)" = 0
RESTAIN_WEIGHTS=empty expect 3 'nothing to compute: no alexnet-owt-7be5be79.pth' evaluate -q --metrics lpips data/trainB data/trainA

# Two runs against the real ones, pair by pair; the same numbers for any number of threads.
expect 0 - evaluate -q --compare --csv pairs.csv --threads 1 data/trainB data/trainA data/trainB
grep -q '^data/trainB less data/trainA, 4 pairs' out || problem "no comparison: $(cat out)"
awk '$1 == "SSIM" && $9 == "of" { exit !($4 > 0 && $8 == 4 && $10 == 4) }' out || problem "not better in all pairs: $(cat out)"
check 'a CSV of 8 pairs' test "$(grep -c '^"data/train' pairs.csv)" = 8
mv out one
expect 0 - evaluate -q --compare --csv three.csv --threads 3 data/trainB data/trainA data/trainB
same one out
same pairs.csv three.csv
expect 0 - evaluate -q --table paper --compare data/trainB data/trainA data/trainB
check 'not a line a run' test "$(grep -c . out)" = 3
expect 2 'several with --compare' evaluate -q data/trainB data/trainA data/trainB
expect 2 'two folders or more' evaluate -q --compare data/trainB data/trainA

# Two slides, tile by tile; the first is no multiple of a tile.
expect 0 - synth --slide 1200x700 --seed 3 --tissue 1 --ihc ihc.ome.tif -q -o he.ome.tif
expect 0 - evaluate -q ihc.ome.tif ihc.ome.tif
grep -q '^all *2 *1.0000 *inf *1.0000' out || problem "equal slides: $(cat out)"
expect 0 - evaluate -q ihc.ome.tif he.ome.tif
expect 0 - synth --slide 600x700 --seed 3 -q -o small.ome.tif
expect 3 'he.ome.tif is 1200 x 700 pixels, small.ome.tif 600 x 700' evaluate -q he.ome.tif small.ome.tif
finish
