#!/bin/sh
# SPDX-License-Identifier: MIT
# Whole slides from the command line: what is a slide, what is asked for, what is left behind.
. "$(dirname "$0")/lib/common.sh"

expect 0 untrained convert --init stainnet --nf 4 --init-gain 1 --seed 1 m.safetensors
expect 0 untrained convert --init stainnet --nf 4 --init-gain 1 --seed 1 --mpp 0.5 mpp.safetensors
expect 0 untrained convert --init resnet_4blocks --ngf 2 --init-gain 1 --init-type xavier --seed 1 r.safetensors
expect 0 'a made slide of 600 x 500' synth --slide 600x500 --tile 128 s.tif
expect 0 . synth --slide 600x500 --tile 128 --mpp 0 unknown.tif
expect 0 . synth --slide 600x500 --tile 128 --tissue 0.9 --spoilt 0.5 bad.tif
expect 0 . synth --slide 300x200 --tissue 0 empty.tif
expect 2 'no size like' synth --slide 600 t.tif
expect 2 's.tif: exists' synth --slide 600x500 s.tif

# A pyramid is a slide by its content, anything is one by the name of the output.
expect 0 'tiles to compute' translate -m m.safetensors s.tif -o one.tif
expect 0 'tiles to compute' translate -m m.safetensors s.tif -o two.ome.tif --num-threads 3
same one.tif two.ome.tif
expect 0 'tiles to compute' translate -m m.safetensors "$images/rgb.png" -o picture.ome.tif
expect 2 'a slide becomes a slide' translate -m m.safetensors s.tif -o s.png
expect 2 'one.tif: exists' translate -m m.safetensors s.tif -o one.tif
expect 1 'there is no folder none/' translate -m r.safetensors s.tif -o none/n.ome.tif
expect 0 'no tissue found' translate -m r.safetensors empty.tif -o empty.ome.tif

# Micrometres per pixel.
expect 0 untrained translate -q -m mpp.safetensors s.tif -o known.ome.tif
expect 2 'give --mpp' translate -m mpp.safetensors unknown.tif -o n.ome.tif
expect 0 'untrained' translate -m mpp.safetensors unknown.tif --mpp 0.52 -o told.ome.tif
expect 2 'coarser than the model' translate -m mpp.safetensors unknown.tif --mpp 0.7 -o n.ome.tif
expect 2 'no level within 10 %' translate -m mpp.safetensors unknown.tif --mpp 0.35 -o n.ome.tif
expect 0 '420 x 350 pixels' translate -m mpp.safetensors unknown.tif --mpp 0.35 --resample -o smaller.ome.tif

# Parts, statistics, plans.
expect 0 . translate -m r.safetensors s.tif --region 100,50,300,200 --calibration c.safetensors -o part.ome.tif
check 'the statistics were not kept' test -s c.safetensors
expect 2 'only --stats frozen' translate -m r.safetensors s.tif --calibration c.safetensors --stats tile -o n.ome.tif
expect 0 untrained convert --init resnet_4blocks --ngf 2 --init-gain 1 --seed 2 r2.safetensors
expect 2 'another model' seamtest -m r2.safetensors --calibration c.safetensors s.tif
expect 2 'no part like' translate -m m.safetensors s.tif --region 1,2,3 -o n.ome.tif
expect 2 'lies outside' translate -m m.safetensors s.tif --region 600,0,10,10 -o n.ome.tif
expect 2 'no multiple of 16' translate -m m.safetensors s.tif --tile-size 100 -o n.ome.tif
expect 0 . translate -m r.safetensors s.tif --dry-run -o n.ome.tif
for word in tissue tiles window memory disk time; do
    check "--dry-run does not tell $word" grep -q "^$word" out
done

# Damage and full disks.
expect 3 'bad.tif' translate -m m.safetensors bad.tif --tile-size 64 -o n.ome.tif
expect 0 '1 tile could not be read and stand' translate -m m.safetensors bad.tif --allow-bad-tiles 1 -o spared.ome.tif
check 'the bad tile is not listed' grep -q "^0	[0-9]*	[0-9]*	128	128$" spared.bad-tiles.tsv
(
    ulimit -f 40
    "$RESTAIN" translate -q -m m.safetensors s.tif -o n.ome.tif >out 2>err
    [ $? = 1 ]
) || problem 'a full disk is no output error'
grep -q 'n.ome.tif' err || problem "a full disk: $(cat err)"
absent n.ome.tif n.stats.safetensors
no_halves .

# Killed: what is left does not look whole, and is in nobody's way.
"$RESTAIN" translate -q -m r.safetensors --backend ref --num-threads 1 --calibration c.safetensors s.tif -o k.ome.tif 2>err &
pid=$!
waited=0
while [ ! -e k.ome.tif.part ] && [ "$waited" -lt 300 ]; do
    sleep 0.1
    waited=$((waited + 1))
done
check 'the slide was never begun' test -e k.ome.tif.part
kill -KILL "$pid"
wait "$pid"
[ $? = 137 ] || problem 'the slide was done before it could be killed'
absent k.ome.tif k.stats.safetensors
expect 3 'k.ome.tif.part' info k.ome.tif.part
expect 0 . translate -m r.safetensors --calibration c.safetensors s.tif -o k.ome.tif
no_halves .

# Seams.
expect 0 . synth --slide 1000x900 --tissue 0.8 big.tif
expect 0 untrained seamtest -m r.safetensors --windows 2 --region 300,250,340,320 big.tif
grep -q '^differing: *0$' out || problem "seamtest: $(cat out)"
expect 0 untrained seamtest -m mpp.safetensors --mpp 0.37 --resample big.tif
grep -q '^differing: *0$' out || problem "seamtest of a resampled slide: $(cat out)"
expect 6 'seams: ' seamtest -m r.safetensors --stats tile --region 300,250,340,320 big.tif
expect 6 'seams: ' seamtest -m r.safetensors --windows 2 --offset 2 --region 300,250,340,320 big.tif
expect 2 'no tissue to test on' seamtest -m r.safetensors empty.tif
finish
