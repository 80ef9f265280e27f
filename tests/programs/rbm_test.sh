#!/bin/bash
# Runs the program given as $1 as its users do: resuming, its own options, bad input.
set -uo pipefail
program=$1
. "$(dirname "$0")/expect.sh"

for kind in --persistent --cd; do
  "$here/resumes" "$program" --data bars --epochs 40 --hidden 12 --k 20 --plot-every 10 "$kind" || exit 1
done

"$here/behaves" "$program" --data bars --epochs 1 --hidden 4 --k 1 --plot-every 1 || exit 1
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
