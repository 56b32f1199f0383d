#!/bin/sh
# SPDX-License-Identifier: MIT
# Figures that others published, through the command, with the published weights of SqueezeNet.
[ -d "${RESTAIN_TESTDATA:-/none}/data/oracles/lpips" ] || {
    echo "skipped: RESTAIN_TESTDATA does not name the shared folder"
    exit 77
}
. "$(dirname "$0")/lib/common.sh"
data=$RESTAIN_TESTDATA/data

# mean KEY: of all pairs, from r.json
mean() {
    awk -v key="\"$1\":" '$1 == key { seen = 1 } seen && $1 == "\"mean\":" { sub(/,/, "", $2); print $2; exit }' r.json
}

near() { # KEY WANTED TOLERANCE
    check "$1 is $(mean "$1"), not $2" awk -v a="$(mean "$1")" -v b="$2" -v t="$3" \
        'BEGIN { d = a - b; exit !(a != "" && d < t && d > -t) }'
}

for pair in p0:0.711048 p1:0.147902; do
    expect 0 - evaluate -q --weights "$data/weights" --lpips-net squeeze --metrics lpips --json r.json \
        "$data/oracles/lpips/ex_ref.png" "$data/oracles/lpips/ex_${pair%:*}.png"
    near lpips "${pair#*:}" 1e-3
    grep -q '^LPIPS.*v0.1, squeeze, native size; squeezenet1_1_features.pth a9ff13f1b49d, squeeze.pth 4a5350f23600' out ||
        problem "the weights are not told: $(cat out)"
done

expect 0 - evaluate -q --gray-to-rgb --metrics ssim --json r.json "$data/oracles/skimage_ssim/camera.png" \
    "$data/oracles/skimage_ssim/cam_noisy.png"
near ssim 0.3674518327910367 1e-9

# Real tiles and another model's pictures for them, at the size of MIST's: the H&E is less alike in everything.
expect 3 '1024 x 1024 pixels, .* 512 x 512' evaluate -q "$data/pairs_her2/bci/ihc" "$data/pairs_her2/bci/published_fake_histdit"
expect 0 - evaluate -q --metrics ssim,psnr,stain --json r.json "$data/pairs_her2/bci/ihc" "$data/pairs_her2/bci/he"
check 'eight pairs of four levels' test "$(grep -c '"level": "[0-3]+*"' r.json)" = 4
finish
