#include <damo/models/initialize.hpp>
#include <damo/models/rnn_rbm.hpp>
#include <damo/ops/create.hpp>
#include <damo/ops/linalg.hpp>
#include <damo/ops/math.hpp>
#include <damo/ops/reduce.hpp>
#include <damo/ops/scan.hpp>

namespace damo::models {

RbmGraph build_rbm(const Var& v, const Var& W, const Var& bv, const Var& bh, const Arg& k,
                   RandomStream rng) {
  struct Gibbs {
    Var mean_v;
    Var v;
  };
  const auto gibbs_step = [&](const Var& visible) -> Gibbs {
    const Var mean_h = sigmoid(dot(visible, W) + bh);
    const Var h = rng.binomial({.n = 1, .p = mean_h});
    const Var mean_v = sigmoid(dot(h, W.T()) + bv);
    return {mean_v, rng.binomial({.n = 1, .p = mean_v})};
  };
  const auto [chain, updates] = scan([&](Var visible) { return gibbs_step(visible).v; },
                                     {.outputs_info = {v}, .n_steps = k, .name = "gibbs_step"});
  const Var v_sample = chain[0][-1];

  const Var mean_v = gibbs_step(v_sample).mean_v;
  const Var n_frames = v.shape(0);
  const Var monitor = sum(xlogy0(v, mean_v) + xlogy0(1 - v, 1 - mean_v)) / n_frames;

  const auto free_energy = [&](const Var& visible) {
    return -sum(visible * bv) - sum(log(1 + exp(dot(visible, W) + bh)));
  };
  const Var cost = (free_energy(v) - free_energy(v_sample)) / n_frames;
  return {v_sample, cost, monitor, updates};
}

RnnRbmGraph build_rnnrbm(std::int64_t n_visible, std::int64_t n_hidden,
                         std::int64_t n_hidden_recurrent, RandomStream rng,
                         const RnnRbmGraphOptions& o) {
  const SharedVar W = normal_parameter({n_visible, n_hidden}, 0.01, 1, "W");
  const SharedVar bv = zero_parameter(n_visible, "bv");
  const SharedVar bh = zero_parameter(n_hidden, "bh");
  const SharedVar Wuh = normal_parameter({n_hidden_recurrent, n_hidden}, 0.0001, 2, "Wuh");
  const SharedVar Wuv = normal_parameter({n_hidden_recurrent, n_visible}, 0.0001, 3, "Wuv");
  const SharedVar Wvu = normal_parameter({n_visible, n_hidden_recurrent}, 0.0001, 4, "Wvu");
  const SharedVar Wuu =
      normal_parameter({n_hidden_recurrent, n_hidden_recurrent}, 0.0001, 5, "Wuu");
  const SharedVar bu = zero_parameter(n_hidden_recurrent, "bu");

  const Var v = matrix("v");
  const Var u0 = zeros({n_hidden_recurrent});
  const auto bv_at = [&](const Var& u_tm1) { return bv + dot(u_tm1, Wuv); };
  const auto bh_at = [&](const Var& u_tm1) { return bh + dot(u_tm1, Wuh); };
  const auto next_u = [&](const Var& v_t, const Var& u_tm1) {
    return tanh(bu + dot(v_t, Wvu) + dot(u_tm1, Wuu));
  };

  auto [u_t, updates_train] = scan(
      [&](Var v_t, Var u_tm1) {
        return Vars{next_u(v_t, u_tm1), bv_at(u_tm1), bh_at(u_tm1)};
      },
      {.sequences = {v}, .outputs_info = {u0, none, none}, .name = "recurrence"});
  const auto [v_sample, cost, monitor, updates_rbm] = build_rbm(v, W, u_t[1], u_t[2], o.k, rng);
  updates_train += updates_rbm;

  const auto generate = [&](Var u_tm1) {
    const auto frame =
        build_rbm(zeros({n_visible}), W, bv_at(u_tm1), bh_at(u_tm1), o.k_generate, rng);
    return std::pair<Vars, Updates>({frame.v_sample, next_u(frame.v_sample, u_tm1)}, frame.updates);
  };
  const auto [generated, updates_generate] = scan(
      generate, {.outputs_info = {none, u0}, .n_steps = o.generation_steps, .name = "generate"});

  return {v,
          v_sample,
          cost,
          monitor,
          {W, bv, bh, Wuh, Wuv, Wvu, Wuu, bu},
          updates_train,
          generated[0],
          updates_generate};
}

}  // namespace damo::models
