#!/bin/sh
# SPDX-License-Identifier: MIT
# The settings of training: flags, configuration files, what one is without the other, and what is wrong with them.
. "$(dirname "$0")/lib/common.sh"

# prints CONFIG KEY VALUE: the printed configuration says so
prints() {
    checks=$((checks + 1))
    grep -Fqx "$2 = $3" "$1" || problem "$1: '$(grep "^$2 = " "$1")', not '$2 = $3'"
}

# resolves FILE ARG...: restain train ARG... --print-config > FILE, and the same settings when it is read back
resolves() {
    file=$1
    shift
    expect 0 - train "$@" --print-config
    mv out "$file"
    expect 0 - train "$file" --print-config
    same out "$file"
}

# The methods, and what each fixes.
expect 0 - train --method list
for method in ammfi asp; do
    grep -q "^$method  *[a-z]" out || problem "--method list does not know $method"
done
cut -d ' ' -f 1 out >methods
while read -r method; do
    resolves "$method.conf" --method "$method"
    prints "$method.conf" method "$method"
    prints "$method.conf" name "$method"
done <methods
prints asp.conf netG resnet_6blocks
prints asp.conf netD n_layers
prints asp.conf ndf 32
prints asp.conf stem_k 7
prints asp.conf weight_norm spectral
prints asp.conf lambda_NCE 10
prints asp.conf nce_layers 0,4,8,12,16
prints asp.conf asp_loss_mode lambda_linear
prints asp.conf gp_weights '[0.015625,0.03125,0.0625,0.125,0.25,1]'
prints asp.conf n_epochs 30
prints asp.conf lr 0.0002
prints asp.conf no_flip false
prints asp.conf checkpoints_dir checkpoints
prints ammfi.conf netG ammfi_6blocks
prints ammfi.conf stem_k 3
grep -q '^# dataroot = DIR$' asp.conf || problem 'what is not set is not shown as such'

# Every setting, changed: it is printed, and every key of the printed file is one of these.
set -- dataroot 'a b/c' layout bci direction BtoA sampling serial dataset_mode unaligned multimag true mm_native 0.25 sr_x2 x2.pth sr_x4 x4.pth sr_tile 64 uniform 96 degradation bicubic preprocess none load_size 300 \
    crop_size 48 no_flip true max_dataset_size 12 alpha white gray_to_rgb true num_threads 3 cache_mb 7 mpp 0.25 netG ammfi_4blocks ngf 8 gc 8 sf 2 stem_k 3 \
    ammfi_levels 5 ammfi_reduction 8 normG batch no_dropout false netD basic ndf 12 n_layers_D 3 normD none \
    netF sample netF_nc 17 netF_l2 cut weight_norm none no_antialias true no_antialias_up true init_type normal init_gain 0.1 \
    sn_default false gan_mode wgangp pool_size 50 lambda_GAN 0.1 lambda_NCE 1.5 lambda_asp 2.5 lambda_gp 3.5 \
    gp_weights '[1,2,3,4,5,0.1]' gp_reduce sum asp_loss_mode sigmoid_bell asp_weights plain asp_t iter nce_idt true nce_reduce mean nce_layers 0,4 nce_T 0.5 \
    num_patches 64 nce_includes_all_negatives_from_minibatch true flip_equivariance true lambda_L1 25 weight_L2 26 \
    weight_L3 27 weight_L4 28 lambda_A 11 lambda_B 12 lambda_identity 0.25 n_epochs 3 n_epochs_decay 4 batch_size 5 \
    accumulate 6 lr 3e-05 beta1 0.1 beta2 0.9 lr_policy cosine lr_decay_iters 7 lr_gamma 0.5 lr_step_at_start true \
    steps_per_epoch 9 max_steps 10 clip_grad 1.25 ema 0.995 name 'x;y' checkpoints_dir d init_from m.pth \
    save_every_steps 11 save_epoch_freq 12 print_freq 13 panel_freq 14 panel_count 7 val_freq 16 val_count 17 best dab_r \
    backend ref conv winograd threads 2 seed 9007199254740992 checkpoint_activations true
printf 'method = asp\n' >all.conf
echo method >keys
while [ $# -gt 0 ]; do
    printf '%s = %s\n' "$1" "$2" >>all.conf
    echo "$1" >>keys
    shift 2
done
resolves all.printed all.conf
sed -n 's/ = .*//p' all.printed | grep -v '^#' | sort >printed.keys
sort keys | cmp -s - printed.keys || problem "settings without a check: $(sort keys | diff - printed.keys | tr '\n' ' ')"
while IFS= read -r line; do
    prints all.printed "${line%% = *}" "${line#* = }"
    grep -Fqx "$line" asp.conf && [ "$line" != 'method = asp' ] && problem "all.conf changes nothing: $line"
done <all.conf
# The same, typed: with - and =, with _ and a blank. What asp does not read only a file may hold.
grep -e '^pool_size ' -e '^lambda_L1 ' -e '^weight_L' -e '^lambda_[AB] ' -e '^lambda_identity ' -e '^gc ' -e '^sf ' -e '^degradation ' \
    all.conf >foreign.conf
while IFS=' =' read -r key value; do
    expect 2 "^restain: --$(echo "$key" | tr _ -): asp has no such setting; [a-z0-9]* has" \
        train --method asp "--$key" "$value" --print-config
done <foreign.conf
grep -Fvx -f foreign.conf all.conf >own.conf
sed -e 1d -e "s/'/'\\\\''/g" -e "s/^\([^ ]*\) = \(.*\)/--\1='\2'/" own.conf | sed 's/^\(--[A-Za-z]*\)_/\1-/' | tr '\n' ' ' >typed
eval "expect 0 - train foreign.conf --method asp $(cat typed) --print-config"
same out all.printed
grep -v -e ' true$' -e ' false$' own.conf | sed -e 1d -e "s/^\([^ ]*\) = \(.*\)/--\1 '\2'/" | tr '\n' ' ' >typed
eval "expect 0 - train --method asp $(cat typed) --print-config"
prints out lambda_NCE 1.5
prints out name 'x;y'

# Flags win over the file, false ones too; what stands beside each other in any order and case.
expect 0 - train all.conf --lambda-nce 7 --no-flip=False --NETG resnet_5blocks --print-config
prints out lambda_NCE 7
prints out no_flip false
prints out netG resnet_5blocks
prints out stem_k 3
expect 0 - train --print-config --nce_idt True --no-flip --config asp.conf --flip-equivariance false
prints out nce_idt true
prints out no_flip true
prints out flip_equivariance false
prints out name asp

# A network of another kind keeps the options of the old one, not its shape.
expect 0 - train --method ammfi --netG resnet_9blocks --netD basic --ngf 32 --print-config
prints out stem_k 7
prints out ngf 32
prints out weight_norm spectral
prints out n_layers_D 3
prints out ndf 32
resolves unet.conf --method asp --netG unet_128 --netD pixel
prints unet.conf netG unet_128
prints unet.conf no_dropout true
resolves stainnet.conf --method asp --netG stainnet
prints stainnet.conf ngf 32

# The published short cut; what is given beside it wins.
expect 0 - train --method asp --CUT_mode CUT --print-config
prints out nce_idt true
prints out lambda_NCE 1
prints out flip_equivariance false
prints out n_epochs 30
expect 0 - train --method asp --lambda-NCE 3 --CUT-mode FastCUT --gp_weights uniform --asp_loss_mode none --print-config
prints out nce_idt false
prints out lambda_NCE 3
prints out gp_weights '[1,1,1,1,1,1]'
prints out asp_loss_mode none

# What is typed wrong.
expect 2 'method is missing' train
expect 2 'method is missing' train --print-config
expect 2 'dataroot is missing' train --method asp
expect 2 'apm: no such method; the nearest is a' train --method apm --dataroot .
expect 2 'no such flag; the nearest is --lambda-NCE' train --lamda_nce 3
expect 2 'netG resnet_6block: no network.*the nearest is resnet_6blocks' train --method asp --netG resnet_6block --dataroot .
expect 2 'netG basic: is no generator' train --method asp --netG basic --dataroot .
expect 2 'netD unet_256: is no discriminator' train --method asp --netD unet_256 --dataroot .
expect 2 'stem_k is 5, must be 3 or 7' train --method asp --stem-k 5 --print-config
expect 2 'ammfi-levels: resnet_6blocks has no such option' train --method asp --ammfi-levels 1 --print-config
expect 2 'n-layers-D 4: basic has 3 layers' train --method asp --netD basic --n-layers-D 4 --print-config
expect 2 'nce-layers 4,0: must be' train --method asp --nce-layers 4,0 --print-config
expect 2 'nce-layers 0,4,: must be' train --method asp --nce-layers 0,4, --print-config
expect 2 'nce-layers 1,2,3,4,5,6,7,8,9: must be' train --method asp --nce-layers 1,2,3,4,5,6,7,8,9 --print-config
expect 2 'gp-weights .1,2,3,4,5.: must be' train --method asp --gp-weights '[1,2,3,4,5]' --print-config
expect 2 'gp-weights .1,2,3,4,5,6: must be' train --method asp --gp-weights '[1,2,3,4,5,6' --print-config
expect 2 'gp-weights .*-6: must be' train --method asp --gp-weights 1,2,3,4,5,-6 --print-config
expect 2 'asp-loss-mode linear: must be none' train --method asp --asp-loss-mode linear --print-config
expect 2 'asp-loss-mode top_linear: must be none' train --method asp --asp-loss-mode top_linear --print-config
expect 2 'no-flip maybe: must be true or false' train --method asp --no-flip=maybe --print-config
expect 2 'lr -1: must be 0 to 1000' train --method asp --lr=-1 --print-config
expect 2 'resume and --overwrite' train --method asp --continue_train --overwrite --dataroot .
expect 2 'name .* cannot stand in a configuration file' train --method asp --name ' x' --print-config
expect 2 'all.conf: there is --config asp.conf already' train --config asp.conf all.conf
expect 2 'file too many' train asp.conf all.conf

# What is wrong in a file: its name, the line, and the nearest name.
wrong() { # TEXT PATTERN
    printf "method = asp\n\n$1\n" >wrong.conf
    expect 2 "$2" train wrong.conf --print-config
}
wrong 'lamda_NCE = 3' 'wrong.conf:3: lamda_NCE: restain train has no such setting; the nearest is lambda_NCE'
wrong 'crop_size = big' 'wrong.conf:3: --crop-size big: not a whole number'
wrong 'crop_size =' 'wrong.conf:3: --crop-size : not a whole number'
wrong 'nce_layers = 4 0' 'wrong.conf:3: --nce-layers 4 0: must be'
wrong 'netG = basic' 'wrong.conf:3: --netG basic: is no generator'
wrong 'no_flip = 1' 'wrong.conf:3: --no-flip 1: must be true or false'
wrong 'continue_train = true' 'wrong.conf:3: resume: is for the command line alone'
wrong 'lr = 1\nLR = 2' 'wrong.conf:4: LR is in line 3 already'
wrong 'lr' 'wrong.conf:3: is no line like name = value'
wrong 'print_config = true' 'wrong.conf:3: print_config: is for the command line alone'
wrong 'config = asp.conf' 'wrong.conf:3: config: is for the command line alone'
wrong 'dry_run = true' 'wrong.conf:3: dry_run: is for the command line alone'
expect 3 'none.conf' train none.conf
expect 3 "$work" train "$work" --print-config
printf '# all of it\n[data]\ncrop_size = 64 # a comment\nmethod = asp ; another\n' >good.conf
expect 0 - train good.conf --print-config
prints out crop_size 64
prints out method asp
absent checkpoints asp
finish
