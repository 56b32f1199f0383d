#!/bin/sh
# SPDX-License-Identifier: MIT
# Pictures cut short or changed: one line, exit code 3, no output; and never a crash.
. "$(dirname "$0")/lib/common.sh"

expect 0 . convert --init stainnet --nf 2 m.safetensors

for picture in rgb.png adam7.png rgb.jpg progressive.jpg rgb.tif lzw_tiled.tif jpeg_tiled.tif; do
    size=$(wc -c <"$images/$picture")
    for part in 0 1 7 30 $((size / 2)) $((size * 3 / 4)) $((size - 1)); do
        head -c "$part" "$images/$picture" >"cut-$picture"
        expect 3 "cut-$picture" translate -m m.safetensors "cut-$picture" -o x.png
        expect 3 "cut-$picture" info "cut-$picture"
    done
    # A changed byte may go unnoticed where nothing checks it, but the answer is 0 or 3, and an output is whole.
    for place in 3 13 20 40 $((size / 3)) $((size / 2)) $((size - 9)); do
        cp "$images/$picture" "bent-$picture"
        printf '\377' | dd of="bent-$picture" bs=1 seek="$place" conv=notrunc 2>/dev/null
        checks=$((checks + 1))
        "$RESTAIN" translate -q -m m.safetensors "bent-$picture" -o bent.png --overwrite --alpha drop \
            --gray-to-rgb >/dev/null 2>err </dev/null
        got=$?
        case $got in
        0) "$RESTAIN" info bent.png >/dev/null || problem "byte $place of $picture: a broken output" ;;
        3) grep -q "bent-$picture" err || problem "byte $place of $picture: the message names no file" ;;
        *) problem "byte $place of $picture: exit code $got" ;;
        esac
    done
done
absent x.png
no_halves .
expect 3 'not a PNG, JPEG or TIFF' translate -m m.safetensors m.safetensors -o x.png
expect 3 'No such file' translate -m m.safetensors absent.png -o x.png
finish
