#!/bin/sh
# SPDX-License-Identifier: MIT
# The golden runner must notice what is wrong: each case here is a committed one with one thing spoilt.
set -eu
golden=$RESTAIN_BUILD/bin/golden
cases=$RESTAIN_SOURCE/tests/golden/cases
dir=$(mktemp -d)
trap 'rm -rf "$dir"' EXIT
bad=0

# take GROUP/CASE: a fresh copy of that case, alone in $dir/case
take() {
    rm -rf "$dir/case"
    mkdir "$dir/case"
    cp -R "$cases/$1" "$dir/case/it"
}

# spoil SED-SCRIPT: edits the copy's description
spoil() {
    sed "$1" "$dir/case/it/case.json" >"$dir/new.json"
    if cmp -s "$dir/new.json" "$dir/case/it/case.json"; then
        echo "nothing was spoilt by $1"
        bad=1
    fi
    mv "$dir/new.json" "$dir/case/it/case.json"
}

# expect STATUS TEXT [ARGUMENT...]: what the runner returns, and a text that its output must have
expect() {
    want=$1
    text=$2
    shift 2
    rc=0
    "$golden" "$@" >"$dir/out" 2>&1 || rc=$?
    if [ "$rc" != "$want" ] || ! grep -q -F -e "$text" "$dir/out"; then
        echo "golden $*: status $rc, not $want, or no \"$text\" in:"
        cat "$dir/out"
        bad=1
    fi
}

failing() { # TEXT: the spoilt case fails alone, with that text
    expect 1 "$1" "$dir/case" --backend ref
    expect 1 "0 passed, 1 failed, 0 skipped" "$dir/case" --backend ref
}

# Usage.
expect 2 usage
expect 2 usage "$cases/optim" --conv fast
expect 2 usage "$cases/optim" --frobnicate 1
expect 2 Winograd "$cases/optim" --backend ref --conv winograd
expect 2 usage "$cases/optim" --where model
expect 2 usage "$cases/optim" --where =cpt
expect 1 "0 passed, 1 failed" "$dir/nowhere"
mkdir "$dir/empty"
expect 1 "no case in this folder" "$dir/empty"

# Only some cases, by a text or a number; those that cannot be read are not passed over in silence.
expect 0 "1 passed, 0 failed, 0 skipped" "$cases/optim" --backend ref --where lr_policy=step
expect 0 "1 passed, 0 failed, 0 skipped" "$cases/optim" --backend ref --where=lr_decay_iters=4
expect 0 "4 passed, 0 failed, 0 skipped" "$cases/optim" --backend ref --where "lr_policy!=linear"
expect 0 "2 passed, 0 failed, 0 skipped" "$cases/optim" --backend ref --where "lr_policy!=linear" --where op=adam
expect 0 "1 passed, 0 failed, 0 skipped" "$cases/optim" --backend ref --where case=adam_b05_0999
expect 0 "5 passed, 0 failed, 0 skipped" "$cases/optim" --backend ref --where case!=adam_b05_0999
expect 1 "no case in this folder has lr_policy=steep" "$cases/optim" --backend ref --where lr_policy=steep
mkdir -p "$dir/broken/optim"
cp -R "$cases/optim/lr_step_100" "$dir/broken/optim/it"
echo "{" >"$dir/broken/optim/it/case.json"
expect 1 "0 passed, 1 failed, 0 skipped" "$dir/broken" --backend ref --where lr_policy=step
rm -rf "$dir/broken"

# A sound case, by another name and in another folder.
take layers/conv_reflect1_k3_b2_20x28
expect 0 "1 passed, 0 failed, 0 skipped" "$dir/case" --backend ref
expect 0 "1 passed, 0 failed, 0 skipped" "$dir" --backend cpu --conv winograd --threads 2 --verbose

# Descriptions.
spoil 's/"format": *"golden-case-1"/"format": "golden-case-9"/'
failing "format is not"
take layers/conv_reflect1_k3_b2_20x28
printf '{' >"$dir/case/it/case.json"
failing "case.json"
rm "$dir/case/it/case.json"
failing "case.json"
take layers/conv_reflect1_k3_b2_20x28
rm "$dir/case/it/tensors.safetensors"
failing "tensors.safetensors"
take layers/conv_reflect1_k3_b2_20x28
spoil 's/"type": *"Conv2d"/"type": "Conv3d"/'
failing "cannot be mapped"
take layers/conv_reflect1_k3_b2_20x28
spoil 's/"groups": *1/"groups": 1, "dilation": [2, 2]/'
failing "dilation"
take layers/conv_reflect1_k3_b2_20x28
spoil 's/"output.y"/"output.z"/'
failing "output.z"
take losses/asp_ganloss_lsgan
spoil 's/"gan_mode": *"lsgan"/"gan_mode": "hinge"/'
failing "cannot be mapped: gan_mode hinge"
take losses/asp_ganloss_lsgan
spoil 's/"gan_mode": *"lsgan"/"gan_mode": "lsgan", "smoothing": 0.1/'
failing "unknown option smoothing"
take losses/asp_ganloss_lsgan
spoil 's/"op": *"gan_loss"/"op": "gun_loss"/'
failing "no operation gun_loss"

# Numbers: another option than the one the tensors were made with, other tensors, other tables.
take losses/asp_ganloss_lsgan
spoil 's/"gan_mode": *"lsgan"/"gan_mode": "wgangp"/'
failing "is off"
take layers/pad_reflect_1_3_2_4
spoil 's/"ReflectionPad2d"/"ReplicationPad2d"/'
failing "is off"
take optim/lr_step_100
spoil 's/"lr_decay_iters": *4/"lr_decay_iters": 5/'
failing "lr_step_at_end of epoch 5"
take layers/act_relu
size=$(wc -c <"$dir/case/it/tensors.safetensors")
printf '\377\377\177\177' | dd of="$dir/case/it/tensors.safetensors" bs=1 seek=$((size - 4)) conv=notrunc 2>/dev/null
failing "is off"
take training/asp_nogp_none_64
expect 0 "note: 1 cases were compared with gradients that their torch 1.13 misread" "$dir/case" --backend ref
spoil 's/torch 1.13.0a0/torch 2.1.0/'
failing "G.model.12.conv_block.5.weight"
take init/init_normal_002
spoil 's/"init_gain": *0.02/"init_gain": 0.03/'
failing "deviation of"
take init/init_xavier_spectral_gpu
spoil 's/"device": *"gpu"/"device": "cpu"/'
failing "deviation of"

# Files: one that must be refused is not, one that must load does not, limits, and what was executed.
take formats/zip_basic
spoil 's/"expect": *"load"/"expect": "reject"/'
failing "must be refused"
take formats/hostile_negative_size
spoil 's/"expect": *"reject"/"expect": "load"/'
failing "was refused"
take formats/zip_basic
spoil 's/"entries": *{/"entries": {"more": {"shape": []}, /'
failing "was not loaded"
take formats/hostile_zip_os_system
spoil "s|/tmp/golden_hostile_was_executed|$dir/empty|"
failing "exists before"
take formats/zip_zip64_headers
expect 0 "1 passed" "$dir/case" --backend ref --verbose
spoil 's/"max_seconds": *[0-9.]*/"max_seconds": 0/'
failing "values.limits"
exit "$bad"
