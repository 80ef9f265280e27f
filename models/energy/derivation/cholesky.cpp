#include <damo/models/energy/derivation/cholesky.hpp>
#include <damo/ops/control/debug.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/loop/scan.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo::energy {
namespace {

// The j-th entry of each row, as a column.
Var entry(const Var& b, const Var& j) { return dimshuffle(b(all(), j), {0, newaxis}); }

}  // namespace

Var cholesky(const Var& p, const std::string& message) {
  const Assert positive(message);
  const Var n = p.shape(1);
  // What is left of p after the columns so far is zero left of and above the next one.
  const auto column = [&](const Var& j, const Var& left) {
    const Var pivot = left(all(), j, j);
    const Var scale = dimshuffle(sqrt(positive(pivot, pivot > 0)), {0, newaxis});
    const Var below = cast(dimshuffle(arange(n) >= j, {newaxis, 0}), p.dtype());
    const Var l = left(all(), all(), j) * below / scale;
    return Vars{l, left - dimshuffle(l, {0, 1, newaxis}) * dimshuffle(l, {0, newaxis, 1})};
  };
  const auto columns =
      scan(column, {.sequences = {arange(n)}, .outputs_info = {none, p}, .name = "cholesky"});
  return transpose(columns.outputs[0], {1, 2, 0});
}

Var solve_lower(const Var& l, const Var& b) {
  const auto step = [&](const Var& j, const Var& left) {
    const Var y = entry(left, j) / dimshuffle(l(all(), j, j), {0, newaxis});
    return Vars{y(all(), 0), left - l(all(), all(), j) * y};
  };
  const auto loop = scan(
      step, {.sequences = {arange(b.shape(1))}, .outputs_info = {none, b}, .name = "solve_lower"});
  return transpose(loop.outputs[0]);
}

Var solve_upper(const Var& l, const Var& b) {
  const auto step = [&](const Var& j, const Var& left) {
    const Var x = entry(left, j) / dimshuffle(l(all(), j, j), {0, newaxis});
    return Vars{x(all(), 0), left - l(all(), j, all()) * x};
  };
  const auto loop = scan(step, {.sequences = {arange(b.shape(1))},
                                .outputs_info = {none, b},
                                .go_backwards = true,
                                .name = "solve_upper"});
  return transpose(loop.outputs[0])(all(), range(b.shape(1) - 1, -b.shape(1) - 1, -1));
}

}  // namespace damo::energy
