#include <fmt/format.h>

#include <algorithm>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/axes.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>

// Products of more axes than two, made of `dot` and `batched_dot`.
namespace damo {
namespace {

/// The leading axes in which two batches meet: the sizes of the one that does not stretch.
Vars common_batch(const Var& a, const Var& b) {
  Vars common;
  const std::size_t rank = std::max(a.ndim(), b.ndim());
  for (std::size_t i = 0; i + 2 < rank; ++i) {
    const auto axis_of = [&](const Var& v) { return i + v.ndim() - rank; };
    const auto stretches = [&](const Var& v) {
      return i + v.ndim() < rank || v.type().broadcastable(axis_of(v));
    };
    const Var& from = stretches(a) ? b : a;
    common.push_back(i + from.ndim() < rank ? int_constant(1) : size_at(from, axis_of(from)));
  }
  return common;
}

/// `x` with these leading axes, joined into one. `checked`: whether sizes that do not stretch are
/// held to these.
Var as_batch(const Var& x, const Vars& batch, bool checked) {
  const Var rows = size_at(x, x.ndim() - 2), cols = size_at(x, x.ndim() - 1);
  bool stretches = x.ndim() < batch.size() + 2;
  for (std::size_t i = 0; !stretches && i < batch.size(); ++i)
    stretches = x.type().broadcastable(i) && scalar_constant(batch[i]) != 1;
  Vars wanted = batch;
  wanted.insert(wanted.end(), {rows, cols});
  const Var full = stretches || checked ? broadcast_to(x, wanted) : x;
  return batch.size() == 1 ? full : reshape(full, Vars{size_product(batch), rows, cols});
}

/// The product of operands with two axes at least.
Var product(const Var& a, const Var& b) {
  // One matrix for the whole batch: its rows are those of one product.
  if (b.ndim() == 2) return dot(a, b);
  const Vars batch = common_batch(a, b);
  const bool several = batch.size() > 1;
  const Var result = batched_dot(as_batch(a, batch, several), as_batch(b, batch, several));
  if (!several) return result;
  Vars wanted = batch;
  wanted.insert(wanted.end(), {size_at(a, a.ndim() - 2), size_at(b, b.ndim() - 1)});
  return reshape(result, wanted);
}

}  // namespace

Var matmul(const Arg& a, const Arg& b) {
  const SiteScope scope(SiteScope::or_else(a.site()));
  const Var left = a.var(), right = b.var();
  if (left.ndim() == 0 || right.ndim() == 0) {
    throw ShapeError(
        fmt::format("matmul: expected vectors, matrices or batches of them"
                    "\n  left   {}\n  right  {}",
                    describe(left), describe(right)));
  }
  if (left.ndim() <= 2 && right.ndim() <= 2) return dot(left, right);
  if (left.ndim() == 1) return squeeze(product(expand_dims(left, 0), right), -2);
  if (right.ndim() == 1) return dot(left, right);
  return product(left, right);
}

Var kron(const Arg& a, const Arg& b) {
  const SiteScope scope(SiteScope::or_else(a.site()));
  const Var left = a.var(), right = b.var();
  const std::size_t rank = std::max(left.ndim(), right.ndim());
  // Axes in turn: one of a, one of b.
  std::vector<AxisEntry> of_a, of_b;
  Vars wanted;
  for (std::size_t i = 0; i < rank; ++i) {
    Vars sizes_here;
    const auto entry = [&](const Var& v) {
      if (i + v.ndim() < rank) return AxisEntry(newaxis);
      sizes_here.push_back(size_at(v, i + v.ndim() - rank));
      return AxisEntry(static_cast<int>(i + v.ndim() - rank));
    };
    of_a.push_back(entry(left));
    of_a.emplace_back(newaxis);
    of_b.emplace_back(newaxis);
    of_b.push_back(entry(right));
    wanted.push_back(size_product(sizes_here));
  }
  if (2 * rank > max_rank) {
    throw ShapeError(fmt::format("kron: more than {} axes\n  left   {}\n  right  {}", max_rank / 2,
                                 describe(left), describe(right)));
  }
  return reshape(dimshuffle(left, of_a) * dimshuffle(right, of_b), wanted);
}

Var trace(const Arg& x, int offset) {
  const SiteScope scope(SiteScope::or_else(x.site()));
  const Var v = x.var();
  if (v.ndim() < 2) {
    throw ShapeError(
        fmt::format("trace: expected a matrix, or a batch of matrices, got {}", describe(v)));
  }
  if (v.ndim() == 2) return sum(diag(v, offset));
  const Var rows = size_at(v, v.ndim() - 2), cols = size_at(v, v.ndim() - 1);
  return sum(where(eye(rows, cols, offset, boolean), v, 0), {-2, -1});
}

}  // namespace damo
