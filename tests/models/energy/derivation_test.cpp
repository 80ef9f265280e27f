#include "tests/models/energy/enumeration.hpp"

using namespace damo;
using namespace damo::energy;
using namespace damo::test;

namespace {

void check_finite(const EnergyModel& m) {
  check_conditionals(m);
  check_marginal(m, m.hidden());
  check_marginal(m, m.visible());
}

template <class F>
void for_both_dtypes(F&& f) {
  for (const DType dtype : {float64, float32}) {
    CAPTURE(std::string(name(dtype)));
    const FloatXScope scope(dtype);
    f();
  }
}

}  // namespace

TEST_CASE("energy derivation: binary units linear in the energy have the enumerated conditionals") {
  for_both_dtypes([] {
    const Var W = weights({4, 3}, 1, "W", 0.7), b = weights({4}, 2, "b", 0.7),
              c = weights({3}, 3, "c", 0.7);
    const Unit v = bernoulli("v", 4), h = bernoulli("h", 3);
    check_finite({-dot(v, b) - dot(h, c) - sum(dot(v, W) * h, 1), {.visible = {v}, .hidden = {h}}});
    const Unit s = spin("s", 4), t = spin("t", 3);
    check_finite({-dot(s, b) - dot(t, c) - sum(dot(s, W) * t, 1), {.visible = {s}, .hidden = {t}}});
    check_finite({-dot(s, b) - dot(h, c) - sum(dot(s, W) * h, 1), {.visible = {s}, .hidden = {h}}});
  });
}

TEST_CASE("energy derivation: any function of one binary site is linear on its support") {
  for_both_dtypes([] {
    const Var W = weights({4, 3}, 1, "W", 0.7), b = weights({4}, 2, "b", 0.7),
              c = weights({3}, 3, "c", 0.7);
    const Unit v = bernoulli("v", 4), h = bernoulli("h", 3);
    const Unit s = spin("s", 4), t = spin("t", 3);
    const auto energies = [&](const Unit& x, const Unit& y) {
      return std::vector<Var>{
          sum(sqr(x - b), 1) + sum(sqr(sqr(y)) * c, 1) - sum(dot(x, W) * y, 1),
          sum(sqr(y - dot(x, W)), 1) + sum(exp(x * b), 1),
          sum(where(x > 0.5, b, 2.0), 1) - sum(dot(sqr(x) + x, W) * y, 1) + sum(abs(y - c), 1),
          sum(softplus(y * dot(x, W)), 1) - sum(x * x * x * b, 1),
          -sum(dot(pow(x, 2), W) * (y * y + y), 1) + sum(cos(x) * b, 1) / 3,
      };
    };
    // y - dot(x, W) squared, and softplus of y dot(x, W), couple the sites of x: of y only.
    for (const auto& [x, y] : {std::pair{v, h}, std::pair{s, t}, std::pair{v, t}}) {
      const std::vector<Var> all = energies(x, y);
      for (std::size_t i = 0; i < all.size(); ++i) {
        CAPTURE(i);
        const EnergyModel m(all[i], {.visible = {x}, .hidden = {y}});
        if (i == 1 || i == 3) {
          check_marginal(m, {y});
          CHECK_THROWS_AS(m.conditional(x), GraphError);
        } else {
          check_finite(m);
        }
      }
    }
  });
}

TEST_CASE(
    "energy derivation: classes, binomial units and counts have the enumerated conditionals") {
  for_both_dtypes([] {
    const Var W = weights({2, 3, 4}, 1, "W", 0.7), c = weights({4}, 3, "c", 0.7),
              b = weights({2, 3}, 4, "b", 0.7);
    const Unit y = categorical("y", 2, 3), h = bernoulli("h", 4);
    check_finite({-sum(sum(y * b, 2), 1) - dot(h, c) - sum(tensordot(y, W, 2) * h, 1),
                  {.visible = {y}, .hidden = {h}}});
    check_finite({sum(sum(sqr(y - b), 2), 1) - sum(dot(flatten(y, 2), reshape(W, {6, 4})) * h, 1),
                  {.visible = {y}, .hidden = {h}}});
    const Var U = weights({2, 4}, 5, "U", 0.7), d = weights({2}, 6, "d", 0.7);
    const Unit k = binomial("k", 2, 3);
    check_finite({-dot(k, d) - dot(h, c) - sum(dot(k, U) * h, 1), {.visible = {k}, .hidden = {h}}});
    const Var V = weights({3, 2}, 7, "V", 0.7), e = weights({3}, 8, "e", 0.7),
              f = weights({2}, 9, "f", 0.7);
    const Unit n = counts("n", 3, 4), g = bernoulli("g", 2);
    check_finite({-dot(n, e) - sum(n, 1) * dot(g, f) - sum(dot(n, V) * g, 1),
                  {.visible = {n}, .hidden = {g}}});
  });
}

TEST_CASE("energy derivation: several layers, and units that read each other three at a time") {
  for_both_dtypes([] {
    const Var A = weights({3, 2}, 1, "A", 0.7), B = weights({2, 3}, 2, "B", 0.7),
              a = weights({3}, 3, "a", 0.7);
    const Unit v = bernoulli("v", 3), h = spin("h", 2), g = bernoulli("g", 3);
    const EnergyModel deep(-dot(v, a) - sum(dot(v, A) * h, 1) - sum(dot(h, B) * g, 1),
                           {.visible = {v}, .hidden = {h, g}});
    check_conditionals(deep);
    check_marginal(deep, {v, g});
    check_marginal(deep, {h});
    check_marginal(deep, {g});
    const Var F = weights({3, 2}, 4, "F", 0.7), G = weights({2, 2}, 5, "G", 0.7),
              H = weights({3, 2}, 6, "H", 0.7);
    const EnergyModel factored(-sum(dot(v, F) * dot(h, G) * dot(g, H), 1) - dot(v, a),
                               {.visible = {v, h}, .hidden = {g}});
    check_conditionals(factored);
    check_marginal(factored, {g});
  });
}

TEST_CASE("energy derivation: tempered models weigh by beta") {
  for_both_dtypes([] {
    const Var W = weights({4, 3}, 1, "W", 0.7), b = weights({4}, 2, "b", 0.7);
    const Unit v = spin("v", 4), h = bernoulli("h", 3);
    const EnergyModel m(sum(sqr(h), 1) / 3 - dot(v, b) - sum(dot(v, W) * h, 1),
                        {.visible = {v}, .hidden = {h}});
    const EnergyModel hot = m.tempered(0.3);
    const Joint joint(m.units());
    Numbers cold = joint.value(m.energy());
    for (double& e : cold) e *= 0.3;
    check_numbers(joint.value(hot.energy()), cold, tolerance(floatX()));
    check_finite(hot);
    const Var base = -0.5 * sum(v, 1);
    check_finite(m.tempered(0.3, base));
  });
}

TEST_CASE("energy derivation: an energy computed by a scan is derived like any other") {
  const FloatXScope scope(float64);
  const Var W = weights({4, 3}, 1, "W", 0.7), b = weights({4}, 2, "b", 0.7);
  const Unit v = bernoulli("v", 4), h = bernoulli("h", 3);
  const Var start = zeros({v.shape(0)});
  const auto by_site =
      scan([&](const Var& w, const Var& x, const Var& so_far) { return so_far - x * dot(h, w); },
           {.sequences = {W, v.T()}, .outputs_info = {start}});
  check_finite({by_site.outputs[0][-1] - dot(v, b), {.visible = {v}, .hidden = {h}}});
}
