#!/bin/sh
# SPDX-License-Identifier: MIT
# A run from the command line: what a dry run tells, what is written, Ctrl-C once and twice, and going on.
. "$(dirname "$0")/lib/common.sh"

for folder in trainA trainB valA valB; do
    mkdir -p "data/$folder"
    cp "$images/rgb.png" "data/$folder/one.png"
    cp "$images/rgb.jpg" "data/$folder/two.jpg"
done
tiny='--method asp --dataroot data --preprocess resize_and_crop --load-size 72 --crop-size 64 --netG resnet_1blocks
    --ngf 4 --netD basic --ndf 4 --netF-nc 8 --num-patches 8 --nce-layers 0,4,8 --num-threads 1 --threads 1'

# shellcheck disable=SC2086
expect 0 - train $tiny --dry-run
for line in 'method: *asp' 'data: *2 pairs, 2 to validate with' 'network G: .* M parameters' 'steps: *80, 2 an epoch' \
    'GMAC: *[0-9.]* a step' 'memory GB: ' 'time: '; do
    grep -q "^$line" out || problem "the dry run does not tell '$line'"
done
absent checkpoints

# shellcheck disable=SC2086
expect 0 - train $tiny --quiet --name whole --max-steps 3 --print-freq 1 --save-epoch-freq 1
for file in options.conf metrics.csv log.jsonl latest_net_G.safetensors 1_net_G.safetensors checkpoint.safetensors; do
    check "the run has no $file" test -s "checkpoints/whole/$file"
done
# Which of a run's models is its best, and by what rule, stands in the card.
expect 0 - info checkpoints/whole/best_net_G.safetensors
check 'the card does not tell the rule' grep -q 'recipe.*asp, step [0-9]*, best by ssim' out
# The norms of the networks' gradients stand beside the losses.
norms() { # FILE: the rows of steps that have three above 0
    awk -F, 'NR == 1 { for (i = 1; i <= NF; i++) if ($i ~ /^grad_(G|F|D)$/) column[++n] = i }
        $3 == "train" && n == 3 && $column[1] > 0 && $column[2] > 0 && $column[3] > 0 { rows++ } END { print rows + 0 }' "$1"
}
check 'not every step has its gradients'"'"' norms' test "$(norms checkpoints/whole/metrics.csv)" = 3
expect 0 . translate --model checkpoints/whole/latest_net_G.safetensors "$images/rgb.png" -o out.png
# Its own settings repeat it, and are no reason to replace it.
expect 2 'this run exists; --resume' train checkpoints/whole/options.conf
expect 0 - train checkpoints/whole/options.conf --name again --quiet
same checkpoints/whole/latest_net_G.safetensors checkpoints/again/latest_net_G.safetensors
cp checkpoints/whole/options.conf first.conf
expect 0 - train checkpoints/whole/options.conf --overwrite --quiet
same checkpoints/whole/options.conf first.conf

# await COMMAND...: until it succeeds, a minute at the most
await() {
    waited=0
    until "$@" || [ "$waited" -ge 600 ]; do
        sleep 0.1
        waited=$((waited + 1))
    done
}

rows() { # COUNT: whether the stopped run's table has so many rows
    [ -e checkpoints/stopped/metrics.csv ] && [ "$(grep -c . checkpoints/stopped/metrics.csv)" -ge "$1" ]
}

# begins ARG...: trains in the background until some rows more are in its table
begins() {
    enough=5
    while rows "$enough"; do
        enough=$((enough + 5))
    done
    # shellcheck disable=SC2086
    "$RESTAIN" train $tiny --name stopped --steps-per-epoch 1000000 --val-freq 0 --print-freq 1 "$@" >out 2>err &
    pid=$!
    await rows "$enough"
}

# Ctrl-C, then kill: 130 each time, and the end is that of a run that was never stopped.
for signal in INT TERM; do
    begins --resume
    kill -"$signal" "$pid"
    wait "$pid"
    got=$?
    checks=$((checks + 1))
    [ "$got" = 130 ] || problem "exit code $got after SIG$signal: $(cat err)"
    grep -q 'stopping after this step' err || problem "SIG$signal is not told"
    grep -q 'checkpoints/stopped: stopped after step [0-9]* of .*; --resume goes on' err || problem "$(tail -n 1 err)"
    no_halves checkpoints
done
steps=$(sed -n 's/.*stopped after step \([0-9]*\) .*/\1/p' err)
steps=$((steps + 3))
# shellcheck disable=SC2086
expect 0 - train $tiny --quiet --name stopped --steps-per-epoch 1000000 --val-freq 0 --resume --max-steps "$steps"
# shellcheck disable=SC2086
expect 0 - train $tiny --quiet --name unbroken --steps-per-epoch 1000000 --val-freq 0 --max-steps "$steps"
same checkpoints/stopped/latest_net_G.safetensors checkpoints/unbroken/latest_net_G.safetensors

# Twice: it ends in the middle of a step. The reference backend takes many seconds for one.
# shellcheck disable=SC2086
"$RESTAIN" train $tiny --name twice --backend ref --load-size 160 --crop-size 160 --ngf 64 >out 2>err &
pid=$!
await test -d checkpoints/twice
sleep 0.5
kill -INT "$pid"
await grep -q 'once more to end at once' err
kill -INT "$pid"
wait "$pid"
got=$?
checks=$((checks + 1))
[ "$got" = 130 ] || problem "exit code $got after two interrupts: $(cat err)"
grep -q 'interrupted; what is written is whole' err ||
    problem "two interrupts are not told: $(cat err)"
absent checkpoints/twice/checkpoint.safetensors
no_halves checkpoints

# A path that is too long for a line of a configuration file: the run tells it in a comment.
long=data
while [ ${#long} -lt 200 ]; do
    long=./$long
done
# shellcheck disable=SC2086
expect 0 - train $tiny --quiet --name long --dataroot "$long" --max-steps 1
grep -q "^# dataroot = $long\$" checkpoints/long/options.conf || problem 'the long path is not told'
# shellcheck disable=SC2086
expect 2 'dataroot .*: cannot stand in a configuration file' train $tiny --dataroot "$long" --print-config

# What ends it otherwise.
expect 3 'nowhere' train --method asp --dataroot nowhere
# shellcheck disable=SC2086
expect 1 'step [0-9]*: .*not finite' train $tiny --name wild --quiet --gan-mode nonsaturating --normD none \
    --weight-norm none --init-gain 1000 --lr 1000 --max-steps 30
absent checkpoints/asp checkpoints/wild/checkpoint.safetensors
finish

