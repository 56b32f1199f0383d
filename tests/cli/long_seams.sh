#!/bin/sh
# SPDX-License-Identifier: MIT
# Two grids over 2048 x 2048 pixels at width 16, in both convolution modes and what `auto` makes of them, and
# at full width over 4096 x 4096: not a bit differs. An origin off the grid and statistics of tiles show.
. "$(dirname "$0")/lib/common.sh"

seamless() { # NET ARG...
    net=$1
    shift
    expect 0 . seamtest -m "$net.safetensors" "$@"
    grep -q '^differing: *0$' out || problem "$net $*: $(cat out)"
    grep -q '^edge ratio: *1.0000$' out || problem "$net $*: $(cat out)"
}

expect 0 . synth --slide 2048x2048 s.tif
expect 0 . synth --slide 4096x4096 large.tif
for net in resnet_6blocks ammfi_6blocks; do
    expect 0 . convert --init $net --ngf 16 --init-type xavier --init-gain 1 --seed 1 $net.safetensors
    for conv in direct winograd auto; do
        seamless $net --conv $conv s.tif
    done
    expect 6 'seams: ' seamtest -m $net.safetensors --offset 2 s.tif
    expect 6 'seams: ' seamtest -m $net.safetensors --stats tile s.tif
    expect 0 . convert --init $net --ngf 64 --init-type xavier --init-gain 1 --seed 1 $net.64.safetensors
    seamless $net.64 --windows 4 --region 0,0,4096,4096 large.tif
    grep -q '^values: *50331648$' out || problem "$net.64: $(cat out)"
done
finish
