#!/bin/sh
# SPDX-License-Identifier: MIT
# A training that dies: killed three times where it happens to be, its disk full. It goes on from its last
# checkpoint and ends with the bytes of a run that nothing happened to, whatever the number of threads.
. "$(dirname "$0")/lib/common.sh"

"$RESTAIN" synth --pairs 6 --size 96 --seed 5 --val-share 0.34 -q -o data || problem 'no data'
# The paper's model with all of its losses, small; running averages and a step of two batches besides.
run() { # NAME ARG...
    name=$1
    shift
    ${exec:-} "$RESTAIN" train --method ammfi --dataroot data --crop-size 64 --ngf 4 --ndf 4 --n-layers-D 2 --netF-nc 8 \
        --num-patches 16 --ema 0.9 --accumulate 2 --steps-per-epoch 6 --n-epochs 2 --n-epochs-decay 1 \
        --save-every-steps 2 --print-freq 1 --val-freq 1 --panel-count 1 --seed 3 --quiet --name "$name" "$@" </dev/null
}

run whole --threads 1 || problem 'the unbroken run failed'
run two --threads 2 --num-threads 3 || problem 'the run of two threads failed'

equal_runs() { # A B: the same weights, best and latest, and the same losses
    for model in latest best; do
        same "checkpoints/$1/${model}_net_G.safetensors" "checkpoints/$2/${model}_net_G.safetensors"
    done
    for one in "$1" "$2"; do
        awk -F, -v OFS=, '{ NF -= 3; print }' "checkpoints/$one/metrics.csv" >"$one.losses"
    done
    same "$1.losses" "$2.losses"
}
equal_runs whole two

# Killed three times, each time after some steps more; the moment is drawn by the clock.
rows() {
    if [ -e checkpoints/killed/metrics.csv ]; then
        grep -c . checkpoints/killed/metrics.csv
    else
        echo 0
    fi
}
for at in 3 8 13; do
    exec=exec # what is killed is the training and not a shell around it
    run killed --resume >/dev/null 2>&1 &
    pid=$!
    exec=
    waited=0
    while kill -0 "$pid" 2>/dev/null && [ "$(rows || :)" -lt "$at" ] && [ "$waited" -lt 1200 ]; do
        sleep 0.05
        waited=$((waited + 1))
    done 2>/dev/null
    sleep "0.0$(($(date +%s) % 10))"
    kill -9 "$pid" 2>/dev/null || problem "the run was over before it could be killed at row $at"
    wait "$pid" 2>/dev/null
done
run killed --resume || problem 'the killed run does not go on'
equal_runs whole killed
no_halves checkpoints

# A full disk where the second checkpoint is due: the first stays, the error says so, and the run goes on later.
size=$(wc -c <checkpoints/whole/checkpoint.safetensors)
run full --max-steps 2 || problem 'the short run failed'
cp checkpoints/full/checkpoint.safetensors before
(
    ulimit -f $((size / 2 / 512))
    trap '' XFSZ
    run full --resume --val-freq 0 --panel-count 0
) >out 2>err
got=$?
checks=$((checks + 1))
[ "$got" = 1 ] || problem "exit code $got, not 1, on a full disk: $(cat err)"
grep -q 'checkpoints/full/.*safetensors' err || problem "the full disk is not told: $(cat err)"
same before checkpoints/full/checkpoint.safetensors
no_halves checkpoints
run full --resume || problem 'the run does not go on after a full disk'
same checkpoints/whole/latest_net_G.safetensors checkpoints/full/latest_net_G.safetensors

# A checkpoint that is damaged: the one before serves. One of another run: no.
cp -r checkpoints/whole checkpoints/damaged
printf 'x' | dd of=checkpoints/damaged/checkpoint.safetensors bs=1 seek=$((size - 9)) conv=notrunc 2>/dev/null
run damaged --resume 2>err || problem "a damaged checkpoint is not passed over: $(cat err)"
same checkpoints/whole/latest_net_G.safetensors checkpoints/damaged/latest_net_G.safetensors
run damaged --resume --seed 4 2>err && problem 'a checkpoint of another seed was taken'
grep -q 'options have changed.*seed 3' err || problem "another seed is not told: $(cat err)"
finish
