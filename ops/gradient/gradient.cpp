#include <fmt/format.h>

#include <algorithm>
#include <cstdio>
#include <functional>
#include <unordered_map>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/graph/walk.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/gradient/gradient_flow.hpp>
#include <damo/ops/gradient/stable_form.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo {
namespace {

/// `g`, which has the shape of `v`, knowing of every axis of size 1 that v knows: how to stretch it
/// further depends on that.
Var knowing_ones(const Var& g, const Var& v) {
  std::vector<Arg> sizes(v.ndim(), Arg(-1));
  bool lost = false;
  for (std::size_t axis = 0; axis < v.ndim(); ++axis) {
    if (!v.type().broadcastable(axis) || g.type().broadcastable(axis)) continue;
    sizes[axis] = Arg(1);
    lost = true;
  }
  return lost ? specify_shape(g, Sizes(sizes)) : g;
}

/// One reverse sweep over the graph of the cost.
class Backward {
 public:
  Backward(const Vars& roots, const Vars& wrt, VarSet stops = {})
      : stops_(std::move(stops)), wrt_(wrt.begin(), wrt.end()) {
    order_ = toposort(roots, stops_);
    // By age, so that what flows together is added up in an order that does not depend on how the
    // graph hangs together: a loop and its unrolled graph then agree to the last bit.
    std::sort(order_.begin(), order_.end(),
              [](const Apply* a, const Apply* b) { return a->id() < b->id(); });
    for (const Apply* node : order_) {
      if (influenced(*node)) influenced_.insert(node);
    }
  }

  void seed(const Var& v, const Var& g) { flows_[v].push_back({{}, g}); }
  /// `g` takes the place of whatever would flow to `v`.
  void fix(const Var& v, const Var& g) {
    fixed_.insert(v);
    flows_[v] = {{{}, g}};
  }

  void run() {
    for (std::size_t i = order_.size(); i-- > 0;) {
      const Apply& node = *order_[i];
      if (!influenced_.contains(&node) || node.inputs().empty()) continue;
      visit(node);
    }
  }

  /// What flowed to `v`, in the order in which it is to be added; in one sum where some of it flows
  /// under a condition.
  Vars parts(const Var& v) {
    const auto it = flows_.find(v);
    if (it == flows_.end()) return {};
    Vars values;
    for (const Flow& f : it->second) {
      if (!f.guards.empty()) return {total(v)};
      values.push_back(f.value);
    }
    return values;
  }
  /// The sum of that, or an empty Var.
  Var total(const Var& v) { return total(v, 0); }

 private:
  bool leads_to_wrt(const Var& v) const {
    if (wrt_.contains(v)) return true;
    return !stops_.contains(v) && influenced_.contains(v.owner_ptr());
  }
  /// Whether some output is asked for, or depends on something asked for.
  bool influenced(const Apply& node) const {
    for (const Var& in : node.inputs()) {
      if (leads_to_wrt(in)) return true;
    }
    return false;
  }

  /// The same where the first `depth` guards of every flow hold.
  Var total(const Var& v, std::size_t depth) {
    const auto it = flows_.find(v);
    if (it == flows_.end() || it->second.empty()) return {};
    const SiteScope scope(v.site());
    return sum_of(it->second, depth, v);
  }

  void visit(const Apply& node) {
    Flows all;
    for (const Var& out : node.outputs()) {
      const auto it = flows_.find(out);
      if (it != flows_.end() && !stops_.contains(out))
        all.insert(all.end(), it->second.begin(), it->second.end());
    }
    if (all.empty()) return;
    std::vector<Guard> guards = all.front().guards;
    guards.resize(common_guards(all));
    Vars g;
    for (const Var& out : node.outputs()) {
      g.push_back(stops_.contains(out) ? Var{} : total(out, guards.size()));
      if (g.back()) flows_[out] = {{guards, g.back()}};
    }
    const SiteScope scope(node.site());
    if (node.op().chooses()) {
      into_branch(node, guards, true, g[0]);
      into_branch(node, guards, false, g[0]);
      return;
    }
    const Gradients flowing = node.op().gradient(node, g);
    if (flowing.size() != node.inputs().size()) {
      throw InternalError(fmt::format("{}: its gradient has {} parts for {} inputs",
                                      node.op().name(), flowing.size(), node.inputs().size()));
    }
    for (std::size_t i = 0; i < flowing.size(); ++i) pass_on(node, i, flowing[i], guards);
  }

  /// A branch gets the whole gradient, wherever the choice takes it.
  void into_branch(const Apply& choice, std::vector<Guard> guards, bool holds, const Var& g) {
    const Var& condition = choice.input(0);
    const auto known = std::find_if(guards.begin(), guards.end(), [&](const Guard& guard) {
      return same(guard.condition, condition);
    });
    if (known == guards.end()) {
      guards.push_back({condition, holds});
    } else if (known->holds != holds) {
      return;
    }
    pass_on(choice, holds ? 1 : 2, Gradient(g), guards);
  }

  void pass_on(const Apply& node, std::size_t i, const Gradient& flowing,
               const std::vector<Guard>& guards) {
    const Var& in = node.input(i);
    if (fixed_.contains(in) || !leads_to_wrt(in)) return;
    if (!flowing.reason.empty()) {
      throw GradError(fmt::format(
          "grad: no derivative exists through {}\n  {}\n  with respect to its operand {}\n"
          "  hint: name the variable that must count as constant in consider_constant, or use a "
          "reparameterised draw",
          describe(node), flowing.reason, describe(in)));
    }
    if (!flowing.value) return;
    if (flowing.value.ndim() != in.ndim()) {
      throw InternalError(fmt::format("{}: its gradient for operand {} has type {}, the operand {}",
                                      node.op().name(), i, to_string(flowing.value.type()),
                                      to_string(in.type())));
    }
    flows_[in].push_back({guards, knowing_ones(flowing.value, in)});
  }

  VarSet stops_;
  VarSet wrt_;
  VarSet fixed_;
  std::vector<const Apply*> order_;
  std::unordered_set<const Apply*> influenced_;
  std::unordered_map<Var, Flows, VarHash, VarSame> flows_;
};

DType gradient_dtype(const Var& v) { return is_float(v.dtype()) ? v.dtype() : floatX(); }

Var zero_gradient(const Var& v) { return broadcast_like(cast(Arg(0.0), gradient_dtype(v)), v); }

void check_cost(const Var& cost, Site site) {
  if (cost.ndim() == 0 && is_float(cost.dtype())) return;
  throw GradError(
      fmt::format("grad: the cost must be a float scalar, got {}\n  called at {}\n  hint: {}",
                  describe(cost), to_string(site),
                  cost.ndim() > 0 ? "take its mean() or sum() first" : "cast it to a float dtype"));
}

Vars collect(Backward& sweep, const Vars& wrt, const GradOptions& options,
             const std::function<Var(const Var&)>& missing) {
  Vars result;
  for (const Var& v : wrt) {
    Var g = sweep.total(v);
    if (!g) g = missing(v);
    if (!g) {
      const std::string text = fmt::format("grad: the cost does not depend on {}\n  called at {}",
                                           describe(v), to_string(options.site));
      if (options.disconnected_inputs == Disconnected::raise) {
        throw GradError(text + "\n  hint: Disconnected::ignore gives a zero gradient");
      }
      if (options.disconnected_inputs == Disconnected::warn)
        std::fprintf(stderr, "warning: %s\n", text.c_str());
      g = zero_gradient(v);
    }
    result.push_back(g);
  }
  return result;
}

}  // namespace

namespace {

/// The variables that must still be there when what is differentiated has been made stable.
VarSet kept_in(const Vars& wrt, const VarSet& stops) {
  VarSet kept = stops;
  kept.insert(wrt.begin(), wrt.end());
  return kept;
}

/// What flows to each of `wrt` when `eval` flows to `f`.
Vars flows_from(const Vars& f, const Vars& wrt, const Vars& eval, const VarSet& stops,
                const GradOptions& options) {
  const auto run = [&](const Vars& roots) {
    Backward sweep(roots, wrt, stops);
    for (std::size_t i = 0; i < roots.size(); ++i) sweep.seed(roots[i], eval[i]);
    sweep.run();
    return sweep;
  };
  Backward sweep = run(stable_form(f, kept_in(wrt, stops)));
  // What cancels in a stable form has a gradient all the same: zero.
  return collect(sweep, wrt, options, [&](const Var& v) { return run(f).total(v); });
}

}  // namespace

Vars grad(const Var& cost, const Vars& wrt, const GradOptions& options) {
  Vars roots;
  if (cost) {
    check_cost(cost, options.site);
    roots.push_back(cost);
  } else if (options.known_grads.empty()) {
    throw GradError(fmt::format("grad: neither a cost nor known_grads was given, at {}",
                                to_string(options.site)));
  }
  for (const auto& [v, g] : options.known_grads) roots.push_back(v);
  const SiteScope scope(SiteScope::or_else(options.site));
  const VarSet stops = find_constants(roots, options.consider_constant);
  if (cost && options.known_grads.empty())
    return flows_from({cost}, wrt, {cast(Arg(1.0), cost.dtype())}, stops, options);
  Backward sweep(roots, wrt, stops);
  if (cost) sweep.seed(cost, cast(Arg(1.0), cost.dtype()));
  for (const auto& [v, g] : options.known_grads) sweep.fix(v, g);
  sweep.run();
  return collect(sweep, wrt, options, [](const Var&) { return Var{}; });
}

Vars Lop(const Vars& f, const Vars& wrt, const Vars& eval, const GradOptions& options) {
  if (f.size() != eval.size()) {
    throw GradError(fmt::format("Lop: {} functions but {} vectors, at {}", f.size(), eval.size(),
                                to_string(options.site)));
  }
  const SiteScope scope(SiteScope::or_else(options.site));
  for (std::size_t i = 0; i < f.size(); ++i) {
    if (eval[i].ndim() != f[i].ndim()) {
      throw GradError(fmt::format("Lop: the vector for {} must have its rank, got {}",
                                  describe(f[i]), describe(eval[i])));
    }
  }
  return flows_from(f, wrt, eval, find_constants(f, options.consider_constant), options);
}

Vars gradients_or_nothing(const Vars& f, const Vars& wrt, const Vars& eval) {
  Backward sweep(f, wrt);
  for (std::size_t i = 0; i < f.size(); ++i) sweep.seed(f[i], eval[i]);
  sweep.run();
  Vars result;
  for (const Var& v : wrt) result.push_back(sweep.total(v));
  return result;
}

std::vector<Vars> gradient_parts(const Vars& f, const Vars& wrt, const std::vector<Vars>& eval) {
  Backward sweep(f, wrt);
  for (std::size_t i = 0; i < f.size(); ++i) {
    for (const Var& part : eval[i]) sweep.seed(f[i], part);
  }
  sweep.run();
  std::vector<Vars> result;
  for (const Var& v : wrt) result.push_back(sweep.parts(v));
  return result;
}

Vars Rop(const Vars& f, const Vars& wrt, const Vars& eval, Site site) {
  if (wrt.size() != eval.size()) {
    throw GradError(fmt::format("Rop: {} variables but {} directions, at {}", wrt.size(),
                                eval.size(), to_string(site)));
  }
  const SiteScope scope(SiteScope::or_else(site));
  VarMap tangents;
  for (std::size_t i = 0; i < wrt.size(); ++i) {
    if (eval[i].ndim() != wrt[i].ndim()) {
      throw GradError(fmt::format("Rop: the direction for {} must have its rank, got {}",
                                  describe(wrt[i]), describe(eval[i])));
    }
    tangents.emplace(wrt[i], knowing_ones(eval[i], wrt[i]));
  }
  const auto tangent = [&](const Var& v) {
    const auto it = tangents.find(v);
    return it == tangents.end() ? Var{} : it->second;
  };
  const Vars roots = stable_form(f, VarSet(wrt.begin(), wrt.end()));
  for (const Apply* node : toposort(roots)) {
    Vars in;
    for (const Var& v : node->inputs()) in.push_back(tangent(v));
    if (std::none_of(in.begin(), in.end(), [](const Var& t) { return static_cast<bool>(t); }))
      continue;
    const SiteScope node_scope(node->site());
    const Vars out = node->op().push_forward(*node, in);
    for (std::size_t k = 0; k < out.size(); ++k) {
      const Var v = node->output(k);
      if (out[k]) tangents.try_emplace(v, knowing_ones(out[k], v));
    }
  }
  Vars result;
  for (const Var& v : roots) result.push_back(tangent(v) ? tangent(v) : zero_gradient(v));
  return result;
}

}  // namespace damo
