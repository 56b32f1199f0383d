#!/bin/sh
# SPDX-License-Identifier: MIT
# Weights in and out: every tensor survives, cards say what is true, damage is refused.
. "$(dirname "$0")/lib/common.sh"

# The part of `info` that belongs to the tensors.
tensors() {
    "$RESTAIN" info --json "$1" | sed -e 's/.*"tensors"/"tensors"/' -e 's/,"card".*//' -e 's/,"sha256".*//'
}

# Fresh weights: the same seed, the same bytes; another one, others.
expect 0 'untrained' convert --init resnet_4blocks --ngf 4 --seed 7 a.safetensors
expect 0 'untrained' convert --init resnet_4blocks --ngf 4 --seed 7 b.safetensors
expect 0 - convert -q --init resnet_4blocks --ngf 4 --seed 8 c.safetensors
same a.safetensors b.safetensors
differ a.safetensors c.safetensors
expect 0 - info a.safetensors
for line in 'network: *resnet_4blocks' 'ngf: *4' 'trained: *no' 'init xavier, gain 0.02, seed 7'; do
    grep -q "$line" out || problem "info of fresh weights lacks '$line'"
done

# There and back, by both containers.
expect 0 'plain tensors' convert --raw a.safetensors a.pth
expect 0 'resnet_4blocks' convert a.pth again.safetensors --mpp 0.4661 --recipe asp
expect 0 'resnet_4blocks' convert again.safetensors back.pth
same a.pth back.pth
[ "$(tensors a.safetensors)" = "$(tensors again.safetensors)" ] || problem 'the tensors changed on their way'
expect 0 - info again.safetensors
for line in 'mpp: *0.4661' 'recipe: *asp' 'trained: *yes' 'file: *a.pth'; do
    grep -q "$line" out || problem "info after convert lacks '$line'"
done
grep -q "$(sha256sum a.pth | cut -d ' ' -f 1)" out || problem 'the card does not name the sha256 of its source'
# A card that is there stays, but for what is given.
expect 0 - convert -q again.safetensors third.safetensors --mpp 0.5
expect 0 - info third.safetensors
for line in 'mpp: *0.5' 'recipe: *asp' 'file: *a.pth'; do
    grep -q "$line" out || problem "info after the second convert lacks '$line'"
done

# Networks of every family that can be named, loaded again by what they are called.
for arch in 'resnet_9blocks --ngf 4 --no-antialias --no-antialias-up' 'ammfi_6blocks --ngf 8' 'unet_128 --ngf 2' \
    'basic --ndf 4' 'n_layers --ndf 4 --n-layers-D 5 --weight_norm spectral --names asp' 'pixel --ndf 4' \
    'mlp_sample --netF-nc 8' 'rrdbnet_x2 --nf 8 --nb 2 --gc 4' stainnet; do
    # shellcheck disable=SC2086
    expect 0 - convert -q --overwrite --init $arch n.pth
    # shellcheck disable=SC2086
    expect 0 . convert --overwrite n.pth n.safetensors
    # shellcheck disable=SC2086
    expect 0 . convert --overwrite --arch $arch n.pth n2.safetensors
done

# What is not a network.
expect 0 - convert -q --init cbam --channels 8 n.safetensors --overwrite
expect 3 'missing\|shape\|is .*the network has' convert --arch stainnet a.pth d.safetensors
absent d.safetensors
expect 2 'exists; give --overwrite' convert a.pth b.safetensors
same a.safetensors b.safetensors

# Damage.
size=$(wc -c <a.safetensors)
head -c $((size - 1)) a.safetensors >short.safetensors
head -c 6 a.safetensors >tiny.safetensors
head -c $(($(wc -c <a.pth) / 2)) a.pth >short.pth
printf X | dd of=a.pth bs=1 seek=$(($(wc -c <a.pth) / 2)) conv=notrunc 2>/dev/null
{ head -c $((size - 4)) a.safetensors; printf ABCD; } >flip.safetensors
: >empty.pth
echo '{"no": "weights"}' >text.safetensors
for bad in short.safetensors tiny.safetensors short.pth a.pth flip.safetensors empty.pth text.safetensors; do
    expect 3 "$bad" info "$bad"
    expect 3 "$bad" convert "$bad" d.safetensors
    expect 3 "$bad" convert --raw "$bad" d.safetensors
    expect 3 "$bad" translate --model "$bad" "$images/rgb.png" -o d.png
done
expect 3 'missing.pth: No such file' convert missing.pth d.safetensors
expect 3 'not a regular file' convert . d.safetensors
absent d.safetensors d.png

expect 4 'failed: missing.pth' info b.safetensors missing.pth
[ "$(grep -c '^network: ' out)" = 1 ] || problem 'info of two files, one missing, does not show the other'
expect 0 - info --json b.safetensors c.safetensors
[ "$(grep -c '^{.*}$' out)" = 2 ] || problem 'info --json is not one object a line'

# For other programs. What ONNX Runtime makes of such a file is in long_onnx.sh.
expect 0 'n.onnx: resnet_4blocks' convert b.safetensors n.onnx
grep -q 'ConvTranspose' n.onnx && grep -q 'multiples of 4' n.onnx || problem 'n.onnx is no network'
expect 2 'onnx: exists; give --overwrite' convert b.safetensors n.onnx
expect 2 'ONNX holds a network' convert --raw b.safetensors raw.onnx
expect 2 'fresh weights are kept as' convert --init stainnet i.onnx
absent raw.onnx i.onnx

# Outputs that cannot be.
expect 1 'd.safetensors' convert b.safetensors a.pth/d.safetensors
expect 1 'd.safetensors' convert b.safetensors nowhere/d.safetensors
(
    ulimit -f 8
    expect 1 'big.safetensors' convert b.safetensors big.safetensors
    expect 1 'big.pth' convert b.safetensors big.pth
    exit "$failures"
) || failures=$((failures + $?))
absent big.safetensors big.pth
no_halves .
if [ -c /dev/full ]; then
    "$RESTAIN" info b.safetensors >/dev/full 2>err
    [ $? = 1 ] && grep -q 'standard output' err || problem 'a full stdout is not told'
fi
finish
