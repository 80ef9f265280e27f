#include "tests/models/energy/enumeration.hpp"

using namespace damo;
using namespace damo::energy;
using namespace damo::test;

namespace {

/// Two hidden layers, and every state of the visible one.
struct Deep {
  explicit Deep(double scale) : scale_(scale) {}
  double scale_;
  SharedVar W = weights({4, 3}, 1, "W", scale_), U = weights({3, 2}, 2, "U", scale_),
            b = weights({4}, 3, "b"), c = weights({3}, 4, "c");
  Unit v = bernoulli("v", 4), h = bernoulli("h", 3), g = bernoulli("g", 2);
  EnergyModel model{-dot(v, b) - dot(h, c) - sum(dot(v, W) * h, 1) - sum(dot(h, U) * g, 1),
                    {.visible = {v}, .hidden = {h, g}, .params = {W, U, b, c}}};
  Var x = constant(Joint({v}).values[0]);
  Var bound() const { return variational_free_energy(model, {x}, {.steps = 200}); }
};

/// The energies of all states of the hidden units of a `Deep`, at one state of the visible one.
Numbers energies_at(const Deep& m, const Joint& joint, std::int64_t row) {
  const Var x = broadcast_to(m.x[range(row, row + 1)], {static_cast<std::int64_t>(joint.rows), 4});
  return numbers(
      evaluate(m.model.energy({x, constant(joint.values[0]), constant(joint.values[1])})));
}

double free_energy(const Deep& m, std::int64_t row) {
  double z = 0;
  for (const double E : energies_at(m, Joint({m.h, m.g}), row)) z += std::exp(-E);
  return -std::log(z);
}

/// Sum of q (E + log q) over all states of the hidden units of a `Deep`, q independent with these
/// means.
double summed(const Deep& m, std::int64_t row, const Array& h_means, const Array& g_means) {
  const Joint joint({m.h, m.g});
  const Numbers energies = energies_at(m, joint, row);
  double total = 0;
  for (std::size_t r = 0; r < joint.rows; ++r) {
    double log_q = 0;
    const auto add = [&](const Array& means, const Array& states, std::int64_t n) {
      for (std::int64_t i = 0; i < n; ++i) {
        const double p = means.data<double>()[row * n + i];
        const double on = states.data<double>()[static_cast<std::int64_t>(r) * n + i];
        log_q += on > 0.5 ? std::log(p) : std::log(1 - p);
      }
    };
    add(h_means, joint.values[0], 3);
    add(g_means, joint.values[1], 2);
    total += std::exp(log_q) * (energies[r] + log_q);
  }
  return total;
}

}  // namespace

TEST_CASE("variational free energy: of hidden units that do not interact it is the free energy") {
  for (const DType dtype : {float64, float32}) {
    const FloatXScope scope(dtype);
    const Var W = weights({3, 4}, 1, "W"), V = weights({3, 2}, 2, "V"), c = weights({4}, 3, "c");
    const Var P = weights({3, 2, 3}, 4, "P");
    const Unit v = bernoulli("v", 3), h = spin("h", 4), k = binomial("k", 2, 3);
    const Unit y = categorical("y", 2, 3), t = truncated_exponential("t", 2);
    const EnergyModel m(-dot(h, c) - sum(dot(v, W) * h, 1) - sum(dot(v, V) * k, 1) -
                            sum(tensordot(v, P, 1) * y, {1, 2}) - 2.0 * sum(dot(v, V) * t, 1),
                        {.visible = {v}, .hidden = {h, k, y, t}});
    const Var x = constant(Joint({v}).values[0]);
    check_close(evaluate(variational_free_energy(m, {x}, {.steps = 1})),
                evaluate(m.free_energy({x})), dtype == float64 ? 1e-11 : 1e-4);
  }
}

TEST_CASE("variational free energy: of interacting units it is the sum over independent states") {
  const FloatXScope scope(float64);
  for (const double scale : {0.1, 0.6, 2.0}) {
    const Deep m(scale);
    const Vars means = m.model.mean_field({.clamped = {m.v}, .steps = 400}, {m.x});
    const Array h = evaluate(means[1]), g = evaluate(means[2]);
    const Numbers bound = numbers(evaluate(m.bound()));
    for (std::size_t r = 0; r < bound.size(); ++r) {
      const auto row = static_cast<std::int64_t>(r);
      const double exact = free_energy(m, row);
      CHECK(bound[r] == doctest::Approx(summed(m, row, h, g)).epsilon(1e-9));
      CHECK(bound[r] >= exact);
      CHECK(bound[r] - exact < (scale < 0.5 ? 0.01 : 1.0));
    }
  }
}

TEST_CASE("variational free energy: it is a bound from any mean field, and its slope holds it") {
  const FloatXScope scope(float64);
  const Deep m(0.8);
  for (const std::int64_t steps : {0, 1, 2}) {
    const Numbers early = numbers(
        evaluate(variational_free_energy(m.model, {m.x}, {.steps = steps, .damping = 0.3})));
    for (std::size_t r = 0; r < early.size(); ++r)
      CHECK(early[r] > free_energy(m, static_cast<std::int64_t>(r)));
  }
  // At a mean field that no longer moves, the slope with it held is the slope of the bound.
  const auto cost = [&] { return evaluate(mean(m.bound())).item<double>(); };
  const Array slope = evaluate(grad(mean(m.bound()), {m.U})[0]);
  const Array at = m.U.value();
  for (std::int64_t i = 0; i < at.elements(); ++i) {
    const auto moved = [&](double by) {
      Numbers there = numbers(at);
      there[static_cast<std::size_t>(i)] += by;
      SharedVar U = m.U;
      U.set_array(Array::from(there, at.shape()));
      return cost();
    };
    const double difference = (moved(1e-5) - moved(-1e-5)) / 2e-5;
    CHECK(slope.data<double>()[i] == doctest::Approx(difference).epsilon(1e-6));
  }
}

TEST_CASE("variational free energy: it is finite and right where fields are huge") {
  // At so large a scale one state of the hidden units has all the weight.
  for (const DType dtype : {float64, float32}) {
    const FloatXScope scope(dtype);
    for (const double scale : {200.0, 1e4, 1e9}) {
      const Deep m(scale);
      const Numbers bound = numbers(evaluate(m.bound()).cast(float64));
      // The upper units at 0, the lower ones summed out.
      const Numbers below =
          numbers(evaluate(m.model.marginal_energy({m.h}, {m.x, Var(), zeros({16, 2}, dtype)}))
                      .cast(float64));
      const Joint joint({m.h, m.g});
      for (std::size_t r = 0; r < bound.size(); ++r) {
        const Numbers energies = energies_at(m, joint, static_cast<std::int64_t>(r));
        double least = INFINITY, least_below = INFINITY;
        for (std::size_t state = 0; state < joint.rows; ++state) {
          const Array g = joint.values[1].cast(float64);
          const double* upper = g.data<double>() + 2 * state;
          least = std::min(least, energies[state]);
          if (upper[0] + upper[1] == 0) least_below = std::min(least_below, energies[state]);
        }
        const double off = 1e-5 * std::abs(least) + 1e-5;
        CHECK(std::isfinite(bound[r]));
        CHECK(bound[r] >= least - 5 * std::log(2.0) - off);
        CHECK(below[r] >= least_below - 3 * std::log(2.0) - off);
        CHECK(below[r] <= least_below + off);
      }
    }
  }
}

TEST_CASE("variational free energy: without hidden units it is the energy") {
  const FloatXScope scope(float64);
  const Var b = weights({3}, 1, "b");
  const Unit v = bernoulli("v", 3);
  const EnergyModel m(-dot(v, b), {.visible = {v}});
  const Var x = constant(Joint({v}).values[0]);
  check_close(evaluate(variational_free_energy(m, {x})), evaluate(m.energy({x})), 1e-14);
}

TEST_CASE("variational free energy: hidden units whose means do not give their energy are named") {
  const Unit v = bernoulli("v", 2), z = gaussian("z", 2);
  const EnergyModel real(sum(sqr(z), 1) - sum(z * v, 1), {.visible = {v}, .hidden = {z}});
  const Var x = zeros({1, 2}, floatX());
  const std::string said =
      error_of<GraphError>([&] { static_cast<void>(variational_free_energy(real, {x})); });
  CHECK(contains(said, "variational_free_energy: the mean energy is not the energy at the mean"));
  CHECK(contains(said, "gaussian"));

  const Var L = weights({3, 3}, 1, "L"), W = weights({2, 3}, 2, "W");
  const Unit h = bernoulli("h", 3);
  const EnergyModel lateral(-sum(dot(v, W) * h, 1) - sum(dot(h, triu(L, 1)) * h, 1),
                            {.visible = {v}, .hidden = {h}, .blocks = colored()});
  const std::string why =
      error_of<GraphError>([&] { static_cast<void>(variational_free_energy(lateral, {x})); });
  CHECK(contains(why, "h"));
  CHECK(contains(why, "interact"));
}
