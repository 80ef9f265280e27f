#include "tests/models/energy/enumeration.hpp"

using namespace damo;
using namespace damo::energy;
using namespace damo::test;

namespace {

// Nearest neighbours on a square with periodic edges.
EnergyModel ising(const Unit& s, std::int64_t side, double beta) {
  const Var grid = reshape(s, {-1, side, side});
  const auto rolled = [&](int axis) {
    return axis == 1
               ? concatenate({grid(all(), range(1, side)), grid(all(), range(0, 1))}, 1)
               : concatenate({grid(all(), all(), range(1, side)), grid(all(), all(), range(0, 1))},
                             2);
  };
  return {-beta * sum(grid * (rolled(1) + rolled(2)), {1, 2}),
          {.visible = {s}, .blocks = colored()}};
}

}  // namespace

TEST_CASE("energy log_z: the sum over all states, whatever the kinds of units") {
  for (const DType dtype : {float64, float32}) {
    const FloatXScope scope(dtype);
    const Var W = weights({4, 3}, 1, "W"), b = weights({4}, 2, "b"), U = weights({3, 2}, 3, "U"),
              Y = weights({2, 3, 3}, 4, "Y"), L = weights({4, 4}, 5, "L");
    const Unit v = bernoulli("v", 4), h = spin("h", 3), g = bernoulli("g", 2), s = spin("s", 4),
               y = categorical("y", 2, 3), k = binomial("k", 4, 2), n = counts("n", 4, 3);
    const std::vector<EnergyModel> models{
        {-dot(v, b) - sum(dot(v, W) * h, 1), {.visible = {v}, .hidden = {h}}},
        {-dot(v, b) - sum(dot(v, W) * h, 1) - sum(dot(h, U) * g, 1),
         {.visible = {v}, .hidden = {h, g}}},
        {-sum(tensordot(y, Y, 2) * h, 1) - sum(dot(h, U) * g, 1),
         {.visible = {y, g}, .hidden = {h}}},
        {-dot(k, b) - sum(dot(k, W) * h, 1), {.visible = {k}, .hidden = {h}}},
        {-dot(n, b) - sum(dot(n, W) * h, 1), {.visible = {n}, .hidden = {h}}},
        {-sum(dot(v, L) * v, 1), {.visible = {v}}},
        {-sum(dot(v, L) * v, 1), {.visible = {v}, .blocks = colored()}},
        {-sum(dot(s, L) * s, 1) - sum(dot(s, W) * h, 1),
         {.visible = {s}, .hidden = {h}, .blocks = colored()}},
        {sum(exp(dot(v, L)), 1) / 4, {.visible = {v}}},
    };
    for (std::size_t i = 0; i < models.size(); ++i) {
      CAPTURE(i);
      const Var z = models[i].log_z();
      CHECK(z.ndim() == 0);
      CHECK(z.dtype() == dtype);
      CHECK(value(z) == doctest::Approx(exact_log_z(models[i])).epsilon(tolerance(dtype)));
    }
  }
}

TEST_CASE("energy log_z: the Ising model has Kaufman's, a triangle and a chain their own") {
  const FloatXScope scope(float64);
  const double critical = std::log(1 + std::sqrt(2.0)) / 2;
  const double table[][2] = {{0.3, 12.785523326}, {critical, 15.521915459}, {0.5, 17.105367119}};
  for (const auto& [beta, log_z] : table)
    CHECK(value(ising(spin("s", 16), 4, beta).log_z()) == doctest::Approx(log_z).epsilon(1e-10));
  const Unit t = spin("t", 3);
  const EnergyModel triangle(
      t(all(), 0) * t(all(), 1) + t(all(), 1) * t(all(), 2) + t(all(), 2) * t(all(), 0),
      {.visible = {t}, .blocks = colored()});
  CHECK(value(triangle.log_z()) == doctest::Approx(2.797846121).epsilon(1e-9));
  const Unit c = spin("c", 5);
  const EnergyModel chain(-0.5 * sum(c(all(), range(0, 4)) * c(all(), range(1, 5)), 1),
                          {.visible = {c}, .blocks = colored()});
  CHECK(value(chain.log_z()) == doctest::Approx(3.946193931).epsilon(1e-9));
}

TEST_CASE("energy log_z: many states are streamed, and its gradient is the model's mean") {
  const FloatXScope scope(float64);
  const SharedVar W = weights({17, 20}, 1, "W", 0.3), b = weights({17}, 2, "b");
  const Unit v = bernoulli("v", 17), h = bernoulli("h", 20);
  const EnergyModel m(-dot(v, b) - sum(dot(v, W) * h, 1), {.visible = {v}, .hidden = {h}});
  const Var z = m.log_z();
  const Var states = models::all_binary_states(17);
  const Var direct = logsumexp(dot(states, b) + sum(softplus(dot(states, W)), 1));
  Function f = function({}, {z, direct, grad(z, b), grad(direct, b)});
  const Outputs out = f();
  CHECK(out.scalar<double>(0) == doctest::Approx(out.scalar<double>(1)).epsilon(1e-12));
  check_close(out[2], out[3], 1e-10);
}

TEST_CASE("energy log_z: gaussian and other infinite units are integrated, not enumerated") {
  const FloatXScope scope(float64);
  const Var W = weights({30, 4}, 1, "W", 0.3), c = weights({4}, 2, "c");
  const Unit x = gaussian("x", 30), h = bernoulli("h", 4);
  const EnergyModel m(sum(sqr(x), 1) / 2 - dot(h, c) - sum(dot(x, W) * h, 1),
                      {.visible = {x}, .hidden = {h}});
  const Var states = models::all_binary_states(4);
  const Var truth =
      logsumexp(dot(states, c) + sum(sqr(dot(states, W.T())), 1) / 2) + 15 * std::log(2 * M_PI);
  CHECK(value(m.log_z()) == doctest::Approx(value(truth)).epsilon(1e-12));
}

TEST_CASE("energy log_z: too many states are an error that names the way out") {
  const Var L = weights({40, 40}, 1, "L");
  const Unit v = bernoulli("v", 40);
  const EnergyModel m(-sum(dot(v, L) * v, 1), {.visible = {v}});
  const std::string text = error_of<GraphError>([&] { m.log_z(); });
  CHECK(contains(text, "2^40"));
  CHECK(contains(text, "estimate_log_z"));
}
