#pragma once
#include <concepts>
#include <utility>
#include <vector>

#include <damo/graph/var.hpp>

namespace damo {

/// What `grad` does with a variable the cost does not depend on.
enum class Disconnected : std::uint8_t { raise, warn, ignore };

struct GradOptions {
  /// Variables whose value, with all that flows through it, counts as constant: gradients stop
  /// there. Their own gradient can still be asked for. A variable built anew in the same way
  /// matches; one the cost does not depend on is an error.
  Vars consider_constant{};
  /// Gradients already known at some variables: (variable, gradient). They take the place of what
  /// would flow there, and the cost may then be empty.
  std::vector<std::pair<Var, Var>> known_grads{};
  /// With `warn` and `ignore` the gradient of such a variable is zero.
  Disconnected disconnected_inputs = Disconnected::raise;
  Site site = Site::here();
};

/// Reverse-mode derivatives of a float scalar `cost`, each of the shape of its variable (of an
/// integer one: in floatX). Throws GradError for a cost that is not a float scalar, for a variable
/// the cost does not depend on, and where a derivative does not exist, naming what stands in the
/// way: for example a random draw.
Vars grad(const Var& cost, const Vars& wrt, const GradOptions& options = {});
/// With respect to a list of shared variables, such as a model's parameters.
template <std::derived_from<Var> V>
requires(!std::same_as<V, Var>) Vars
    grad(const Var& cost, const std::vector<V>& wrt, const GradOptions& options = {}) {
  return grad(cost, Vars(wrt.begin(), wrt.end()), options);
}
template <std::derived_from<Var> V>
Var grad(const Var& cost, const V& wrt, const GradOptions& options = {}) {
  return grad(cost, Vars{wrt}, options).front();
}

/// Row vector times Jacobian: the gradient of sum(f * eval) with respect to each of `wrt`.
Vars Lop(const Vars& f, const Vars& wrt, const Vars& eval, const GradOptions& options = {});
template <std::derived_from<Var> V>
Var Lop(const Var& f, const V& wrt, const Var& eval, const GradOptions& options = {}) {
  return Lop(Vars{f}, Vars{wrt}, Vars{eval}, options).front();
}
/// The same, with an empty Var where nothing flows.
Vars gradients_or_nothing(const Vars& f, const Vars& wrt, const Vars& eval);

struct RopOptions {
  /// Variables that do not move, whatever they are computed from, unless they are asked about
  /// themselves; named as in GradOptions.
  Vars consider_constant{};
  Site site = Site::here();
};
/// Jacobian times column vector (forward mode): how each of `f` moves when `wrt` moves along
/// `eval`. Zero where it does not. What gradients do not flow through (`disconnected_grad`,
/// `zero_grad`, `consider_constant`) does not move either. Throws GradError where a tangent does
/// not exist, for example that of a random draw.
Vars Rop(const Vars& f, const Vars& wrt, const Vars& eval, const RopOptions& options = {});
template <std::derived_from<Var> V>
Var Rop(const Var& f, const V& wrt, const Var& eval, const RopOptions& options = {}) {
  return Rop(Vars{f}, Vars{wrt}, Vars{eval}, options).front();
}

/// d f[i] / d wrt as rows of a scan: of shape (f.size, wrt's shape...). `f` is a vector; a scalar
/// gives its gradient.
Vars jacobian(const Var& f, const Vars& wrt, const GradOptions& options = {});
template <std::derived_from<Var> V>
Var jacobian(const Var& f, const V& wrt, const GradOptions& options = {}) {
  return jacobian(f, Vars{wrt}, options).front();
}
/// Second derivatives of a scalar with respect to each vector of `wrt`: (n, n) each.
Vars hessian(const Var& cost, const Vars& wrt, const GradOptions& options = {});
template <std::derived_from<Var> V>
Var hessian(const Var& cost, const V& wrt, const GradOptions& options = {}) {
  return hessian(cost, Vars{wrt}, options).front();
}
/// Hessian times vectors without the Hessian (Pearlmutter 1994): forward mode over reverse mode.
/// What counts as constant for the gradient does for its derivative.
Vars hessian_vector_product(const Var& cost, const Vars& wrt, const Vars& vectors,
                            const GradOptions& options = {});
/// Backpropagation over part of a graph: from `cost` and the gradients `start` already known at
/// some variables down to `wrt` and to `end`, and no further than `end`. Returns the gradients of
/// `wrt`, then those of `end`.
Vars subgraph_grad(const Vars& wrt, const Vars& end,
                   const std::vector<std::pair<Var, Var>>& start = {}, const Var& cost = {},
                   const GradOptions& options = {});

/// x, through which no gradient flows: for the gradient it is a constant.
Var disconnected_grad(const Arg& x);
/// The same, under the name the classic programs use.
Var consider_constant(const Arg& x);
/// x, whose gradient is zero (and x still counts as connected).
Var zero_grad(const Arg& x);
/// x, whose gradient is clipped to [low, high].
Var grad_clip(const Arg& x, double low, double high);
/// x, whose gradient is multiplied by `factor`.
Var grad_scale(const Arg& x, double factor);
/// x, whose gradient is an error with `reason`.
Var grad_undefined(const Arg& x, std::string reason);

}  // namespace damo
