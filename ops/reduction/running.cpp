#include <damo/ops/reduction/running.hpp>

#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/reduction/cumprod.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/join.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo {
namespace {

Var part(const Var& x, std::size_t axis, Range range) {
  std::vector<Index> index(axis, all());
  index.emplace_back(std::move(range));
  return index_with(x, index, x.site());
}

}  // namespace

Var reversed(const Var& x, std::size_t axis) { return part(x, axis, {{}, {}, int_constant(-1)}); }

Var later(const Var& x, std::size_t axis, double first) {
  Vars one = sizes(x);
  one[axis] = int_constant(1);
  const Var longer =
      concatenate({broadcast_to(number(first, x.dtype()), one), x}, static_cast<int>(axis));
  return part(longer, axis, {{}, size_at(x, axis), {}});
}

Var earlier(const Var& x, std::size_t axis) {
  return reversed(later(reversed(x, axis), axis, 0), axis);
}

Var backward_recurrence(const Var& a, const Var& b, std::size_t axis) {
  return reversed(linear_recurrence(reversed(a, axis), reversed(b, axis), axis), axis);
}

}  // namespace damo
