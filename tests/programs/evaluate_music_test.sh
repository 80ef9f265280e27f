#!/bin/bash
# Scores a short run of rnn_rbm, which lies beside the program given as $1.
set -uo pipefail
program=$1
rnn_rbm=$(realpath "$(dirname "$1")/rnn_rbm")
. "$(dirname "$0")/expect.sh"

"$rnn_rbm" --epochs 20 --average 0.1 --songs 0 --out run --quiet || fail "rnn_rbm: exit code $?"
expect 0 "Note 1-Gram" --data chorales
expect 0 "averaged parameters, 4 draws" --run run --runs 4 --betas 10 --songs 2
fitted=$(sed -n 's/.*"fitted_temperature": \([0-9.]*\).*/\1/p' run/run.json)
grep -q "2 pieces, each as long as a real one, begun as those trained on; temperature $fitted, 50 Gibbs steps" output ||
  fail "no songs as the run has them: $(cat output)"
expect 0 "temperature 0.5, 3 Gibbs" --run run --runs 1 --betas 1 --frames 1 --songs 1 --temperature 0.5 --k-generate 3
expect 0 "as long as a real one; temperature" --run run --runs 1 --betas 1 --frames 1 --songs 3 --no-real-starts
expect 2 "0.01 is the least" --run run --temperature 0.001
expect 0 "last parameters" --run run --runs 4 --betas 10 --last --frames 20 --songs 0
grep -q "composed" output && fail "no songs were asked for: $(cat output)"
grep -q "  20 frames" output || fail "20 frames were asked for: $(cat output)"
expect 1 "holds no run" --run nowhere
expect 2 "did you mean '--part'" --prat test
