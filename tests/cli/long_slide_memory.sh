#!/bin/sh
# SPDX-License-Identifier: MIT
# What a large slide takes: memory that does not grow with it, time in proportion to tissue, background for
# next to nothing.
. "$(dirname "$0")/lib/common.sh"

if grep -q -e __asan_init -e __tsan_init "$RESTAIN"; then
    echo 'skipped: a sanitizer takes memory and time of its own'
    exit 77
fi

# took NAME ARG...: translates; peak memory (MB) and processor time (ms) into NAME_mb and NAME_ms.
took() {
    name=$1
    shift
    rm -f out.ome.tif
    "$RESTAIN" translate -q -m m.safetensors --calibration c.safetensors "$@" -o out.ome.tif 2>err &
    pid=$!
    peak=0
    ticks=0
    while kill -0 "$pid" 2>/dev/null; do
        now=$(sed -n 's/^VmHWM:[^0-9]*\([0-9]*\) kB/\1/p' "/proc/$pid/status" 2>/dev/null)
        [ -z "$now" ] || peak=$now
        now=$(awk '{ print $14 + $15 }' "/proc/$pid/stat" 2>/dev/null)
        [ -z "$now" ] || [ "$now" = 0 ] || ticks=$now
        sleep 0.05
    done
    wait "$pid" || problem "translate $*: $(cat err)"
    checks=$((checks + 1))
    eval "${name}_mb=$((peak / 1024)) ${name}_ms=$((ticks * 1000 / $(getconf CLK_TCK)))"
    eval "echo \"$name: \${${name}_mb} MB, \${${name}_ms} ms of processor time\""
}

expect 0 . convert --init resnet_6blocks --ngf 4 --init-type xavier --init-gain 1 --seed 1 m.safetensors
expect 0 . synth --slide 20000x20000 --tissue 0.02 square.tif
expect 0 . synth --slide 40000x20000 --tissue 0.02 wide.tif
expect 0 . translate -q -m m.safetensors --calibration c.safetensors --region 0,0,16,16 square.tif -o t.ome.tif
took square square.tif
took wide wide.tif
check 'no memory was seen' test "$square_mb" -gt 20
check "$square_mb MB at 20,000 x 20,000 pixels" test "$square_mb" -lt 1500
check "$wide_mb MB for twice the slide that takes $square_mb" test $((wide_mb * 10)) -le $((square_mb * 11))
check "$wide_mb MB for twice the slide that takes $square_mb" test $((wide_mb * 10)) -ge $((square_mb * 9))

# Twice the tissue, twice the time; the same tissue on a slide of four times the area, the same time.
expect 0 . synth --slide 10000x10000 --tissue 0.2 some.tif
expect 0 . synth --slide 10000x10000 --tissue 0.4 more.tif
expect 0 . synth --slide 10000x10000 --tissue 0 none.tif
took some some.tif
took more more.tif
took none none.tif
tiles() { # FILE: those to compute
    "$RESTAIN" translate -m m.safetensors --calibration c.safetensors --dry-run "$1" 2>/dev/null |
        sed -n 's/^tiles: *\([0-9]*\) of .*/\1/p'
}
some=$(tiles some.tif) more=$(tiles more.tif)
each=$(((some_ms - none_ms) / some)) every=$(((more_ms - none_ms) / more))
echo "$each and $every ms a tile of tissue at $some and $more tiles"
check "a tile takes $each ms of $some, $every of $more" test $((every * 10)) -le $((each * 13))
check "a tile takes $each ms of $some, $every of $more" test $((every * 13)) -ge $((each * 10))
check "a slide of nothing takes $none_ms ms" test $((none_ms * 4)) -le "$some_ms"
finish
