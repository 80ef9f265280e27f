#!/bin/bash
# Scores a short run of rnn_rbm, which lies beside the program given as $1.
set -uo pipefail
evaluate=$(realpath "$1")
rnn_rbm=$(dirname "$evaluate")/rnn_rbm
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
cd "$folder" || exit 1
failures=0

fail() {
  echo "FAILED: $*" >&2
  failures=$((failures + 1))
}

# expect CODE TEXT ARGUMENTS...: the exit code, and TEXT in what is printed.
expect() {
  local code=$1 text=$2
  shift 2
  "$evaluate" "$@" > output 2>&1
  local got=$?
  [ $got = "$code" ] || fail "$*: exit code $got, expected $code: $(cat output)"
  grep -qF -- "$text" output || fail "$*: expected '$text' in: $(cat output)"
}

"$rnn_rbm" --epochs 20 --average 0.1 --songs 0 --out run --quiet || fail "rnn_rbm: exit code $?"
expect 0 "Note 1-Gram" --data chorales
expect 0 "averaged parameters, 4 draws" --run run --runs 4 --betas 10
expect 0 "last parameters" --run run --runs 4 --betas 10 --last --frames 20
grep -q "  20 frames" output || fail "20 frames were asked for: $(cat output)"
expect 1 "holds no run" --run nowhere
expect 2 "did you mean '--part'" --prat test
exit $((failures > 0))
