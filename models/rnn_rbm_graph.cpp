#include <damo/models/binary_rbm.hpp>
#include <damo/models/frames/known_frames.hpp>
#include <damo/models/initialize.hpp>
#include <damo/models/rnn_rbm_graph.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/loop/scan.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/create.hpp>

namespace damo::models {
namespace {

Var as_dtype(const Var& v, DType dtype) { return v.dtype() == dtype ? v : cast(v, dtype); }

}  // namespace

RbmGraph build_rbm(const Var& v, const Var& W, const Var& bv, const Var& bh, const Arg& k,
                   RandomStream rng) {
  struct Gibbs {
    Var mean_v;
    Var v;
  };
  const BinaryRbm rbm(W, bv, bh);
  const auto gibbs_step = [&](const Var& visible) -> Gibbs {
    const energy::Conditional p = rbm.visible(rbm.hidden(visible).sample(rng));
    return {p.mean(), as_dtype(p.sample(rng), v.dtype())};
  };
  const auto [chain, updates] = scan([&](Var visible) { return gibbs_step(visible).v; },
                                     {.outputs_info = {v}, .n_steps = k, .name = "gibbs_step"});
  const Var v_sample = chain[0][-1];

  const Var mean_v = gibbs_step(v_sample).mean_v;
  const Var n_frames = v.shape(0);
  const Var monitor = sum(xlogy0(v, mean_v) + xlogy0(1 - v, 1 - mean_v)) / n_frames;

  const Var cost = (sum(rbm.free_energy(v)) - sum(rbm.free_energy(v_sample))) / n_frames;
  return {v_sample, cost, monitor, updates};
}

namespace {

// `normal(size, stddev, name)` makes a matrix.
template <class Normal>
RnnRbmParameters make_parameters(std::int64_t nv, std::int64_t nh, std::int64_t nu, DType dtype,
                                 Normal&& normal) {
  RnnRbmParameters p;
  p.W = normal(Shape{nv, nh}, 0.01, "W");
  p.bv = zero_parameter(nv, "bv", dtype);
  p.bh = zero_parameter(nh, "bh", dtype);
  p.Wuh = normal(Shape{nu, nh}, 0.0001, "Wuh");
  p.Wuv = normal(Shape{nu, nv}, 0.0001, "Wuv");
  p.Wvu = normal(Shape{nv, nu}, 0.0001, "Wvu");
  p.Wuu = normal(Shape{nu, nu}, 0.0001, "Wuu");
  p.bu = zero_parameter(nu, "bu", dtype);
  return p;
}

}  // namespace

RnnRbmParameters RnnRbmParameters::create(std::int64_t n_visible, std::int64_t n_hidden,
                                          std::int64_t n_hidden_recurrent, std::uint64_t seed,
                                          DType dtype) {
  return make_parameters(n_visible, n_hidden, n_hidden_recurrent, dtype,
                         [&](const Shape& size, double stddev, const char* name) {
                           return normal_parameter(size, stddev, seed++, name, dtype);
                         });
}

RnnRbmParameters RnnRbmParameters::create(std::int64_t n_visible, std::int64_t n_hidden,
                                          std::int64_t n_hidden_recurrent,
                                          NumpyRandomState& numpy_rng, DType dtype) {
  return make_parameters(n_visible, n_hidden, n_hidden_recurrent, dtype,
                         [&](const Shape& size, double stddev, const char* name) {
                           return shared(numpy_rng.normal(0, stddev, size).cast(dtype), name);
                         });
}

std::vector<SharedVar> RnnRbmParameters::list() const {
  return {W, bv, bh, Wuh, Wuv, Wvu, Wuu, bu};
}

Var RnnRbmParameters::bv_at(const Var& u_tm1) const { return bv + dot(u_tm1, Wuv); }

Var RnnRbmParameters::bh_at(const Var& u_tm1) const { return bh + dot(u_tm1, Wuh); }

Var RnnRbmParameters::next_u(const Var& v_t, const Var& u_tm1) const {
  return tanh(bu + dot(v_t, Wvu) + dot(u_tm1, Wuu));
}

RecurrenceGraph build_recurrence(const RnnRbmParameters& p, const Var& v, const Var& u0) {
  const auto step = [&](const Var& v_t, const Var& u_tm1) {
    return Vars{p.next_u(v_t, u_tm1), p.bv_at(u_tm1), p.bh_at(u_tm1)};
  };
  const ScanResult result =
      scan(step, {.sequences = {v}, .outputs_info = {u0, none, none}, .name = "recurrence"});
  return {result.outputs[0], result.outputs[1], result.outputs[2]};
}

GenerationGraph build_generation(const RnnRbmParameters& p, const Var& u0, RandomStream rng,
                                 const GenerationOptions& o) {
  const auto next = [&](const Var& start, const Var& u_tm1) {
    const auto frame = build_rbm(start, p.W / o.temperature, p.bv_at(u_tm1) / o.temperature,
                                 p.bh_at(u_tm1) / o.temperature, o.k, rng);
    const Var v_t = frame.v_sample;
    return std::pair<Vars, Updates>({v_t, p.next_u(v_t, u_tm1)}, frame.updates);
  };
  const Var known_hidden = o.known.defined() ? dot(o.known, p.W / o.temperature) : Var();
  const auto from_known = [&](const Var& u_tm1) {
    return next(draw_known(o.known, known_hidden, p.bv_at(u_tm1) / o.temperature,
                           p.bh_at(u_tm1) / o.temperature, rng),
                u_tm1);
  };
  const auto from_empty = [&](const Var& u_tm1) {
    return next(zeros({p.n_visible()}, p.W.dtype()), u_tm1);
  };
  const ScanResult generated =
      o.known.defined()
          ? scan(from_known, {.outputs_info = {none, u0}, .n_steps = o.n_steps, .name = "generate"})
      : o.v0.defined()
          ? scan(next, {.outputs_info = {o.v0, u0}, .n_steps = o.n_steps, .name = "generate"})
          : scan(from_empty,
                 {.outputs_info = {none, u0}, .n_steps = o.n_steps, .name = "generate"});
  return {generated.outputs[0], generated.updates};
}

RnnRbmGraph build_rnnrbm(std::int64_t n_visible, std::int64_t n_hidden,
                         std::int64_t n_hidden_recurrent, const RandomStream& rng,
                         const RnnRbmGraphOptions& o) {
  const auto params = [&] {
    const SiteScope scope(SiteScope::or_else(o.site));
    if (o.numpy_rng == nullptr)
      return RnnRbmParameters::create(n_visible, n_hidden, n_hidden_recurrent, o.seed, o.dtype);
    return RnnRbmParameters::create(n_visible, n_hidden, n_hidden_recurrent, *o.numpy_rng, o.dtype);
  }();
  const Var v = matrix("v", o.dtype);
  const Var u0 = zeros({n_hidden_recurrent}, o.dtype);
  const RecurrenceGraph biases = build_recurrence(params, v, u0);
  const RbmGraph rbm = build_rbm(v, params.W, biases.bv_t, biases.bh_t, o.k, rng);
  const GenerationGraph generation =
      build_generation(params, u0, rng, {.k = o.k_generate, .n_steps = o.generation_steps});
  return {v,           rbm.v_sample,   rbm.cost,          rbm.monitor, params.list(),
          rbm.updates, generation.v_t, generation.updates};
}

}  // namespace damo::models
