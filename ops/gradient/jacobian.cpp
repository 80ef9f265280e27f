#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/gradient/gradient_flow.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/loop/scan.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo {
namespace {

/// What counts as constant in the cost, as far as the gradient reads it: of c + x^2 it does not
/// read c.
Vars constants_of(const Vars& gradient, const Var& cost, const GradOptions& options) {
  Vars roots;
  if (cost.defined()) roots.push_back(cost);
  for (const auto& [v, g] : options.known_grads) roots.push_back(v);
  const VarSet found = find_constants("grad", roots, options.consider_constant);
  Vars read;
  for (const Apply* node : toposort(gradient)) {
    for (const Var& v : node->outputs()) {
      if (found.contains(v)) read.push_back(v);
    }
  }
  return read;
}
Vars constants_of(const Var& gradient, const Var& cost, const GradOptions& options) {
  return constants_of(Vars{gradient}, cost, options);
}

}  // namespace

Vars jacobian(const Var& f, const Vars& wrt, const GradOptions& options) {
  if (f.ndim() == 0) return grad(f, wrt, options);
  if (f.ndim() > 1) {
    const SiteScope scope(SiteScope::or_else(options.site));
    Vars rows = jacobian(ravel(f), wrt, options);
    for (std::size_t i = 0; i < wrt.size(); ++i) {
      Vars shape = sizes(f);
      for (const Var& n : sizes(wrt[i])) shape.push_back(n);
      rows[i] = reshape(rows[i], shape);
    }
    return rows;
  }
  const auto row = [&](Var i) { return grad(f[i], wrt, options); };
  return map(row, arange(f.shape(0)), {.name = "jacobian", .site = options.site}).outputs;
}

Vars hessian(const Var& cost, const Vars& wrt, const GradOptions& options) {
  Vars result;
  for (const Var& v : wrt) {
    if (v.ndim() != 1) {
      throw GradError(fmt::format("hessian: expected vectors, got {}\n  called at {}", describe(v),
                                  to_string(options.site)));
    }
    const Var g = grad(cost, v, options);
    GradOptions inner{.consider_constant = constants_of(g, cost, options),
                      .disconnected_inputs = Disconnected::ignore,  // a linear cost
                      .site = options.site};
    result.push_back(jacobian(g, Vars{v}, inner).front());
  }
  return result;
}

Vars hessian_vector_product(const Var& cost, const Vars& wrt, const Vars& vectors,
                            const GradOptions& options) {
  const Vars g = grad(cost, wrt, options);
  return Rop(g, wrt, vectors,
             {.consider_constant = constants_of(g, cost, options), .site = options.site});
}

Vars subgraph_grad(const Vars& wrt, const Vars& end, const std::vector<std::pair<Var, Var>>& start,
                   const Var& cost, const GradOptions& options) {
  GradOptions known = options;
  known.known_grads.insert(known.known_grads.end(), start.begin(), start.end());
  known.consider_constant.insert(known.consider_constant.end(), end.begin(), end.end());
  Vars all = wrt;
  all.insert(all.end(), end.begin(), end.end());
  return grad(cost, all, known);
}

}  // namespace damo
