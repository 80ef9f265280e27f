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
