#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/loop/scan.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>

namespace damo {

Vars jacobian(const Var& f, const Vars& wrt, const GradOptions& options) {
  if (f.ndim() == 0) return grad(f, wrt, options);
  if (f.ndim() != 1) {
    throw GradError(fmt::format(
        "jacobian: expected a scalar or a vector, got {}\n  called at {}\n  hint: flatten it",
        describe(f), to_string(options.site)));
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
    GradOptions inner = options;
    inner.disconnected_inputs =
        Disconnected::ignore;  // the gradient of a linear cost does not depend on v
    result.push_back(jacobian(grad(cost, v, options), Vars{v}, inner).front());
  }
  return result;
}

Vars hessian_vector_product(const Var& cost, const Vars& wrt, const Vars& vectors,
                            const GradOptions& options) {
  return Rop(grad(cost, wrt, options), wrt, vectors, options.site);
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
