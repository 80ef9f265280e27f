#!/bin/bash
# Runs the program given as $1 as its users do: resuming, its own options, bad input.
set -uo pipefail
here=$(cd "$(dirname "$0")" && pwd)
rbm=$(realpath "$1")
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

for kind in --persistent --cd; do
  "$here/resumes" "$rbm" --data bars --epochs 40 --hidden 12 --k 20 --plot-every 10 "$kind" ||
    failures=$((failures + 1))
done

"$here/behaves" "$rbm" --data bars --epochs 1 --hidden 4 --k 1 --plot-every 1 ||
  failures=$((failures + 1))
expect 0 samples.png --data bars --epochs 1 --hidden 4 --k 1 --plot-every 1
expect 0 "--persistent" --help
expect 0 "GFLOP/s" --info
expect 2 "did you mean 'fashion'" --data fashoin
expect 2 "exclude each other" --cd --persistent
expect 1 "neither a data set" --data ./nowhere
expect 1 "not a single full batch" --data bars --batch 100000 --out batch
mkdir idx && printf 'not an idx file' > idx/train-images-idx3-ubyte
expect 1 "idx" --data ./idx
expect 1 "A smaller --lr may help" --data bars --lr 1e37 --epochs 1 --out nan
exit $((failures > 0))
