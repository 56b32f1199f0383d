#!/bin/sh
# SPDX-License-Identifier: MIT
# Two grids over 2048 x 2048 pixels at width 16, in both convolution modes: not a bit differs.
. "$(dirname "$0")/lib/common.sh"

expect 0 . synth --slide 2048x2048 s.tif
for net in resnet_6blocks ammfi_6blocks; do
    expect 0 . convert --init $net --ngf 16 --init-type xavier --init-gain 1 --seed 1 $net.safetensors
    for conv in direct winograd; do
        expect 0 . seamtest -m $net.safetensors --conv $conv s.tif
        grep -q '^differing: *0$' out || problem "$net, $conv: $(cat out)"
        grep -q '^edge ratio: *1.0000$' out || problem "$net, $conv: $(cat out)"
    done
done
finish
