#!/bin/bash
# Runs the program given as $1 as its users do: resuming, wrong usage, bad input.
set -uo pipefail
rbm=$1
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
  "$rbm" "$@" > output 2>&1
  local got=$?
  [ $got = "$code" ] || fail "rbm $*: exit code $got, expected $code: $(cat output)"
  grep -qF -- "$text" output || fail "rbm $*: expected '$text' in: $(cat output)"
}

# A run stopped by Ctrl-C and resumed by the printed command ends with the bits of one that was not.
for kind in --persistent --cd; do
  options=(--data bars --epochs 40 --hidden 12 --k 20 --plot-every 10 "$kind")
  expect 0 samples.png "${options[@]}" --out whole --force
  rm -rf parts
  "$rbm" "${options[@]}" --out parts > output 2>&1 &
  program=$!
  until [ -s parts/metrics.csv ] && [ "$(wc -l < parts/metrics.csv)" -gt 2 ]; do
    kill -0 $program 2> /dev/null || break
    sleep 0.01
  done
  kill -INT $program
  wait $program
  code=$?
  [ $code = 130 ] || fail "a stopped run exits with $code, expected 130: $(cat output)"
  resume=$(grep -- --resume output)
  [ -n "$resume" ] || fail "no command to resume was printed: $(cat output)"
  eval "$resume" > output 2>&1 || fail "'$resume' failed: $(cat output)"
  for file in checkpoint.npz samples.png filters_epoch_39.png; do
    cmp "whole/$file" "parts/$file" || fail "$kind: $file differs after stopping and resuming"
  done
  cut -d, -f1,2 whole/metrics.csv > costs
  cut -d, -f1,2 parts/metrics.csv | cmp costs - || fail "$kind: the costs differ"
done

expect 0 "--persistent" --help
expect 0 "GFLOP/s" --info
expect 2 "did you mean '--epochs'" --epoch 3
expect 2 "'three' is not a number" --epochs three
expect 2 "-1 is not between 1 and 100000" --hidden -1
expect 2 "did you mean 'fashion'" --data fashoin
expect 2 "exclude each other" --cd --persistent
expect 1 "neither a data set" --data ./nowhere
expect 1 "holds no run" --resume nowhere
expect 1 "holds a run already" --data bars --out whole
touch file
expect 1 "file" --data bars --out file/run
expect 1 "not a single full batch" --data bars --batch 100000 --out batch
mkdir idx && printf 'not an idx file' > idx/train-images-idx3-ubyte
expect 1 "idx" --data ./idx
expect 1 "A smaller --lr may help" --data bars --lr 1e37 --epochs 1 --out nan
exit $((failures > 0))
