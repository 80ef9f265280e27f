#include <cmath>

#include <damo/models/denoising_autoencoder.hpp>
#include <damo/models/initialize.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/reduction/reductions.hpp>

namespace damo::models {

dA::dA(const DAOptions& o)
    : x(o.input.defined() ? o.input : matrix("input", floatX(), o.site)),
      n_visible(o.n_visible),
      n_hidden(o.n_hidden),
      W(o.W),
      b(o.bhid),
      b_prime(o.bvis),
      rng(stream_or(o.rng, o.numpy_rng, o.seed, o.site)) {
  const SiteScope scope(SiteScope::or_else(o.site));
  check_layer("dA", x, n_visible, n_hidden, W, b, b_prime);
  if (!W.defined()) W = layer_weights(n_visible, n_hidden, o.numpy_rng, o.seed);
  if (!b.defined()) b = zero_parameter(n_hidden, "b");
  if (!b_prime.defined()) b_prime = zero_parameter(n_visible, "b_prime");
  params = {W, b, b_prime};
}

Var dA::get_corrupted_input(const Var& input, const Arg& level) {
  const Arg keep = level.is_literal() ? Arg(1 - level.real()) : Arg(1 - level.var());
  return rng.binomial({.n = 1, .p = keep, .size = Sizes(input.shape()), .dtype = input.dtype()}) *
         input;
}

Var dA::get_hidden_values(const Var& input) const { return sigmoid(dot(input, W) + b); }

Var dA::get_reconstructed_input(const Var& hidden) const {
  return sigmoid(dot(hidden, W.T()) + b_prime);
}

dA::Training dA::get_cost_updates(const Arg& corruption_level, const Arg& lr) {
  const SiteScope scope(SiteScope::or_else(corruption_level.site()));
  const Var tilde_x = get_corrupted_input(x, corruption_level);
  const Var y = get_hidden_values(tilde_x);
  const Var z = get_reconstructed_input(y);
  const Var L = -sum(x * log(z) + (1 - x) * log(1 - z), 1);
  const Var cost = mean(L);
  const Vars gradients = grad(cost, {W, b, b_prime});
  Updates updates;
  for (std::size_t i = 0; i < params.size(); ++i)
    updates[params[i]] = params[i] - lr * gradients[i];
  return {cost, updates};
}

}  // namespace damo::models
