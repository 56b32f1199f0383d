#!/bin/sh
# SPDX-License-Identifier: MIT
# Trainings at their edges: what a run leaves behind that never began, what one finds that begins anew, and ends of
# epochs that fail or are cut short.
. "$(dirname "$0")/lib/common.sh"

tiny='--netG resnet_1blocks --ngf 4 --netD basic --ndf 4 --netF-nc 8 --num-patches 8 --nce-layers 0,4,8 --num-threads 1
    --threads 1 --crop-size 64 --print-freq 1 --quiet'
expect 0 - synth -q --pairs 6 --size 96 --seed 5 --val-share 0.34 data

run() { # CODE PATTERN NAME ARG...
    code=$1 pattern=$2 name=$3
    shift 3
    # shellcheck disable=SC2086 # several words
    expect "$code" "$pattern" train --method asp --dataroot data $tiny --steps-per-epoch 2 --n-epochs 2 \
        --n-epochs-decay 0 --panel-count 1 --name "$name" "$@"
}

# Crops that a network cannot take: it says so with the option's name, and the run has left nothing.
for dry in '' --dry-run; do
    run 2 'too small for this network; it got 16 x 16 pixels: see --crop-size' none --crop-size 16 $dry
    run 2 'reflect padding.*; it got 32 x 32 pixels: see --crop-size' none --crop-size 32 --netD pixel $dry
done
absent checkpoints

# Nor one that is stopped before its first step: the reference backend takes seconds for the pass before it.
"$RESTAIN" train --method asp --dataroot data --backend ref --ngf 16 --ndf 4 --n-layers-D 2 --crop-size 64 --resume \
    --name none >out 2>err &
pid=$!
waited=0
until grep -q 'beginning at the first step' err || [ "$waited" -ge 600 ]; do
    sleep 0.05
    waited=$((waited + 1))
done
kill -INT "$pid"
wait "$pid"
check "exit code $? of a run that is stopped before its first step: $(cat err)" test $? = 130
check "not told that nothing was done: $(cat err)" \
    grep -q '^restain: checkpoints/none: stopped before the first step' err
absent checkpoints

for net in unet_128 stainnet; do
    run 2 "^restain: --netG $net: has no layers that PatchNCE could compare" none --netG $net
done

# One that begins anew and dies before its first checkpoint: what the old one left is not gone on with.
run 0 - whole
cp -r checkpoints/whole checkpoints/anew
run 1 'step [0-9]*: .* is not finite' anew --overwrite --lr 1000 --init-gain 1000 --weight-norm none --normD none
absent checkpoints/anew/checkpoint.safetensors checkpoints/anew/checkpoint.previous.safetensors \
    checkpoints/anew/best_net_G.safetensors

# ends_as_whole NAME: its models and its losses and scores are those of the unbroken run
ends_as_whole() {
    for model in latest best; do
        same "checkpoints/whole/${model}_net_G.safetensors" "checkpoints/$1/${model}_net_G.safetensors"
    done
    for one in whole "$1"; do
        awk -F, -v OFS=, '{ NF -= 3; print }' "checkpoints/$one/metrics.csv" >"$one.rows"
    done
    same whole.rows "$1.rows"
}

# A picture to validate with that is damaged behind its header ends a run, and costs it nothing.
bad=$(find data/valB -name '*.png' | sort | tail -n 1)
cp "$bad" good.png
head -c 3000 good.png >"$bad"
run 3 "$bad: truncated PNG" broken
check 'the damaged validation is told with what was saved' \
    grep -q 'checkpoints/broken: saved after step 2; --resume goes on' err
cp good.png "$bad"
run 0 - broken --resume
ends_as_whole broken

# Methods that want no pairs are validated on them all the same; without validations there are panels; and data that has
# no pairs to validate with is trained on.
panels() { # NAME
    find "checkpoints/$1/panels" -name '*.png' 2>/dev/null | grep -c .
}
run 0 - unpaired --method cut --preprocess crop
check 'CUT is not validated' test "$(grep -c ,val, checkpoints/unpaired/metrics.csv)" = 2
check 'CUT has no panels' test "$(panels unpaired)" = 2
run 0 - unscored --val-freq 0
check 'validated in spite of --val-freq 0' test "$(grep -c ,val, checkpoints/unscored/metrics.csv)" = 0
check 'no panels where there is no validation' test "$(panels unscored)" = 2
mv data/valB away
run 0 '^restain: warning: no validation and no panels: data/valB' blind
mv away data/valB
run 2 'options have changed since: there it was .*, now BtoA' whole --resume --direction BtoA
run 2 'losses have changed since: there it was without NCE_Y' whole --resume --nce-idt

# Pauses are no ends of epochs, which the rate counts.
for end in 3 5 7 16; do
    run 0 - pauses --val-freq 0 --panel-count 0 --lr-policy plateau --n-epochs 8 --resume --max-steps $end
done
run 0 - none --val-freq 0 --panel-count 0 --lr-policy plateau --n-epochs 8
same checkpoints/none/latest_net_G.safetensors checkpoints/pauses/latest_net_G.safetensors
check 'the rate did not fall' grep -q '^16,8,train,4e-05,' checkpoints/none/metrics.csv
for name in . .. ../none none/deeper; do
    run 2 "^restain: --name $name: must be the name of a folder" "$name"
done

# Two at once in one folder would overwrite each other.
# shellcheck disable=SC2086 # several words
"$RESTAIN" train --method asp --dataroot data $tiny --steps-per-epoch 1000000 --name twice >out 2>err &
pid=$!
waited=0
until [ -e checkpoints/twice/log.jsonl ] || [ "$waited" -ge 600 ]; do
    sleep 0.05
    waited=$((waited + 1))
done
run 1 '^restain: checkpoints/twice: another training is at work in this folder' twice --resume
kill -INT "$pid"
wait "$pid"

# Stopped, and killed, while it validates: with the step's checkpoint, and the validation is made up for.
for folder in valA valB; do
    mkdir -p "many/$folder"
    cp -r "data/train${folder#val}" "many/train${folder#val}"
    picture=$(find "data/$folder" -name '*.png' | sort | head -n 1)
    for i in $(seq 100); do
        cp "$picture" "many/$folder/$i.png"
    done
done
run 0 - whole --overwrite --dataroot many --val-count 0
for signal in TERM KILL; do
    # shellcheck disable=SC2086 # several words
    "$RESTAIN" train --method asp --dataroot many --val-count 0 $tiny --steps-per-epoch 2 --n-epochs 2 \
        --n-epochs-decay 0 --panel-count 1 --name $signal >out 2>err &
    pid=$!
    waited=0
    until [ -e checkpoints/$signal/checkpoint.safetensors ] || [ "$waited" -ge 600 ]; do
        sleep 0.05
        waited=$((waited + 1))
    done
    kill -$signal "$pid"
    wait "$pid" 2>/dev/null
    got=$?
    [ "$signal" = KILL ] || check "exit code $got, not 130: $(cat err)" test "$got" = 130
    check "the validation was over before SIG$signal" test "$(grep -c ,val, checkpoints/$signal/metrics.csv)" = 0
    run 0 - "$signal" --resume --dataroot many --val-count 0
    ends_as_whole "$signal"
done
no_halves checkpoints
finish
