#include <fmt/format.h>

#include <algorithm>

#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/elementwise/elementwise.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/forward_mode.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/gradient/gradient_flow.hpp>
#include <damo/ops/gradient/stable_form.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo {
namespace {

/// One forward sweep. A tangent that does not exist travels as an input that nobody knows, so that
/// it is an error only where it arrives: `disconnected_grad` behind a draw lets nothing through.
class Forward {
 public:
  explicit Forward(const VarSet& stops) : stops_(stops) {}

  void move(const Var& v, const Var& along) { tangents_.emplace(v, knowing_ones(along, v)); }

  void run(const Vars& f) {
    for (const Apply* node : toposort(f, stops_)) {
      Vars in;
      for (const Var& v : node->inputs()) in.push_back(tangent(v));
      if (std::any_of(in.begin(), in.end(), [](const Var& t) { return t.defined(); }))
        visit(*node, in);
    }
  }

  Var tangent(const Var& v) const {
    const auto it = tangents_.find(v);
    return it == tangents_.end() ? Var{} : it->second;
  }

  /// Why `t` does not exist; "" when it does.
  std::string reason(const Var& t) const {
    if (!t.defined() || undefined_.empty()) return {};
    for (const Var& leaf : leaves(std::span(&t, 1))) {
      const auto it = undefined_.find(leaf);
      if (it != undefined_.end()) return it->second;
    }
    return {};
  }

 private:
  void visit(const Apply& node, const Vars& in) {
    const SiteScope scope(node.site());
    Vars out(node.n_outputs());
    try {
      out = push(node, in);
    } catch (const SomeUndefined& e) {
      out = e.tangents().values;
      for (std::size_t k = 0; k < out.size(); ++k) {
        if (!e.tangents().reasons[k].empty()) out[k] = undefined(node, k, e.tangents().reasons[k]);
      }
    } catch (const GradError& e) {
      for (std::size_t k = 0; k < out.size(); ++k) out[k] = undefined(node, k, e.what());
    }
    for (std::size_t k = 0; k < out.size(); ++k) {
      const Var v = node.output(k);
      if (out[k].defined() && !stops_.contains(v))
        tangents_.try_emplace(v, knowing_ones(out[k], v));
    }
  }

  /// A constant that a choice took does not move, and it does not matter how steep what is computed
  /// from it is: which elements move at all goes along with the tangents.
  Vars push(const Apply& node, const Vars& in) {
    Vars moves;
    for (const Var& v : node.inputs()) {
      const auto it = moves_.find(v);
      moves.push_back(it == moves_.end() ? Var{} : it->second);
    }
    if (const auto* f = as<Elementwise>(node.op())) {
      const MaskedFlow moved = f->push_forward_under(node, in, moves);
      if (!moved.mask.empty()) moves_.emplace(node.output(), conjunction(moved.mask.all()));
      return {moved.value};
    }
    const Vars out = node.op().push_forward(node, in);
    if (const Var moved = moved_elements(node, in, moves); moved.defined())
      moves_.emplace(node.output(), moved);
    return out;
  }

  /// Of an op that moves and adds up elements, where each operand that moves does so in part.
  static Var moved_elements(const Apply& node, const Vars& in, const Vars& moves) {
    const auto* reads = dynamic_cast<const ReadsElements*>(&node.op());
    if (reads == nullptr || reads->slope(node) != Slope::constant || node.n_outputs() != 1)
      return {};
    Vars ones(in.size());
    for (std::size_t i = 0; i < in.size(); ++i) {
      if (!in[i].defined()) continue;
      if (!moves[i].defined()) return {};
      ones[i] = cast(broadcast_like(moves[i], node.input(i)), in[i].dtype());
    }
    const Var sum = node.op().push_forward(node, ones)[0];
    return sum.defined() ? neq(sum, 0) : Var{};
  }

  Var undefined(const Apply& node, std::size_t k, const std::string& reason) {
    TensorType type = node.types()[k];
    type.dtype = gradient_dtype(node.output(k));
    const Var unknown_tangent = input(type, "", node.site());
    undefined_.emplace(unknown_tangent, reason);
    return unknown_tangent;
  }

  const VarSet& stops_;
  VarMap tangents_;
  VarMap moves_;  ///< the elements that move, where not all do
  std::unordered_map<Var, std::string, VarHash, VarSame> undefined_;
};

}  // namespace

bool Tangents::incomplete() const {
  return std::any_of(reasons.begin(), reasons.end(), [](const auto& r) { return !r.empty(); });
}

SomeUndefined::SomeUndefined(Tangents tangents)
    : GradError(*std::find_if(tangents.reasons.begin(), tangents.reasons.end(),
                              [](const auto& r) { return !r.empty(); })),
      tangents_(std::move(tangents)) {}

Tangents tangents_of(const Vars& f, const Vars& wrt, const Vars& eval, const VarSet& stops) {
  Forward sweep(stops);
  for (std::size_t i = 0; i < wrt.size(); ++i) sweep.move(wrt[i], eval[i]);
  VarSet kept = stops;
  kept.insert(wrt.begin(), wrt.end());
  const Vars roots = stable_form(f, kept);
  sweep.run(roots);
  Tangents result;
  for (const Var& v : roots) {
    result.values.push_back(sweep.tangent(v));
    result.reasons.push_back(sweep.reason(result.values.back()));
  }
  return result;
}

Vars Rop(const Vars& f, const Vars& wrt, const Vars& eval, const RopOptions& options) {
  if (wrt.size() != eval.size()) {
    throw GradError(fmt::format("Rop: {} variables but {} directions, at {}", wrt.size(),
                                eval.size(), to_string(options.site)));
  }
  const SiteScope scope(SiteScope::or_else(options.site));
  for (std::size_t i = 0; i < wrt.size(); ++i) {
    if (eval[i].ndim() != wrt[i].ndim()) {
      throw GradError(fmt::format("Rop: the direction for {} must have its rank, got {}",
                                  describe(wrt[i]), describe(eval[i])));
    }
  }
  Tangents tangents =
      tangents_of(f, wrt, eval, find_constants("Rop", f, options.consider_constant));
  if (tangents.incomplete()) throw SomeUndefined(std::move(tangents));
  for (std::size_t k = 0; k < f.size(); ++k) {
    if (!tangents.values[k].defined()) tangents.values[k] = zero_gradient(f[k]);
  }
  return std::move(tangents.values);
}

}  // namespace damo
