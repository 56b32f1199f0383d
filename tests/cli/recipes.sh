#!/bin/sh
# SPDX-License-Identifier: MIT
# The recipes of the paper's tables: what each is, that all rows share a profile, that they can be trained.
. "$(dirname "$0")/lib/common.sh"

recipes=$RESTAIN_SOURCE/recipes

# says KEY VALUE: the recipe printed last has this setting
says() {
    checks=$((checks + 1))
    grep -Fqx "$1 = $2" out || problem "$recipe: '$(grep "^$1 = " out)', not '$1 = $2'"
}

# profile: what all rows of a table share (networks of the discriminator, data, schedule)
profile() {
    for setting in netD=n_layers n_layers_D=5 ndf=32 ngf=64 weight_norm=spectral normG=instance normD=instance \
        no_dropout=true no_antialias=false no_antialias_up=false init_type=xavier dataset_mode=aligned sampling=random \
        preprocess=crop crop_size=512 batch_size=1 lr=0.0002 n_epochs=30 n_epochs_decay=10 lr_policy=linear \
        lr_step_at_start=false lambda_GAN=1; do
        says "${setting%%=*}" "${setting#*=}"
    done
}

# weighs NCE ASP GP L1 L2 L3 L4 CYCLE
weighs() {
    for key in lambda_NCE lambda_asp lambda_gp lambda_L1 weight_L2 weight_L3 weight_L4 lambda_A; do
        says $key "$1"
        shift
    done
}

# row SET NAME METHOD GENERATOR GAN WEIGHT...
row() {
    recipe=$recipes/$1/$2.conf
    expect 0 - train "$recipe" --print-config
    says name "$1-$2"
    says method "$3"
    says netG "$4"
    says gan_mode "$5"
    shift 5
    weighs "$@"
    profile
    echo "$recipe" >>known
}

fine_to_coarse='[0.015625,0.03125,0.0625,0.125,0.25,1]'
for set in mist-her2 bci; do
    row $set pix2pix pix2pix resnet_6blocks vanilla 0 0 0 100 0 0 0 0
    row $set pyramid-pix2pix pyramid-pix2pix resnet_6blocks vanilla 0 0 0 25 25 25 25 0
    row $set cyclegan cyclegan resnet_6blocks lsgan 0 0 0 0 0 0 0 10
    says lambda_B 10
    says lambda_identity 0.5
    says pool_size 50
    row $set cut fastcut resnet_6blocks lsgan 10 0 10 0 0 0 0 0
    says flip_equivariance false
    says nce_idt false
    says gp_weights "$fine_to_coarse"
    for name in asp baseline attention multimag full; do
        method=asp generator=resnet_6blocks stem=7 several=false
        case $name in attention | full) method=ammfi generator=ammfi_6blocks stem=3 ;; esac
        case $name in multimag | full) several=true ;; esac
        row $set $name $method $generator lsgan 10 10 10 0 0 0 0 0
        says stem_k $stem
        says multimag $several
        says asp_loss_mode lambda_linear
        says gp_weights "$fine_to_coarse"
    done
done

# As they were published.
published() { # METHOD SETTING...
    recipe=$recipes/upstream/$1.conf
    expect 0 - train "$recipe" --print-config
    says name "upstream-$1"
    says method "$1"
    shift
    for setting; do
        says "${setting%%=*}" "${setting#*=}"
    done
    echo "$recipe" >>known
}
published pix2pix netG=unet_256 netD=basic normG=batch no_dropout=false lambda_L1=100 n_epochs=100 n_epochs_decay=100 \
    load_size=286 crop_size=256 dataset_mode=aligned sampling=shuffle lr_step_at_start=true weight_norm=none
published pyramid-pix2pix netG=resnet_9blocks batch_size=2 preprocess=none lambda_L1=25 weight_L4=25 normG=batch \
    no_dropout=false n_epochs=100 n_epochs_decay=100
published cyclegan netG=resnet_9blocks dataset_mode=unaligned pool_size=50 no_antialias=true n_epochs=100 n_epochs_decay=100
published cut netG=resnet_9blocks dataset_mode=unaligned nce_idt=true lambda_NCE=1 n_epochs=200 n_epochs_decay=200
published fastcut netG=resnet_9blocks nce_idt=false lambda_NCE=10 flip_equivariance=true n_epochs=150 n_epochs_decay=50

# Every recipe is one of these, and each takes two steps in small.
find "$recipes/mist-her2" "$recipes/bci" "$recipes/upstream" -name '*.conf' | sort >there
check "recipes without a check: $(sort known | diff - there | tr '\n' ' ')" sh -c 'sort known | cmp -s - there'
expect 0 - synth -q --pairs 5 --size 256 --seed 3 -o data
expect 0 bicubically prepare -q --multimag data -o mm
while read -r recipe; do
    case $recipe in */bci/*) continue ;; esac # as those of MIST
    data=data
    case $recipe in */multimag.conf | */full.conf) data=mm/manifest.tsv ;; esac
    patches='--num-patches 16'
    case $recipe in *pix2pix* | *cyclegan*) patches= ;; esac
    # shellcheck disable=SC2086 # two words or none
    expect 0 - train -q "$recipe" --dataroot $data --ngf 2 --ndf 2 --crop-size 256 $patches --dry-run
done <there

# Whole pictures make a batch if all have one size.
expect 0 - synth -q --pairs 2 --size 128 --val-share 0 --seed 4 -o small
for side in A B; do cp small/train$side/00000_train_0.png data/train$side/small.png; done
expect 2 "128 x 128 to 256 x 256 pixels make no batch of 2; give --batch-size 1" \
    train -q "$recipes/upstream/pyramid-pix2pix.conf" --dataroot data --ngf 2 --ndf 2 --dry-run
expect 0 - train -q "$recipes/upstream/pyramid-pix2pix.conf" --dataroot data --batch-size 1 --ngf 2 --ndf 2 --dry-run
finish
