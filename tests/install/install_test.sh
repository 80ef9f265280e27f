#!/bin/bash
# Installs the build folder $1 below it, builds program/ against that alone, and runs it. What follows are options for
# cmake.
set -euo pipefail
source_folder=$(realpath "$(dirname "$0")/program")
build=$1
shift
work=$build/tests/install
rm -rf "$work"
cmake --install "$build" --prefix "$work/prefix" > /dev/null
cmake -S "$source_folder" -B "$work/build" -DCMAKE_PREFIX_PATH="$work/prefix" "$@" > "$work.log" 2>&1 &&
  cmake --build "$work/build" >> "$work.log" 2>&1 || { cat "$work.log"; exit 1; }
cd "$work" && build/train
