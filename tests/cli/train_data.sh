#!/bin/sh
# SPDX-License-Identifier: MIT
# Training on data sets with something wrong: one clear line and the right exit code, before the first step where
# headers tell it, and at its batch where only decoding does.
. "$(dirname "$0")/lib/common.sh"

export OMP_NUM_THREADS=1
small='--method asp --netG resnet_1blocks --ngf 4 --netD n_layers --ndf 4 --n-layers-D 1 --netF-nc 8 --nce-layers 0,4
    --num-patches 16 --crop-size 64 --num-threads 1 --sampling serial --n-epochs 1 --n-epochs-decay 0 --name run'
expect 0 - synth -q --pairs 6 --size 96 --seed 4 --val-share 0.2 whole

# refuses PATTERN FLAG...: training on `set` is refused so, and its dry run, and nothing is begun
refuses() {
    pattern=$1
    shift
    for dry in '' --dry-run; do
        # shellcheck disable=SC2086 # several words
        expect 3 "$pattern" train $small --quiet --dataroot set "$@" $dry
    done
    absent checkpoints/run/metrics.csv
}

# afresh: `set` is whole again; $a and $b are a pair of it, its third
afresh() {
    rm -rf set
    cp -r whole set
    a=$(find set/trainA -name '*.png' | sort | sed -n 3p)
    b=set/trainB/${a##*/}
}

afresh
rm "$b"
refuses "^restain: $a: no file of that name in set/trainB (4 of 4 files there and 4 of 5 here have a partner); give --dataset-mode unaligned"
afresh
cp "$a" set/trainA/extra.png
cp "$b" set/trainB/extra.png
cp "$b" set/trainB/extra.tif
refuses 'set/trainB/extra.tif: its name without extension is that of set/trainB/extra.png'
afresh
expect 0 - synth -q --pairs 1 --size 80 --val-share 0 other
cp "$(find other/trainB -name '*.png')" "$b"
refuses "$a: 96 x 96 pixels, its partner $b has 80 x 80; give --dataset-mode unaligned"
afresh
rm "$b"
cp "$images/gray.jpg" "${b%.png}.jpg"
refuses "${b%.png}.jpg: a grey image (1 channel) where 3 channels are due; give --gray-to-rgb"
refuses "$a: 96 x 96 pixels, its partner .* has 33 x 20" --gray-to-rgb
afresh
cp "$images/rgba.png" "$a"
refuses "$a: an alpha channel that is not 255 everywhere; give --alpha drop or --alpha white"
refuses "$a: 24 x 17 pixels, its partner .* has 96 x 96" --alpha white
afresh
# The beginning of a PNG of 96 x 96 with 16 bits a channel.
printf '\211PNG\r\n\032\n\0\0\0\rIHDR\0\0\0\140\0\0\0\140\020\002\0\0\0\075\152\074\054\0\0\0\012IDAT' >"$a"
refuses "$a: a 16-bit PNG; only 8 bits a channel are read"
: >"$a"
refuses "$a: an empty file"
rm "$a"
ln -s nowhere.png "$a"
refuses "$a: No such file or directory"
afresh
rm set/trainB/*
refuses 'set/trainB: no PNG, JPEG or TIFF files in this folder'
rmdir set/trainB
refuses 'set/trainB: No such file or directory'
afresh
mv "$a" "${a%.png}.bmp"
refuses "${a%.png}.bmp: bmp files are not read"
afresh
echo nothing >"$(find set/valB -name '*.png')"
refuses 'set/valB/.*: not a PNG, JPEG or TIFF file'
afresh
refuses 'set/trainA/.*: 96 x 96 pixels, too small for --crop-size 128; the first of 5 that' --crop-size 128
refuses 'absent: no such folder' --dataroot absent
refuses 'whole: no data set: looked for .*; --layout is bci' --dataroot whole --layout bci
printf 'split\the\tihc\ntrain\t%s\t%s\ntrain\t%s\n' "$a" "$b" "$a" >list.tsv
refuses 'list.tsv: line 3: 2 fields where the first line has 3' --dataroot list.tsv
mkdir -p set/HE/train
# shellcheck disable=SC2086 # several words
expect 2 'set: both trainA and HE/train could be meant; give --layout' train $small --quiet --dataroot set

# Behind the header, in the middle of an epoch: two steps are done, the third is not.
afresh
head -c $(($(wc -c <"$b") * 3 / 4)) "$b" >cut
cp cut "$b"
# shellcheck disable=SC2086 # several words
expect 3 "^restain: $b: truncated PNG" train $small --quiet --print-freq 1 --dataroot set
check 'not two steps before the damage' test "$(grep -c ,train, checkpoints/run/metrics.csv)" = 2
cp "whole/${b#set/}" "$b"
# shellcheck disable=SC2086 # several words
expect 0 - train $small --quiet --print-freq 1 --dataroot set --resume
check 'not all five steps once it is mended' test "$(grep -c ,train, checkpoints/run/metrics.csv)" = 5
no_halves checkpoints
finish
