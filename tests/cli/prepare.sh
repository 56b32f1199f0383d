#!/bin/sh
# SPDX-License-Identifier: MIT
# Magnifications of a data set: what is made, that it is the same each time and made once, what is refused, that it is
# trained on.
# shellcheck disable=SC2086
. "$(dirname "$0")/lib/common.sh"

export OMP_NUM_THREADS=1
expect 0 - synth -q --pairs 5 --size 128 --seed 3 -o data
says=bicubically
prepare() { # FOLDER ARG...
    folder=$1
    shift
    expect 0 "$says" prepare -q --multimag data -o "$folder" "$@"
}
pictures() { # FOLDER: how many
    find "$1/HE" "$1/IHC" -name '*.png' | wc -l
}

# Bicubic, and it says so. Threads change nothing.
prepare one
grep -q 'enlarged bicubically' err || problem 'nothing is said about bicubic'
check "what was made: $(cat out)" grep -q '^4 pairs at 3 magnifications of 128 x 128 pixels by mm-bicubic, 1 to' out
check 'not 24 pictures' test "$(pictures one)" = 24
OMP_NUM_THREADS=3 prepare three
check 'threads change the pictures' diff -r one/HE three/HE
check 'threads change the manifest' cmp -s one/manifest.tsv three/manifest.tsv
no_halves one
prepare seed --seed 1
same one/HE/1x/00000_train_0.png seed/HE/1x/00000_train_0.png
differ one/HE/2x/00000_train_0.png seed/HE/2x/00000_train_0.png
awk -F '\t' 'NR == 1 { next } $1 == "train" { n[$4]++; m[$5]++; if ($4 == "native" && $2 ~ /\/data\/trainA\//) o++ } $1 == "val" { v += $4 == "native" }
    END { exit !(n[1] == 4 && n[2] == 4 && n[4] == 4 && o == 4 && m["mm-bicubic"] == 12 && v == 1) }' one/manifest.tsv ||
    problem "the manifest: $(cat one/manifest.tsv)"

# Both stains are seen alike: an IHC that is the H&E gives the same pictures.
mkdir -p twin/trainB twin/valB
cp -r data/trainA data/valA twin
cp data/trainA/* twin/trainB
cp data/valA/* twin/valB
expect 0 . prepare -q --multimag twin -o twins
check 'the stains are seen differently' diff -r twins/HE twins/IHC
check 'crops do not follow the name' diff -r twins/HE one/HE

# What is there is not made again, what is missing is.
touch -t 200001010000 one/HE/*/*.png one/IHC/*/*.png
rm one/manifest.tsv one/IHC/4x/00002_train_2+.png one/HE/1x/00000_train_0.png
: >one/HE/1x/00000_train_0.png.part
prepare one
check "not two were made: $(cat out)" grep -q '^2 pictures made, 22 were there' out
check 'a picture was written twice' test "$(find one/HE one/IHC -name '*.png' -newermt 2001-01-01 | wc -l)" = 2
check 'the rest is another' diff -r one/HE three/HE
same one/manifest.tsv three/manifest.tsv
no_halves one

# Interrupted, it ends with what is whole, and no manifest; the same command goes on.
"$RESTAIN" prepare -q --multimag data -o stopped >out 2>err &
pid=$!
while [ ! -e stopped/settings.txt ] && kill -0 $pid 2>/dev/null; do :; done
kill -INT $pid
wait $pid
code=$?
[ $code = 0 ] || absent stopped/manifest.tsv
[ $code = 0 ] || check "no word of going on: $(cat err)" grep -q 'the same command goes on' err
no_halves stopped
prepare stopped
check 'a stopped run ends differently' diff -r stopped/HE three/HE

# A full disk is an output error, leaves no half picture, and is gone on from.
(
    ulimit -f 40
    "$RESTAIN" prepare -q --multimag data -o full >out 2>err
    [ $? = 1 ]
) || problem "a full disk is no output error: $(cat err)"
no_halves full
absent full/manifest.tsv
prepare full
check 'a full disk changes pictures' diff -r full/HE three/HE

# Super-resolvers: small ones, in tiles and whole. One block sees 20 pixels, within the halo.
for x in 2 4; do
    expect 0 . convert --init rrdbnet_x$x --nf 4 --nb 1 --gc 2 --init-type kaiming --init-gain 1 --seed $x x$x.safetensors
done
net='--sr-x2 x2.safetensors --sr-x4 x4.safetensors'
says=untrained
prepare whole $net --backend ref --max-dataset-size 1
check "who made it: $(cat out)" grep -q 'by mm-bsrgan' out
prepare tiles $net --backend ref --max-dataset-size 1 --sr-tile 24
check 'tiles differ from the whole' diff -r whole/HE tiles/HE
check 'not 6 pictures' test "$(pictures tiles)" = 6
differ whole/HE/1x/00000_train_0.png three/HE/1x/00000_train_0.png
expect 0 . convert --raw x2.safetensors x2.pth
expect 0 . convert --raw x4.safetensors x4.pth
says=-
prepare pth --sr-x2 x2.pth --sr-x4 x4.pth --backend ref --max-dataset-size 1
check 'a .pth makes other pictures' diff -r whole/HE pth/HE
says=untrained
prepare larger $net --max-dataset-size 1 --uniform 192
expect 0 - info larger/IHC/4x/00000_train_0.png
grep -q '192' out || problem "not 192 pixels: $(cat out)"

# Refused.
expect 2 'made with other settings' prepare --multimag data -o one --seed 7
expect 2 'made with other settings' prepare --multimag data -o one $net
expect 2 'go together' prepare --multimag data -o x --sr-x2 x2.safetensors
expect 2 'x4.safetensors: --sr-x2 wants a super-resolver that enlarges by 2' \
    prepare --multimag data -o x --sr-x2 x4.safetensors --sr-x4 x4.safetensors
expect 3 'none.pth' prepare --multimag data -o x --sr-x2 none.pth --sr-x4 x4.safetensors
expect 2 'uniform 130: it is a multiple of 4' prepare --multimag data -o x --uniform 130
expect 2 'has several magnifications already' prepare --multimag one/manifest.tsv -o x
expect 2 'say what' prepare data -o x
expect 2 'output is missing' prepare --multimag data
absent x
expect 0 - synth -q --pairs 1 --size 64 --val-share 0 -o lone
expect 0 'without split val: lone/valA: no PNG' prepare --multimag lone -o lone.mm
mkdir -p bci/IHC bci/HE
cp -r data/trainA bci/HE/train
cp -r data/trainB bci/IHC/train
expect 2 'bci: has a HE that is none of' prepare --multimag bci -o bci
absent bci/settings.txt
expect 0 - synth -q --pairs 1 --size 64 --val-share 0 -o small
for side in A B; do cp small/train$side/00000_train_0.png twin/train$side/small.png; done
expect 2 '64 x 64 to 128 x 128 pixels; give --uniform' prepare --multimag twin -o x
expect 0 . prepare -q --multimag twin -o x --uniform 128
check 'not all are there' test "$(pictures x)" = 30

# Trained on: two epochs of four pairs are eight steps, and the model says what it saw.
small='--ngf 2 --ndf 2 --n-layers-D 3 --crop-size 64 --num-patches 16 --val-count 1 --seed 5'
expect 0 - train -q --method ammfi --multimag --dataroot one/manifest.tsv $small --name mm --n-epochs 2 --n-epochs-decay 0
expect 0 - info checkpoints/mm/latest_net_G.safetensors
grep -q 'ammfi, mm-bicubic, step 8' out || problem "the card: $(grep -i recipe out)"
cp -r checkpoints/mm whole.run
expect 0 - train -q --method ammfi --multimag --dataroot one/manifest.tsv $small --name mm --n-epochs 2 --n-epochs-decay 0 --overwrite --max-steps 3
expect 0 - train -q --method ammfi --multimag --dataroot one/manifest.tsv $small --name mm --n-epochs 2 --n-epochs-decay 0 --resume
same checkpoints/mm/latest_net_G.safetensors whole.run/latest_net_G.safetensors
sed 's/mm-bicubic/mm-bsrgan/' one/manifest.tsv >one/other.tsv
expect 2 'mm-bicubic' train -q --method ammfi --dataroot one/other.tsv $small --name mm --n-epochs 3 --n-epochs-decay 0 --resume

# Made as they are drawn, they are the pictures of a cache of that seed, whatever the threads, and in both directions.
for kind in bicubic bsrgan native back; do
    with= making=
    case $kind in
    bsrgan) making=$net ;;
    native) with='--mm-native 1' ;;
    back) with='--direction BtoA' ;;
    esac
    expect 0 . prepare --multimag data -o $kind.cache --seed 5 $making
    expect 0 - train -q --method ammfi --multimag --dataroot $kind.cache/manifest.tsv $small $with --name $kind.cache \
        --n-epochs 2 --n-epochs-decay 0
    expect 0 . train -q --method ammfi --multimag --dataroot data $small $with $making --name $kind.live --n-epochs 2 \
        --n-epochs-decay 0 --num-threads 3 --cache-mb 1
    same checkpoints/$kind.cache/latest_net_G.safetensors checkpoints/$kind.live/latest_net_G.safetensors
done
differ checkpoints/native.live/latest_net_G.safetensors checkpoints/bicubic.live/latest_net_G.safetensors
expect 0 - info checkpoints/bsrgan.live/latest_net_G.safetensors
grep -q 'ammfi, mm-bsrgan, step 8' out || problem "the card of a live one: $(grep -i recipe out)"
awk -F '\t' '$1 != "train" || $4 != "native"' one/manifest.tsv >one/older.tsv
live="train --method ammfi $small"
expect 2 'mm-native: one/older.tsv has no rows of pairs as they are' $live --dataroot one/older.tsv --mm-native 0.1
expect 2 'sr-x2: one/manifest.tsv has its magnifications already' $live --dataroot one/manifest.tsv $net
expect 2 'mm-native: is for --multimag' $live --dataroot data --mm-native 0.1
expect 2 'does not go with --dataset-mode unaligned' $live --dataroot data --multimag --dataset-mode unaligned
expect 2 'sr-tile 8: it is 16' $live --dataroot data --multimag --sr-tile 8
expect 3 'data: 128 x 128 pixels, too small for --crop-size 160' $live --dataroot data --multimag --crop-size 160
expect 2 'which is for pairs' train --method cyclegan --dataroot one/manifest.tsv --ngf 2 --ndf 2
finish
