#pragma once
#include <string_view>
#include <vector>

#include <damo/graph/branch_guards.hpp>
#include <damo/ops/common/gradient_mask.hpp>

namespace damo {

/// What flows to a variable by one way, and the choices passed on that way: it flows only where all
/// of them hold. Under guards it is computed only there; by the mask it is chosen, and until then
/// the value means nothing elsewhere.
struct Flow {
  std::vector<Guard> guards{};
  Var value{};
  Mask mask{};
  bool exact = false;  ///< The value is zero where the mask does not hold
};
/// The value of a flow, zero where its mask does not hold.
Var chosen(const Flow& flow);
using Flows = std::vector<Flow>;

/// How many guards, from the outermost on, all flows (one at least) have in common.
std::size_t common_guards(const Flows& flows);
/// Whether of two branches of one choice each element gets exactly one.
bool is_choice_of_two(const Flows& flows);

/// The flows to `v` as one, under the first `depth` guards, which all have; its mask is as wide as
/// the slope of what is behind `v` asks for.
Flow together(const Flows& flows, std::size_t depth, const Var& v, Slope behind);

/// The variables of `roots`' graph that stand for `constants`: themselves, or ones built in the
/// same way. One that is not there is an error of `who`.
VarSet find_constants(std::string_view who, std::span<const Var> roots, const Vars& constants);

/// `g`, which has the shape of `v`, knowing of every axis of size 1 that v knows: how to stretch it
/// further depends on that.
Var knowing_ones(const Var& g, const Var& v);
/// The dtype of gradients and tangents of `v`.
DType gradient_dtype(const Var& v);
/// Zeros of the shape of `v`.
Var zero_gradient(const Var& v);

}  // namespace damo
