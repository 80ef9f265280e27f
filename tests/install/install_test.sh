#!/bin/bash
# Installs the build folder $1 below it, builds program/ against that alone, and runs it, with the compiler that built
# Damo and with clang++ where there is one. What follows are options for cmake.
set -euo pipefail
source_folder=$(realpath "$(dirname "$0")/program")
build=$1
shift
work=$build/tests/install
rm -rf "$work"
cmake --install "$build" --prefix "$work/prefix" > /dev/null
include=$work/prefix/include/damo
for inner in ops/loop/scan_op.hpp optim/engine/rewriter.hpp runtime/program/program.hpp ops/kernels/random/philox.hpp; do
  [ -f "$source_folder/../../../$inner" ] || { echo "there is no $inner: name another inner header"; exit 1; }
  [ ! -e "$include/$inner" ] || { echo "$inner is installed, but no header for users reaches it"; exit 1; }
done
# The zoo's files need an installed Damo, the standard library, fmt, and the headers beside them.
foreign=$(grep -h '^#include' "$source_folder"/../../../examples/energy/*.?pp |
  grep -Ev '<damo/(core|io)\.hpp>|<fmt/|<[a-z_]+>|"[a-z_]+\.hpp"' || true)
[ -z "$foreign" ] || { echo "examples/energy includes what cannot be copied: $foreign"; exit 1; }
build_and_run() {
  cmake -S "$source_folder" -B "$work/$1" -DCMAKE_PREFIX_PATH="$work/prefix" \
    -DEXAMPLE="$source_folder/../../../examples/new_energy_model.cpp" "${@:2}" > "$work.log" 2>&1 &&
    cmake --build "$work/$1" >> "$work.log" 2>&1 || { cat "$work.log"; exit 1; }
  (cd "$work" && "$1/train" && "$1/core" && "$1/zoo_copied" &&
    "$1/copied" --data bars --epochs 1 --batch 10 --hidden 4 --out copied > copied.log && [ -s copied/samples.png ])
}
build_and_run build "$@"
case "$*" in *-fsanitize*) exit 0 ;; esac
if clang=$(command -v clang++ || command -v clang++-14); then
  build_and_run clang "$@" -DCMAKE_CXX_COMPILER="$clang"
fi
