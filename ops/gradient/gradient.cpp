#include <fmt/format.h>

#include <cstdio>
#include <functional>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/backward_sweep.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/gradient/stable_form.hpp>

namespace damo {
namespace {

void check_cost(const Var& cost, Site site) {
  if (cost.ndim() == 0 && is_float(cost.dtype())) return;
  throw GradError(
      fmt::format("grad: the cost must be a float scalar, got {}\n  called at {}\n  hint: {}",
                  describe(cost), to_string(site),
                  cost.ndim() > 0 ? "take its mean() or sum() first" : "cast it to a float dtype"));
}

Vars collect(BackwardSweep& sweep, const Vars& wrt, const GradOptions& options,
             const std::function<Var(const Var&)>& missing) {
  Vars result;
  for (const Var& v : wrt) {
    Var g = sweep.total(v);
    if (!g.defined()) g = missing(v);
    if (!g.defined()) {
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
    BackwardSweep sweep(roots, wrt, stops);
    for (std::size_t i = 0; i < roots.size(); ++i) sweep.seed(roots[i], eval[i]);
    sweep.run();
    return sweep;
  };
  BackwardSweep sweep = run(stable_form(f, kept_in(wrt, stops)));
  // What cancels in a stable form has a gradient all the same: zero.
  return collect(sweep, wrt, options, [&](const Var& v) { return run(f).total(v); });
}

}  // namespace

Vars grad(const Var& cost, const Vars& wrt, const GradOptions& options) {
  Vars roots;
  if (cost.defined()) {
    check_cost(cost, options.site);
    roots.push_back(cost);
  } else if (options.known_grads.empty()) {
    throw GradError(fmt::format("grad: neither a cost nor known_grads was given, at {}",
                                to_string(options.site)));
  }
  for (const auto& [v, g] : options.known_grads) roots.push_back(v);
  const SiteScope scope(SiteScope::or_else(options.site));
  const VarSet stops = find_constants("grad", roots, options.consider_constant);
  if (cost.defined() && options.known_grads.empty())
    return flows_from({cost}, wrt, {cast(Arg(1.0), cost.dtype())}, stops, options);
  BackwardSweep sweep(roots, wrt, stops);
  if (cost.defined()) sweep.seed(cost, cast(Arg(1.0), cost.dtype()));
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
  return flows_from(f, wrt, eval, find_constants("Lop", f, options.consider_constant), options);
}

Vars gradients_or_nothing(const Vars& f, const Vars& wrt, const Vars& eval) {
  BackwardSweep sweep(f, wrt);
  for (std::size_t i = 0; i < f.size(); ++i) sweep.seed(f[i], eval[i]);
  sweep.run();
  Vars result;
  for (const Var& v : wrt) result.push_back(sweep.total(v));
  return result;
}

}  // namespace damo
