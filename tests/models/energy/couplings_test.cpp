#include "tests/models/energy/enumeration.hpp"

using namespace damo;
using namespace damo::energy;
using namespace damo::test;

TEST_CASE("energy derivation: classes of one site that bend each other are summed exactly") {
  const FloatXScope scope(float64);
  const Unit y = categorical("y", 2, 3), x = gaussian("x", 2);
  const Var L = weights({3, 3}, 1, "L"), b = weights({2, 3}, 2, "b");
  const EnergyModel own(sum(tensordot(y, L, 1) * y, {1, 2}) - sum(y * b, {1, 2}), {.visible = {y}});
  check_conditionals(own);
  check_marginal(own, {y});
  const Unit t = categorical("t", 1, 2);
  const Var W = weights({2, 2}, 3, "W", 1.5);
  const EnergyModel mixture(sum(sqr(x - dot(flatten(t, 2), W)), 1) / 2 + 0 * sum(t, {1, 2}),
                            {.visible = {x}, .hidden = {t}});
  CHECK(value(mixture.log_z()) == doctest::Approx(std::log(4 * std::numbers::pi)));
}

TEST_CASE("energy log_z: functions of sites that are summed colour by colour keep their value") {
  const FloatXScope scope(float64);
  const Unit s = spin("s", 4), y = categorical("y", 3, 2);
  const Var L = weights({4, 4}, 1, "L"), b = weights({4}, 2, "b"), T = weights({6, 6}, 3, "T");
  const EnergyModel spins(sum(dot(s, triu(L, 1)) * s, 1) + sum(exp(s * b), 1) + sum(sqr(s - b), 1),
                          {.visible = {s}, .params = {L, b}, .blocks = colored()});
  CHECK(value(spins.log_z()) == doctest::Approx(exact_log_z(spins)).epsilon(1e-12));
  const Var f = flatten(y, 2);
  const EnergyModel classes(sum(dot(f, T) * f, 1) + sum(exp(y), {1, 2}),
                            {.visible = {y}, .params = {T}, .blocks = colored()});
  CHECK(value(classes.log_z()) == doctest::Approx(exact_log_z(classes)).epsilon(1e-12));
}

TEST_CASE("energy blocks: a colour's density is of its sites alone, base measure and all") {
  const FloatXScope scope(float64);
  const Unit k = binomial("k", 3, 2);
  const Var L = weights({3, 3}, 1, "L");
  const EnergyModel m(sum(dot(k, triu(L, 1)) * k, 1),
                      {.visible = {k}, .params = {L}, .blocks = colored()});
  const Joint joint(m.units());
  const Numbers w = log_weights(m, joint);
  const auto n_colors = static_cast<int>(m.blocks().size());
  CHECK(n_colors == 3);
  for (int c = 0; c < n_colors; ++c) {
    const std::vector<double> drawn = m.derivation(k).sites_of(c);
    std::map<Numbers, std::size_t> seen;
    std::vector<std::size_t> group;
    const Numbers x = numbers(joint.values[0]);
    for (std::size_t r = 0; r < joint.rows; ++r) {
      Numbers others;
      for (std::size_t i = 0; i < 3; ++i) others.push_back(drawn[i] > 0 ? -1 : x[r * 3 + i]);
      group.push_back(seen.emplace(others, seen.size()).first->second);
    }
    Numbers expected = log_sums(w, group);
    for (std::size_t r = 0; r < joint.rows; ++r) expected[r] = w[r] - expected[r];
    check_numbers(joint.value(m.conditional(k, c).log_prob(k)), expected, 1e-11);
  }
}

TEST_CASE("energy derivation: couplings are found that few states show, or weights of zero hide") {
  const FloatXScope scope(float64);
  const Unit h = bernoulli("h", 4), v = bernoulli("v", 6), y = categorical("y", 1, 40);
  const auto both = h(all(), 0) * h(all(), 1);
  CHECK_THROWS_AS(EnergyModel(sum(h, 1) + prod(v, 1) * both, {.visible = {v, h}}).conditional(h),
                  GraphError);
  const Var rare = sum(h, 1) + y(all(), 0, 17) * both;
  CHECK_THROWS_AS(EnergyModel(rare + sum(y, {1, 2}), {.visible = {y, h}}).conditional(h),
                  GraphError);
  const EnergyModel colours(rare, {.visible = {y, h}, .blocks = colored()});
  CHECK(colours.derivation(h).colours.shape()[0] == 2);
  const SharedVar L = models::zero_parameter(Sizes{4, 4}, "L");
  const EnergyModel late(sum(dot(h, triu(L, 1)) * h, 1), {.visible = {h}});
  CHECK_THROWS_AS(late.conditional(h), GraphError);
}

TEST_CASE("energy blocks: sites that do not interact are whole units in a model with colours") {
  const FloatXScope scope(float64);
  const Unit v = bernoulli("v", 3), x = gaussian("x", 2), s = spin("s", 2);
  const Var L = weights({3, 3}, 1, "L"), W = weights({3, 2}, 2, "W"), D = weights({2, 2}, 3, "D");
  const EnergyModel m(sum(dot(v, triu(L, 1)) * v, 1) + sum(sqr(x), 1) - sum(dot(v, W) * x, 1) +
                          sum(dot(s, D * eye(2, float64)) * s, 1),
                      {.visible = {v}, .hidden = {x, s}, .params = {L, W, D}, .blocks = colored()});
  CHECK(m.conditional(x).family() == "normal");
  CHECK(m.conditional(s).family() == "spin");
  CHECK(m.free_energy().ndim() == 1);
  CHECK(std::isfinite(value(m.log_z())));
}

TEST_CASE("energy blocks: gaussian sites that interact are summed out and drawn as a whole") {
  const FloatXScope scope(float64);
  const Unit v = bernoulli("v", 3), x = gaussian("x", 3), r = relu("r", 2);
  const SharedVar W = weights({3, 3}, 1, "W"), J = weights({3, 3}, 2, "J"),
                  A = weights({3, 3}, 3, "A", 0.3), R = weights({2, 2}, 4, "R", 0.3);
  const Var lateral = sum(dot(v, triu(J, 1)) * v, 1);
  const Var e = lateral + sum(sqr(x), 1) + sum(sqr(dot(x, A)), 1) - sum(dot(v, W) * x, 1);
  // What the same model has where no colours are asked for.
  const EnergyModel plain(e, {.visible = {v}, .hidden = {x}, .params = {W, J, A}});
  for (const Blocks& blocks : {colored(), one_site_at_a_time()}) {
    const EnergyModel m(e, {.visible = {v}, .hidden = {x}, .params = {W, J, A}, .blocks = blocks});
    CHECK(m.blocks().size() == (blocks.how == Blocks::How::colored ? 4 : 6));
    CHECK_MESSAGE(check(m).ok(), check(m).text());
    CHECK(m.conditional(x).family() == "multivariate normal");
    CHECK(value(m.log_z()) == doctest::Approx(value(plain.log_z())));
    const Var x0 = constant(evaluate(RandomStream(9).bernoulli(0.5 * ones({6, 3}))));
    check_numbers(numbers(evaluate(m.free_energy({x0}))),
                  numbers(evaluate(plain.free_energy({x0}))), 1e-11);
    const EnergyModel hot = m.tempered(0.4);
    CHECK_MESSAGE(check(hot).ok(), check(hot).text());
    CHECK(value(hot.log_z()) == doctest::Approx(value(plain.tempered(0.4).log_z())));
  }
  const EnergyModel rectified(
      lateral + sum(sqr(r), 1) + sum(dot(r, sqr(triu(R, 1))) * r, 1),
      {.visible = {v}, .hidden = {r}, .params = {J, R}, .blocks = colored()});
  CHECK_MESSAGE(check(rectified).ok(), check(rectified).text());
}

TEST_CASE("energy tempering: a base of coupled sites keeps its couplings") {
  const FloatXScope scope(float64);
  const Unit v = bernoulli("v", 3), x = gaussian("x", 3);
  const SharedVar W = weights({3, 3}, 1, "W"), J = weights({3, 3}, 2, "J"),
                  A = weights({3, 3}, 3, "A", 0.3);
  const Var lateral = sum(dot(v, triu(J, 1)) * v, 1), coupled = sum(sqr(dot(x, A)), 1);
  const Var squares = sum(sqr(x), 1), product = sum(dot(v, W) * x, 1);
  for (const auto& [hot, base] : std::vector<std::pair<Var, Var>>{
           {squares - product, squares + coupled},
           {squares + coupled - product, 2 * squares + 3 * coupled},
           {squares - product, squares + lateral},
           {squares + coupled + lateral - product, squares + sum(v, 1) + 2 * coupled - lateral}}) {
    const EnergyModel m(hot, {.visible = {v}, .hidden = {x}, .blocks = colored()});
    const EnergyModel both = m.tempered(0.4, base);
    CHECK_MESSAGE(check(both).ok(), check(both).text());
    const EnergyModel written(0.4 * hot + 0.6 * base,
                              {.visible = {v}, .hidden = {x}, .blocks = colored()});
    CHECK(value(both.log_z()) == doctest::Approx(value(written.log_z())));
  }
}

TEST_CASE("energy errors: counts of a given sum are not drawn one site at a time") {
  const Unit w = counts("w", 3, 2);
  const Var L = weights({3, 3}, 1, "L");
  const EnergyModel m(sum(dot(w, triu(L, 1)) * w, 1), {.visible = {w}, .blocks = colored()});
  CHECK_THROWS_AS(m.conditional(w), GraphError);
  CHECK(value(m.log_z()) == doctest::Approx(exact_log_z(m)));
}

TEST_CASE("energy errors: an energy that jumps with inputs of unknown size is not taken on trust") {
  const Unit h = bernoulli("h", 3);
  const Var x = matrix("x");
  const Var e = sum(h, 1) + sum(x, 1) * cast(eq(h(all(), 0), h(all(), 1)), floatX());
  CHECK_THROWS_AS(EnergyModel(e, {.visible = {h}}).conditional(h), GraphError);
}
