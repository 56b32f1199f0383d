#!/bin/sh
# SPDX-License-Identifier: MIT
# Pictures through a network: which outputs appear, under which names, and what their pixels depend on.
. "$(dirname "$0")/lib/common.sh"

info() { # FILE KEY: a number or word of its description
    "$RESTAIN" info --json "$1" | sed -e "s/.*\"$2\":\"\{0,1\}\([^,\"}]*\).*/\1/"
}

expect 0 untrained convert --init stainnet --nf 8 --init-gain 1 --seed 1 m.safetensors
mkdir in
cp "$images/rgb.png" in/b.png
cp "$images/rgb.jpg" in/a.one.jpg
cp "$images/rgb.tif" in/c.TIF
echo text >in/notes.txt
cp "$images/rgb.png" in/.hidden.png

# One file; a folder; several files; a folder and a file.
expect 0 'untrained' translate -m m.safetensors in/b.png -o one.png
[ "$(info one.png width) $(info one.png height) $(info one.png channels)" = '40 29 3' ] || problem 'size of one.png'
differ one.png in/b.png
expect 0 . translate -m m.safetensors in -o new/er/out
[ "$(ls new/er/out | tr '\n' ' ')" = 'a.one.png b.png c.png ' ] || problem "a folder gave: $(ls new/er/out)"
same new/er/out/b.png one.png
[ "$(info new/er/out/c.png kind)" = PNG ] || problem 'c.png is no PNG'
expect 0 . translate -m m.safetensors in/b.png in/c.TIF -o several
[ "$(ls several | tr '\n' ' ')" = 'b.png c.png ' ] || problem "several files gave: $(ls several)"
expect 0 . translate -m m.safetensors in/b.png -o slash/
same slash/b.png one.png
expect 0 . translate -m m.safetensors in/b.png -o one.tif
[ "$(info one.tif kind)" = TIFF ] || problem 'one.tif is no TIFF'
expect 0 . translate -m m.safetensors -q in/b.png -o quiet.png
[ "$(grep -c . err)" = 1 ] || problem 'quiet is not'

# How numbers become bytes can be chosen: what a model does by itself is one of the two.
for kind in nearest truncate; do
    expect 0 . translate -m m.safetensors in/b.png -o $kind.png --rounding $kind
done
same nearest.png one.png
differ truncate.png one.png

# What the gates of the paper's network let through: beside the pictures, which are the same with it. Other networks
# have none, slides neither; nothing is written over, nor over an input.
expect 0 untrained convert --init ammfi_1blocks --ngf 4 --init-gain 1 --seed 2 gates.safetensors
expect 0 . translate -m gates.safetensors in -o ungated
expect 0 . translate -m gates.safetensors --save-attention in -o gated
[ "$(ls gated | tr '\n' ' ')" = 'a.one.attention.png a.one.attention.safetensors a.one.png b.attention.png b.attention.safetensors b.png c.attention.png c.attention.safetensors c.png ' ] ||
    problem "gates gave: $(ls gated)"
for one in a.one b c; do
    same "ungated/$one.png" "gated/$one.png"
done
[ "$(info gated/b.attention.png kind) $(info gated/b.attention.safetensors tensors)" = 'PNG 6' ] || problem 'not six maps'
rm gated/b.png
expect 2 'gated/b.attention.png: exists' translate -m gates.safetensors --save-attention in/b.png -o gated
absent gated/b.png
expect 2 'save-attention: m.safetensors is stainnet, which has no attention' translate -m m.safetensors --save-attention \
    in/b.png -o none.png
absent none.png none.attention.png
expect 2 'save-attention is for pictures, not for a slide' translate -m gates.safetensors --save-attention in/b.png \
    -o none.ome.tif
cp in/b.png in/x.attention.png
expect 2 'x.attention.png: is what --save-attention would call another' translate -m gates.safetensors \
    --save-attention in/x.attention.png -o x/
rm in/x.attention.png

# Refusals, before anything is done: not even the model is opened.
cp one.png kept.png
expect 2 'one.png: exists; give --overwrite' translate -m nothing in/b.png -o one.png
expect 2 'several/b.png and 1 more outputs exist' translate -m nothing in/b.png in/c.TIF -o several
expect 2 'b.png: is an input too' translate -m nothing in/b.png -o in --overwrite
expect 2 'b.png: is an input too' translate -m nothing in/b.png -o ./in/b.png --overwrite
expect 2 'would both become' translate -m nothing in/b.png "$images/rgb.png" slash/b.png -o out2
expect 2 'several pictures go into a folder' translate -m nothing in/b.png in/c.TIF -o two.png
expect 2 'several pictures go into a folder' translate -m nothing in -o one.png --overwrite
expect 2 'must end in .png' translate -m nothing in/b.png -o out.gif
expect 1 'there is no folder' translate -m nothing in/b.png -o nowhere/out.png
expect 1 'kept.png' translate -m m.safetensors in/b.png -o kept.png/out/
mkdir none
expect 3 'no PNG, JPEG or TIFF' translate -m nothing none -o out2
expect 3 'nothing: No such file' translate -m nothing in/b.png -o two.png
same one.png kept.png
absent out2 two.png in/b.png.part
expect 0 . translate -m m.safetensors in/a.one.jpg -o one.png --overwrite
differ one.png kept.png

# Channels.
expect 3 'give --alpha drop or --alpha white' translate -m m.safetensors "$images/rgba.png" -o x.png
expect 3 'give --gray-to-rgb' translate -m m.safetensors "$images/gray.jpg" -o x.png
absent x.png
expect 0 . translate -m m.safetensors "$images/rgba.png" -o drop.png --alpha drop
expect 0 . translate -m m.safetensors "$images/rgba.png" -o white.png --alpha white
differ drop.png white.png
expect 0 . translate -m m.safetensors "$images/gray.jpg" -o grey.png --gray-to-rgb
[ "$(info grey.png channels)" = 3 ] || problem 'grey.png has not 3 channels'
expect 0 . convert --init resnet_4blocks --ngf 4 --input-nc 1 --output-nc 1 mono.safetensors
expect 0 . translate -m mono.safetensors "$images/gray.jpg" -o mono.png
[ "$(info mono.png channels)" = 1 ] || problem 'a network of one channel gave another number'
expect 0 . convert mono.safetensors mono-mpp.safetensors --mpp 0.5
expect 0 'warning: .*0.25 um per pixel, the model was made for 0.5' \
    translate -m mono-mpp.safetensors "$images/big_endian_gray.tif" -o mpp.tif
[ "$(info mpp.tif mpp)" = 0.25 ] || problem 'the mpp of a picture was lost'
expect 3 'rgb.png: 3 channels where 1 are due' translate -m mono.safetensors "$images/rgb.png" -o x.png
expect 0 . convert --init basic --ndf 4 d.safetensors
expect 3 'no network that translates' translate -m d.safetensors in/b.png -o x.png
expect 0 . convert --init resnet_4blocks --ngf 4 --input-nc 6 six.safetensors
expect 3 'no network that translates' translate -m six.safetensors in/b.png -o x.png

# One of several fails: the others are done, and it is listed.
cp "$images/gray.jpg" in/grey.jpg
head -c 100 "$images/rgb.png" >in/torn.png
expect 4 '3 of 6 files failed' translate -m m.safetensors in absent.png -o part
[ "$(ls part | tr '\n' ' ')" = 'a.one.png b.png c.png ' ] || problem "with three bad inputs came: $(ls part)"
for bad in in/grey.jpg in/torn.png absent.png; do
    grep -q "failed: .*$bad" err || problem "$bad is not listed as failed"
done
rm in/grey.jpg in/torn.png

# Sides that the stride does not divide; pictures too small for the network; a network that enlarges.
expect 0 . convert --init resnet_4blocks --ngf 4 --init-gain 1 --seed 2 r.safetensors
expect 0 '40 x 29 pixels padded to 40 x 32 and cropped back' translate -m r.safetensors in/b.png -o padded.png
[ "$(info padded.png width) $(info padded.png height)" = '40 29' ] || problem 'size of padded.png'
expect 0 . convert --init rrdbnet_x4 --nf 4 --nb 1 --gc 4 --init-gain 1 x4.safetensors
expect 0 . translate -m x4.safetensors in/a.one.jpg -o large.png
[ "$(info large.png width) $(info large.png height)" = '160 116' ] || problem 'size of large.png'

# The pixels depend on the picture, the model and the options, not on threads, order or company.
for n in 2 3; do
    for m in r x4; do
        expect 0 . translate -m $m.safetensors --num-threads 1 in/b.png -o threads.png --overwrite
        expect 0 . translate -m $m.safetensors --num-threads $n in/b.png -o threads$n.png --overwrite
        same threads.png threads$n.png
    done
done
expect 0 . translate -m r.safetensors in -o company
same company/b.png padded.png
expect 0 . convert --raw r.safetensors r.pth
expect 0 . translate -m r.pth in/b.png -o pth.png
same pth.png padded.png

# bf16: another result, but the same for any number of threads; a plain word where there is none.
(
    RESTAIN_ISA=base
    export RESTAIN_ISA
    expect 2 'precision bf16 needs AVX-512 BF16' translate -m r.safetensors --precision bf16 in/b.png -o bf16.png
    exit "$failures"
) || failures=$((failures + $?))
expect 2 'bf16.*not with conv direct' translate -m r.safetensors --precision bf16 --conv direct in/b.png -o bf16.png
expect 2 'backend ref has no precision bf16' translate -m r.safetensors --precision bf16 --backend ref in/b.png -o bf16.png
absent bf16.png
expect 0 . translate -m r.safetensors --precision fp32 in/b.png -o fp32.png
same fp32.png padded.png
if [ -z "${RESTAIN_ISA-}" ] && grep -q -w avx512_bf16 /proc/cpuinfo; then
    for n in 1 2 3; do
        expect 0 . translate -m r.safetensors --precision bf16 --num-threads $n in/b.png -o bf16-$n.png
        same bf16-1.png bf16-$n.png
    done
    differ bf16-1.png padded.png
fi

# Batch norms and dropout.
expect 0 . convert --init unet_64 --ngf 4 --init-gain 1 --seed 3 u.safetensors
expect 0 . translate -m u.safetensors in/b.png -o u.png
expect 0 . translate -m u.safetensors --bn batch in/b.png -o u-batch.png
expect 0 . translate -m u.safetensors --bn running in/b.png -o u-running.png
expect 0 . translate -m u.safetensors --dropout in -o u-dropout
expect 0 . translate -m u.safetensors --dropout in/b.png -o u-dropout.png
expect 0 . translate -m u.safetensors --dropout --seed 1 in/b.png -o u-seed.png
same u.png u-batch.png
expect 0 . convert u.safetensors u-card.safetensors --bn running
expect 0 . translate -m u-card.safetensors in/b.png -o u-card.png
same u-card.png u-running.png
expect 0 . convert u.safetensors u-card.safetensors --dropout --overwrite
expect 0 . translate -m u-card.safetensors in/b.png -o u-card.png --overwrite
differ u.png u-running.png
differ u.png u-dropout.png
differ u-seed.png u-dropout.png
same u-dropout.png u-dropout/b.png
same u-card.png u-dropout.png

# NaN in the weights is found in the result. StainNet of width 1: 12 numbers, all NaN.
tensor() { # NAME SHAPE FROM TO
    printf '"rgb_trans.%s":{"dtype":"F32","shape":%s,"data_offsets":[%s,%s]}' "$@"
}
header="{$(tensor 0.weight '[1,3,1,1]' 0 12),$(tensor 0.bias '[1]' 12 16),$(tensor 2.weight '[1,1,1,1]' 16 20)"
header="$header,$(tensor 2.bias '[1]' 20 24),$(tensor 4.weight '[3,1,1,1]' 24 36),$(tensor 4.bias '[3]' 36 48)}"
{
    # shellcheck disable=SC2059
    printf "\\$(printf %03o $((${#header} % 256)))\\$(printf %03o $((${#header} / 256)))\0\0\0\0\0\0"
    printf %s "$header"
    for _ in 1 2 3 4 5 6 7 8 9 10 11 12; do
        printf '\0\0\300\177'
    done
} >nan.safetensors
expect 1 'b.png: the network gave NaN' translate -m nan.safetensors in/b.png -o nan.png
expect 4 'failed: .*b.png: the network gave NaN' translate -m nan.safetensors in/b.png in/c.TIF -o nans
absent nan.png nans/b.png

# Outputs that do not fit.
expect 0 . translate -m x4.safetensors large.png -o larger.png
(
    ulimit -f 8
    expect 1 'limited.png' translate -m m.safetensors larger.png -o limited.png
    expect 1 'limited/larger.png' translate -m m.safetensors larger.png in/b.png -o limited
    exit "$failures"
) || failures=$((failures + $?))
absent limited.png limited/larger.png limited/b.png
no_halves .
finish
