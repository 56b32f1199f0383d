#!/bin/sh
# SPDX-License-Identifier: MIT
# Too little memory: exit code 5 and one line that says what helps.
. "$(dirname "$0")/lib/common.sh"

if grep -q -e __asan_init -e __tsan_init "$RESTAIN"; then
    echo 'skipped: a sanitizer needs more address space than this test leaves'
    exit 77
fi
expect 0 . convert --init rrdbnet_x4 --nf 4 --nb 1 --gc 4 x4.safetensors
expect 0 . convert --init resnet_4blocks --ngf 64 wide.safetensors
expect 0 . translate -m x4.safetensors "$images/rgb.jpg" -o small.png
expect 0 . translate -m x4.safetensors small.png -o picture.png
(
    ulimit -v 300000
    expect 0 . translate -m wide.safetensors --num-threads 1 "$images/rgb.jpg" -o fits.png
    expect 5 'picture.png: out of memory for 640 x 464 pixels; smaller tiles need less' \
        translate -m wide.safetensors --num-threads 1 picture.png -o large.png
    expect 4 'failed: picture.png: out of memory' \
        translate -m wide.safetensors --num-threads 1 picture.png "$images/rgb.jpg" -o some
    ulimit -v 60000 # where the libraries alone need more, there is nothing to see
    "$RESTAIN" --version >/dev/null 2>&1 &&
        expect 5 'out of memory' translate -m wide.safetensors --num-threads 1 "$images/rgb.jpg" -o none.png
    exit "$failures"
) || failures=$((failures + $?))
absent large.png some/picture.png none.png
check 'the picture that fits was not done' test -s some/rgb.png
no_halves .
finish
