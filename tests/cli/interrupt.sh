#!/bin/sh
# SPDX-License-Identifier: MIT
# Ctrl-C: exit code 130 at once, nothing half written; what was finished stays.
. "$(dirname "$0")/lib/common.sh"

expect 0 . convert --init rrdbnet_x4 --nf 4 --nb 1 --gc 4 x4.safetensors
expect 0 . convert --init resnet_9blocks --ngf 16 slow.safetensors
expect 0 . translate -m x4.safetensors "$images/rgb.jpg" -o small.png
expect 0 . translate -m x4.safetensors small.png -o large.png

# The reference backend takes many seconds for the second picture.
"$RESTAIN" translate -m slow.safetensors --backend ref --num-threads 1 "$images/rgb.jpg" large.png -o made 2>err &
pid=$!
waited=0
while [ ! -e made/rgb.png ] && [ "$waited" -lt 300 ]; do
    sleep 0.2
    waited=$((waited + 1))
done
check 'the first picture never came' test -s made/rgb.png
kill -INT "$pid"
wait "$pid"
got=$?
[ "$got" = 130 ] || problem "exit code $got after an interrupt"
grep -q interrupted err || problem 'an interrupt is not told'
"$RESTAIN" info made/rgb.png >/dev/null || problem 'the finished picture is broken'
absent made/large.png
no_halves made
finish
