#include <damo/graph/variables.hpp>
#include <damo/ops/common/shared_rules.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/dimshuffle.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/optim/analysis/shape_fitting.hpp>

namespace damo::optim {

Vars sizes_of(const Var& v) {
  Vars all;
  for (std::size_t axis = 0; axis < v.ndim(); ++axis) {
    if (v.type().dims[axis] == unknown) break;
    all.push_back(size_at(v, axis));
  }
  if (all.size() == v.ndim()) return all;
  std::vector<Vars> shapes;
  for (const Var& in : v.inputs()) shapes.push_back(sizes(in));
  const auto rule = v.op().shape_rule(v.owner(), shapes)[v.index()];
  return rule ? *rule : sizes(v);
}

Var fit(const Var& v, const Var& like) {
  Var result = v.dtype() == like.dtype() ? v : cast(v, like.dtype());
  if (result.ndim() < like.ndim()) result = with_leading_axes(result, like.ndim());
  bool stretched = false;
  std::vector<Arg> promised;
  for (std::size_t i = 0; i < like.ndim(); ++i) {
    const std::int64_t have = result.type().dims[i];
    const std::int64_t want = like.type().dims[i];
    stretched = stretched || (have == 1 && want != 1);
    promised.emplace_back(have == unknown ? want : -1);
  }
  // An axis of size 1 where `like` does not say how large it is has yet to be stretched, although
  // its type is the narrower one.
  if (stretched) result = broadcast_to(result, sizes_of(like));
  if (refines(result.type(), like.type())) return result;
  return specify_shape(result, Sizes(promised));
}

Var nothing_along(const Var& v, std::uint32_t axes) {
  const Vars all = sizes_of(v);
  Var nothing;
  for (std::size_t axis = 0; axis < v.ndim(); ++axis) {
    if ((axes >> axis & 1U) == 0 || v.type().dims[axis] > 0) continue;
    const Var none = eq(all[axis], 0);
    nothing = nothing.defined() ? or_(nothing, none) : none;
  }
  return nothing;
}

Var filled_like(const Var& like, double value) {
  const Var one = number(value, like.dtype());
  return like.ndim() == 0 ? one : broadcast_to(one, sizes_of(like));
}

}  // namespace damo::optim
