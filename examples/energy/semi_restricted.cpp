// Visible sites that interact with each other, beside hidden units for what neighbours leave open.
// Osindero and Hinton 2008, Modeling image patches with a directed hierarchy of Markov random
// fields.
#include "made_data.hpp"
#include "pictures.hpp"
#include "training.hpp"

namespace damo::zoo {
namespace {

using namespace energy;

/// E(v, h) = -b v - c h - sum of v_i L_ij v_j over i < j - v W h.
EnergyModel semi_restricted(Parameters p, std::int64_t n_visible, std::int64_t n_hidden) {
  const SharedVar W = p("W", {n_visible, n_hidden}), L = p("L", {n_visible, n_visible}),
                  b = p("b", n_visible), c = p("c", n_hidden);
  const Unit v = bernoulli("v", n_visible, p.dtype()), h = bernoulli("h", n_hidden, p.dtype());
  return {-dot(v, b) - dot(h, c) - sum(dot(v, triu(L, 1)) * v, 1) - sum(dot(v, W) * h, 1),
          {.visible = {v}, .hidden = {h}, .params = {W, L, b, c}, .blocks = colored()}};
}

SmallModel small(DType t) { return {semi_restricted(Parameters(t), 4, 2)}; }

constexpr std::int64_t side = 5, n = side * side;

/// The model to find again: sites like the one to their right and unlike the one below, and one
/// hidden unit that turns the picture's left on and its right off.
EnergyModel truth() {
  const EnergyModel model = semi_restricted(Parameters(float32, 0), n, 1);
  Array W(float32, {n, 1}), L(float32, {n, n}), b(float32, {n});
  const auto couple = [&](std::int64_t i, std::int64_t j, float strength) {
    L.data<float>()[i * n + j] = strength;
    b.data<float>()[i] -= strength / 2;
    b.data<float>()[j] -= strength / 2;
  };
  for (std::int64_t i = 0; i < n; ++i) {
    if (i % side + 1 < side) couple(i, i + 1, 1.5F);
    if (i + side < n) couple(i, i + side, -1.5F);
    W.data<float>()[i] = 1.5F * static_cast<float>(side / 2 - i % side) / 2;
  }
  model.params()[0].set_array(W);
  model.params()[1].set_array(L);
  model.params()[2].set_array(b);
  return model;
}

/// Of the lateral weights: the correlation with the true ones.
double correlation(const Var& L, const Var& true_L) {
  const Var above = triu(ones({n, n}, float32), 1);
  const auto centred = [&](const Var& x) { return above * (x - sum(above * x) / sum(above)); };
  const Var a = centred(L), b = centred(true_L);
  return number(sum(a * b) / sqrt(sum(sqr(a)) * sum(sqr(b))));
}

/// Pseudo-likelihood, which needs no chains. A picture of data, and of the true and the learnt
/// lateral weights.
Learnt learn(const Setting& setting) {
  const EnergyModel teacher = truth();
  const Vars drawn = draw(teacher, setting.steps(10000, 3000), 200);
  const EnergyModel model = semi_restricted(Parameters(float32, 0.05, setting.seed), n, 2);
  const SharedVar L = model.params()[1], true_L = teacher.params()[1];
  const double before = correlation(L, true_L);
  const double ms =
      train(model, {evaluate(drawn[0])}, [&](const Vars& x) { return pseudo_likelihood(model, x); },
            {.steps = setting.steps(1500, 500), .lr = setting.quick ? 0.03 : 0.02});
  const auto matrix_of = [](const Var& weights) {
    const Var upper = triu(weights, 1);
    return tiles(reshape(around_gray(upper + upper.T(), 2), {1, -1}),
                 {.height = n, .across = 1, .zoom = 6});
  };
  return {"samples of a model with known weights",
          {{"correlation of lateral weights with the true ones", correlation(L, true_L),
            "untrained", before}},
          beside({tiles(drawn[0][range(30)], {.height = side, .across = 6, .zoom = 4}),
                  matrix_of(true_L), matrix_of(L)}),
          ms};
}

}  // namespace

Entry semi_restricted_entry() {
  return {"semi_restricted", "visible sites that interact (Osindero and Hinton 2008)", small,
          learn};
}

}  // namespace damo::zoo
