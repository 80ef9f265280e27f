#!/bin/bash
# compile_test.sh INCLUDE COMPILER...: what must not compile does not, and says what to write instead.
set -u
include=$1
shift
folder=$(mktemp -d)
trap 'rm -rf "$folder"' EXIT
failed=0

headers='#include <damo/graph/updates.hpp>
#include <damo/graph/walk.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/elementwise/refused_signs.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/reduction/reductions.hpp>
using namespace damo;'

program() { # its statements
  echo "$headers"
  echo "void statements(Var x, Var y, SharedVar w, Updates u) { $1; (void)x; (void)y; (void)w; (void)u; }"
}

compile() { # compiler, file
  "$1" -std=c++20 -fsyntax-only -Wall -Wextra -Werror -Wno-unused "-I$include" "$2" 2>&1
}

refused() { # what the message must name, statements
  program "$2" >"$folder/refused.cpp"
  for compiler in "${compilers[@]}"; do
    if message=$(compile "$compiler" "$folder/refused.cpp"); then
      echo "$compiler compiles: $2"
      failed=1
    elif ! grep -qF -- "$1" <<<"$message"; then
      printf '%s does not name "%s" for: %s\n%s\n' "$compiler" "$1" "$2" "$message"
      failed=1
    fi
  done
}

accepted() { # statements
  program "$1" >"$folder/accepted.cpp"
  for compiler in "${compilers[@]}"; do
    if ! message=$(compile "$compiler" "$folder/accepted.cpp"); then
      printf '%s does not compile: %s\n%s\n' "$compiler" "$1" "$message"
      failed=1
    fi
  done
}

compilers=("$@")
# A Var has no truth value.
refused and_ 'where(x > 0.0 && x < 1.0, x, y)'
refused or_ 'where(x > 0.0 || y, x, y)'
refused not_ 'auto z = !(x > 0.0)'
refused where 'if (sum(x) > 1e9) return'
refused where 'for (int i = 0; i < x.shape(0); ++i) {}'
refused where 'while (x) {}'
refused where 'bool b(x)'
refused where 'Var z = x > y ? x : y'
refused not_ 'auto z = !u[w]'
refused and_ 'auto z = u[w] && x'
refused or_ 'auto z = true || x'
refused where 'do {} while (sum(x) > 1.0)'
refused where 'for (int i = 0; i < x.shape(0) && i < 3; ++i) {}'
# What has a name of its own.
refused 'eq(' 'auto z = x == y'
refused 'neq(' 'auto z = x != 1.0'
refused 'and_(' 'auto z = (x > 0.0) & (x < 1.0)'
refused 'or_(' 'auto z = (x < 0.0) | (x > 1.0)'
refused 'xor_(' 'auto z = (x < 0.0) ^ (y > 1.0)'
refused 'not_(' 'auto z = ~(x > 0.0)'
# Nothing can be assigned to a part of x.
refused set_subtensor 'x[0] = y[0]'
refused set_subtensor 'x[0] = 3.0'
refused set_subtensor 'x(all(), 1) = y'
refused set_subtensor 'x(range(0, 2)) = 1'
refused set_subtensor 'w[0] = 1.0'
refused set_subtensor 'u[w][0] = y[0]'
refused set_subtensor 'x[0][1] = y[0]'
# A comparison is not compared.
refused 'and_(' 'Var z = 0 <= x < 1'
refused 'and_(' 'Var z = 0.0 < x <= y'
refused 'and_(' 'Var z = y > x > 0'
refused 'and_(' 'Var z = y >= x >= 0'
refused 'and_(' 'Var z = 0 <= u[w] < 1'
refused 'and_(' 'Var z = where(0.0 <= x < 1.0, x, y)'

accepted 'Var a = and_(0 <= x, x < 1), b = where(or_(x > 0.0, not_(y < x)), x, y);
          Var c = x.sum(0) + x.max(1) + x.mean({0, 1}, {.keepdims = true}) + x.std() + x.argmax(-1);
          Var d = dot(u[w], x) + exp(u[w]) + u[w] * 2.0 + u[w].T() + u[w][0];
          u[w] = u[w] - 0.1; x = y[0]; w = SharedVar();
          Vars e = clone({x}, {{x, y}}); Var f = clone(x, {{x, y}});
          Var g = x < y; bool h = x.defined(); const Var i = set_subtensor(x[0], y[0])'
exit $failed
