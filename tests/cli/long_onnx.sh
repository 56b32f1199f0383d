#!/bin/sh
# SPDX-License-Identifier: MIT
# Exported networks run in ONNX Runtime (its npm package) and give the bytes of `translate`, but for a rounding by one.
. "$(dirname "$0")/lib/common.sh"

sh "$RESTAIN_SOURCE/scripts/install-onnx.sh" "$work" || exit
NODE_PATH=$work/node_modules
export NODE_PATH

same_bytes() { # MODEL NAME TILE [unit]
    checks=$((checks + 1))
    expect 0 "$2.onnx: " convert "$1" "$2.onnx" --overwrite
    "$RESTAIN" translate -q -m "$1" "$3" -o "$2.png" --overwrite 2>err || problem "translate $3: $(cat err)"
    node "$RESTAIN_SOURCE/tests/support/onnx_run.js" "$2.onnx" "$3" "$2.png" ${4:+"$4"} || problem "$2 on $3"
}

fresh() { # NET [OPTION...]: a network with random weights
    expect 0 untrained convert --init "$@" --init-type xavier --init-gain 1 --seed 1 --overwrite fresh.safetensors
}

expect 0 . synth --pairs 1 --size 256 --val-share 0 --seed 3 -o synthetic
set -- synthetic/trainA/*.png
demo=$RESTAIN_SOURCE/models/demo.safetensors
same_bytes "$demo" demo "$1"
for net in resnet_6blocks 'resnet_9blocks --no-antialias --no-antialias-up' 'resnet_6blocks --norm batch' \
    'ammfi_6blocks --ammfi-levels 7' unet_256; do
    # shellcheck disable=SC2086
    fresh $net --ngf 8
    same_bytes fresh.safetensors fresh "$1"
done
fresh rrdbnet_x4 --nf 8 --nb 2 --gc 4
same_bytes fresh.safetensors super "$1" unit

tiles=${RESTAIN_TESTDATA:-}/data/he_tile_grid_4096/he
if [ -d "$tiles" ]; then
    for tile in "$tiles"/[01]_[67].png; do
        same_bytes "$demo" demo "$tile"
    done
else
    echo 'no real tiles here; synthetic ones only'
fi
finish
