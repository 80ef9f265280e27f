#!/bin/bash
# Scores a short run of rnn_rbm, which lies beside the program given as $1.
set -uo pipefail
program=$1
rnn_rbm=$(realpath "$(dirname "$1")/rnn_rbm")
. "$(dirname "$0")/expect.sh"

"$rnn_rbm" --epochs 20 --average 0.1 --songs 0 --out run --quiet || fail "rnn_rbm: exit code $?"
expect 0 "Note 1-Gram" --data chorales
expect 0 "averaged parameters, 4 draws" --run run --runs 4 --betas 10
expect 0 "last parameters" --run run --runs 4 --betas 10 --last --frames 20
grep -q "  20 frames" output || fail "20 frames were asked for: $(cat output)"
expect 1 "holds no run" --run nowhere
expect 2 "did you mean '--part'" --prat test
