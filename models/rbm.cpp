#include <fmt/format.h>

#include <cmath>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/models/binary_rbm.hpp>
#include <damo/models/initialize.hpp>
#include <damo/models/rbm.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/gradient/gradient.hpp>
#include <damo/ops/indexing/indexing.hpp>
#include <damo/ops/loop/scan.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>

namespace damo::models {

RBM::RBM(const RBMOptions& o)
    : input(o.input.defined() ? o.input : matrix("input", floatX(), o.site)),
      n_visible(o.n_visible),
      n_hidden(o.n_hidden),
      W(o.W),
      hbias(o.hbias),
      vbias(o.vbias),
      rng(stream_or(o.rng, o.numpy_rng, o.seed, o.site)) {
  const SiteScope scope(SiteScope::or_else(o.site));
  check_layer("RBM", input, n_visible, n_hidden, W, hbias, vbias);
  if (!W.defined()) W = layer_weights(n_visible, n_hidden, o.numpy_rng, o.seed);
  if (!hbias.defined()) hbias = zero_parameter(n_hidden, "hbias");
  if (!vbias.defined()) vbias = zero_parameter(n_visible, "vbias");
  params = {W, hbias, vbias};
}

Var RBM::free_energy(const Var& v) const { return BinaryRbm(W, vbias, hbias).free_energy(v); }

energy::EnergyModel RBM::energy_model() const {
  const Shape size = W.value().shape();
  const energy::Unit v = energy::bernoulli("v", size[0], W.dtype());
  const energy::Unit h = energy::bernoulli("h", size[1], W.dtype());
  return {BinaryRbm::energy(v, h, W, vbias, hbias),
          {.visible = {v}, .hidden = {h}, .params = params}};
}

namespace {

RBM::Propagation propagation(const energy::Conditional& p) { return {p.parameters()[0], p.mean()}; }

RBM::Sampling sampling(const energy::Conditional& p, const RandomStream& rng) {
  return {p.parameters()[0], p.mean(), p.sample(rng)};
}

}  // namespace

RBM::Propagation RBM::propup(const Var& v) const {
  return propagation(BinaryRbm(W, vbias, hbias).hidden(v));
}

RBM::Propagation RBM::propdown(const Var& h) const {
  return propagation(BinaryRbm(W, vbias, hbias).visible(h));
}

RBM::Sampling RBM::sample_h_given_v(const Var& v) const {
  return sampling(BinaryRbm(W, vbias, hbias).hidden(v), rng);
}

RBM::Sampling RBM::sample_v_given_h(const Var& h) const {
  return sampling(BinaryRbm(W, vbias, hbias).visible(h), rng);
}

std::array<Var, 6> RBM::gibbs_hvh(const Var& h) const {
  const auto [pre_sigmoid_v, v_mean, v_sample] = sample_v_given_h(h);
  const auto [pre_sigmoid_h, h_mean, h_sample] = sample_h_given_v(v_sample);
  return {pre_sigmoid_v, v_mean, v_sample, pre_sigmoid_h, h_mean, h_sample};
}

std::array<Var, 6> RBM::gibbs_vhv(const Var& v) const {
  const auto [pre_sigmoid_h, h_mean, h_sample] = sample_h_given_v(v);
  const auto [pre_sigmoid_v, v_mean, v_sample] = sample_v_given_h(h_sample);
  return {pre_sigmoid_h, h_mean, h_sample, pre_sigmoid_v, v_mean, v_sample};
}

namespace {

void check_training(const CostOptions& o, std::int64_t n_hidden) {
  const std::string line = to_string(SiteScope::or_else(o.site));
  if (o.k.is_literal() && o.k.real() < 1)
    throw NumericError(
        fmt::format("RBM: at least 1 Gibbs step, not k = {}, at {}", o.k.real(), line));
  if (!o.persistent.defined()) return;
  const Shape& chain = o.persistent.value().shape();
  if (chain.rank() != 2 || chain[1] != n_hidden) {
    throw ShapeError(
        fmt::format("RBM: a persistent chain has {} columns, one for each hidden unit, "
                    "got {} of shape {}, at {}",
                    n_hidden, describe(o.persistent), to_string(chain), line));
  }
}

}  // namespace

RBM::Training RBM::get_cost_updates(const CostOptions& o) {
  const SiteScope scope(SiteScope::or_else(o.site));
  check_training(o, n_hidden);
  const Var chain_start =
      o.persistent.defined() ? Var(o.persistent) : sample_h_given_v(input).sample;
  auto [outs, updates] = scan([this](Var h) { return gibbs_hvh(h); },
                              {.outputs_info = {none, none, none, none, none, chain_start},
                               .n_steps = o.k,
                               .name = "gibbs_hvh"});
  const Var chain_end = outs[2][-1];

  const Var cost = mean(free_energy(input)) - mean(free_energy(chain_end));
  const Vars gradients = grad(cost, {W, hbias, vbias}, {.consider_constant = {chain_end}});
  for (std::size_t i = 0; i < params.size(); ++i)
    updates[params[i]] = params[i] - gradients[i] * o.lr;

  if (!o.persistent.defined()) {
    const Var pre_sigmoid_nv = outs[0][-1];
    return {get_reconstruction_cost(updates, pre_sigmoid_nv), updates};
  }
  updates[o.persistent] = outs[5][-1];
  const Var monitor = get_pseudo_likelihood_cost(updates);
  return {monitor, updates};
}

Var RBM::get_pseudo_likelihood_cost(Updates& updates) const {
  const SharedVar bit = shared(Array::scalar(std::int64_t{0}), "bit_i_idx");
  const Var xi = round(input);
  const Var fe_xi = free_energy(xi);
  const Var xi_flip = set_subtensor(xi(all(), bit), 1 - xi(all(), bit));
  const Var fe_xi_flip = free_energy(xi_flip);
  updates[bit] = (bit + 1) % n_visible;
  return mean(n_visible * log(sigmoid(fe_xi_flip - fe_xi)));
}

Var RBM::get_reconstruction_cost(const Updates&, const Var& pre_sigmoid_nv) const {
  return mean(sum(
      input * log(sigmoid(pre_sigmoid_nv)) + (1 - input) * log(1 - sigmoid(pre_sigmoid_nv)), 1));
}

Var RBM::log_pseudo_likelihood(const Var& v) const {
  const Var fe = free_energy(v);
  const auto log_conditional = [&](Var i) {
    const Var v_flip = set_subtensor(v(all(), i), 1 - v(all(), i));
    return log(sigmoid(free_energy(v_flip) - fe));
  };
  return mean(sum(map(log_conditional, arange(n_visible)).outputs[0], 0));
}

Var RBM::log_partition() const { return energy_model().log_z(); }

}  // namespace damo::models
