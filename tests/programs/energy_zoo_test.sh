#!/bin/bash
# The zoo of energy models: its list, a check, a training, and what it is told wrong.
set -uo pipefail
program=$1
. "$(dirname "$0")/expect.sh"

expect 0 "deep_boltzmann_machine" 
expect 0 "sweep over h leaves p as it is" rbm
expect 0 "Langevin chains" deep_energy
expect 2 "there is no model 'rmb'" rmb
expect 2 "there is no model 'rmb'" rmb --train --quick
expect 2 "'--trian' is none of" rbm --trian
expect 2 "'ising' is none of" rbm ising
expect 2 "--data: mnist or made" rbm --train --data mist
expect 2 "--out: its value is missing" rbm --train --out
expect 2 "--train: which one" --train
expect 0 "exact log-likelihood" spin_rbm --train --quick --out pictures
[ -s pictures/spin_rbm.png ] || fail "there is no picture"
expect 0 "digits told wrong" class_rbm --train --quick --data made --out pictures
[ -s pictures/class_rbm.png ] || fail "there is no picture"
expect 0 "usage: energy_zoo" --help
expect 2 "--quick is of --train" rbm --quick
expect 2 "--out is of --train" rbm --out pictures
expect 2 "--quick takes made digits" class_rbm --train --quick --data mnist
touch file
expect 1 "--out file: is no folder that can be written to" spin_rbm --train --out file
grep -q "learnt" output && fail "it trained before it looked at the folder: $(cat output)"
# MNIST that is asked for and is not there, or cannot be read, is not silently something else.
mkdir -p empty broken
expect_env() { DAMO_DATA=$1 expect "${@:2}"; }
expect_env empty 1 "'mnist' is not on this machine" class_rbm --train --data mnist
for name in train-images-idx3 train-labels-idx1 t10k-images-idx3 t10k-labels-idx1; do echo bad > broken/$name-ubyte; done
expect_env broken 1 "broken/" class_rbm --train --data mnist
if [ -w /dev/full ]; then
  "$program" spin_rbm --train --quick > /dev/full 2> said && fail "a full disk went unnoticed"
  grep -q "cannot write to the standard output" said || fail "of a full disk it says: $(cat said)"
fi
