#include <damo/graph/variables.hpp>
#include <damo/graph/walk.hpp>
#include <damo/models/binary_rbm.hpp>
#include <damo/models/energy/units/kinds.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/reduction/reductions.hpp>
#include <damo/ops/shape/shape.hpp>

namespace damo::models {

using energy::Conditional, energy::Unit;

namespace {

// What follows from the energy, on placeholders of any size.
struct Derived {
  Var W, bv, bh;
  Unit v, h;
  Var to_hidden, to_visible, free_energy;
};

Derived derive(DType dtype, bool bias_a_row) {
  const SiteScope scope(Site::here());
  const auto bias = [&](const char* name) {
    return bias_a_row ? matrix(name, dtype) : vector(name, dtype);
  };
  const Var W = matrix("W", dtype), bv = bias("bv"), bh = bias("bh");
  const Unit v(energy::bernoulli_kind(), "v", W.shape(0), dtype);
  const Unit h(energy::bernoulli_kind(), "h", W.shape(1), dtype);
  const energy::EnergyModel rbm(BinaryRbm::energy(v, h, W, bv, bh),
                                {.visible = {v}, .hidden = {h}});
  return {W,
          bv,
          bh,
          v,
          h,
          rbm.conditional(h, {v, Var()}).parameters()[0],
          rbm.conditional(v, {Var(), h}).parameters()[0],
          rbm.free_energy({v})};
}

template <bool bias_a_row>
const Derived& derived(DType dtype) {
  if (dtype == float64) {
    static const Derived wide = derive(float64, bias_a_row);
    return wide;
  }
  static const Derived narrow = derive(float32, bias_a_row);
  return narrow;
}

// A row for a vector.
Var as_rows(const Var& v) { return v.ndim() == 1 ? dimshuffle(v, {newaxis, 0}) : v; }

}  // namespace

Var BinaryRbm::energy(const Var& v, const Var& h, const Var& W, const Var& bv, const Var& bh) {
  const auto with_bias = [](const Var& x, const Var& b) {
    return b.ndim() == 1 ? dot(x, b) : sum(x * b, 1);
  };
  return -with_bias(v, bv) - with_bias(h, bh) - sum(dot(v, W) * h, 1);
}

template <class Choose>
Var BinaryRbm::read(const Var& state, Choose choose) const {
  const bool bias_a_row = bv_.ndim() == 2 || bh_.ndim() == 2;
  DType dtype = state.dtype();
  for (const Var* p : {&W_, &bv_, &bh_}) dtype = promote(dtype, p->dtype());
  const Derived& d = bias_a_row ? derived<true>(dtype) : derived<false>(dtype);
  const auto [what, unit] = choose(d);
  const auto there = [&](const Var& v) { return v.dtype() == dtype ? v : cast(v, dtype); };
  const auto bias = [&](const Var& b) { return there(bias_a_row ? as_rows(b) : b); };
  const Var value = clone(
      what,
      {{unit, there(as_rows(state))}, {d.W, there(W_)}, {d.bv, bias(bv_)}, {d.bh, bias(bh_)}});
  return state.ndim() == 1 && !bias_a_row ? value[0] : value;
}

Var BinaryRbm::free_energy(const Var& v) const {
  return read(v, [](const Derived& d) { return std::pair(d.free_energy, Var(d.v)); });
}

Conditional BinaryRbm::hidden(const Var& v) const {
  const Var linear = read(v, [](const Derived& d) { return std::pair(d.to_hidden, Var(d.v)); });
  return {derived<false>(linear.dtype()).h, {.natural = {linear}}};
}

Conditional BinaryRbm::visible(const Var& h) const {
  const Var linear = read(h, [](const Derived& d) { return std::pair(d.to_visible, Var(d.h)); });
  return {derived<false>(linear.dtype()).v, {.natural = {linear}}};
}

}  // namespace damo::models
