#include "tests/models/energy/enumeration.hpp"

using namespace damo;
using namespace damo::energy;
using namespace damo::test;

namespace {

// The model's probabilities of all visible states, and F.
struct Visible {
  explicit Visible(const EnergyModel& m) : joint(m.visible()) {
    free_energy = joint.value(m.free_energy());
  }
  Joint joint;
  Numbers free_energy;
};

}  // namespace

TEST_CASE("energy objectives: chains' ends are constants by construction") {
  for (const DType dtype : {float64, float32}) {
    const FloatXScope scope(dtype);
    const SmallRbm m;
    for (const Objective& o :
         {contrastive_divergence(m.model, {m.x}, {.k = 3, .rng = RandomStream(1)}),
          persistent_cd(m.model, {m.x}, {.k = 2, .chains = 6, .rng = RandomStream(1)}),
          tempered_cd(m.model, {m.x}, {.k = 1, .chains = 6, .rng = RandomStream(1)}),
          fast_persistent_cd(m.model, {m.x}, {.k = 1, .chains = 6, .rng = RandomStream(1)})}) {
      REQUIRE(o.held.size() == 1);
      const Vars g = o.gradients({m.W, m.b, m.c});
      const Vars plain = grad(o.cost, {m.W, m.b, m.c}, {.consider_constant = o.held});
      // Positive less negative statistics, by hand.
      const auto mean_h = [&](const Var& v) { return sigmoid(dot(v, m.W) + m.c); };
      const Var y = o.held[0];
      const double n = 6;
      const Vars truth{(dot(y.T(), mean_h(y)) - dot(m.x.T(), mean_h(m.x))) / n,
                       (sum(y, 0) - sum(m.x, 0)) / n,
                       (sum(mean_h(y), 0) - sum(mean_h(m.x), 0)) / n};
      Vars all = g;
      all.insert(all.end(), plain.begin(), plain.end());
      all.insert(all.end(), truth.begin(), truth.end());
      all.push_back(o.monitor);
      Function f = function({}, all, {.updates = o.updates});
      for (int call = 0; call < 3; ++call) {
        const Outputs out = f();
        for (std::size_t i = 0; i < 3; ++i) {
          check_close(out[i], out[6 + i], tolerance(dtype));
          check_close(out[3 + i], out[6 + i], tolerance(dtype));
        }
        CHECK(std::isfinite(out.scalar<double>(9)));
      }
    }
  }
}

TEST_CASE("energy objectives: chains go on from update to update") {
  const FloatXScope scope(float64);
  const SmallRbm m;
  const Objective o = persistent_cd(m.model, {m.x}, {.k = 1, .chains = 50, .rng = RandomStream(1)});
  Function f = function({}, {o.held[0]}, {.updates = o.updates});
  const Array first = evaluate(constant(f()[0])), second = evaluate(constant(f()[0]));
  CHECK(numbers(first) != numbers(second));
  Numbers mean(4, 0.0);
  for (int t = 0; t < 2000; ++t) {
    const Numbers x = numbers(f()[0]);
    for (std::size_t i = 0; i < x.size(); ++i) mean[i % 4] += x[i] / (50 * 2000);
  }
  const Visible all(m.model);
  Numbers w;
  for (const double e : all.free_energy) w.push_back(-e);
  const double z = log_sums(w, std::vector<std::size_t>(w.size(), 0))[0];
  const Numbers states = numbers(all.joint.values[0]);
  for (std::size_t i = 0; i < 4; ++i) {
    double truth = 0;
    for (std::size_t r = 0; r < w.size(); ++r) truth += std::exp(w[r] - z) * states[4 * r + i];
    CHECK(std::abs(mean[i] - truth) < 0.02);
  }
}

TEST_CASE("energy objectives: those that compare neighbours are sums over enumerated ratios") {
  for (const DType dtype : {float64, float32}) {
    const FloatXScope scope(dtype);
    const SmallRbm m;
    const Unit s = spin("s", 4);
    const EnergyModel spins(-dot(s, m.b) - sum(dot(s, m.W) * m.h, 1),
                            {.visible = {s}, .hidden = {m.h}, .params = {m.W, m.b}});
    for (const EnergyModel& model : {m.model, spins}) {
      const Var x = model.visible()[0].kind().name == "spin" ? 2 * m.x - 1 : m.x;
      double pl = 0, ratio = 0, flow = 0;
      const Numbers here = numbers(evaluate(model.free_energy({x})));
      for (int i = 0; i < 4; ++i) {
        const Var other = model.visible()[0].kind().name == "spin" ? -x : 1 - x;
        const Var flipped = set_subtensor(x(all(), i), other(all(), i));
        const Numbers there = numbers(evaluate(model.free_energy({flipped})));
        for (std::size_t r = 0; r < here.size(); ++r) {
          const double u = std::exp(here[r] - there[r]);  // p(flipped) / p(x)
          pl += std::log(1 + u) / 6;
          ratio += std::pow(u / (1 + u), 2) / 6;
          flow += std::sqrt(u) / 6;
        }
      }
      const double t = dtype == float64 ? 1e-12 : 1e-5;
      CHECK(value(pseudo_likelihood(model, {x}).cost) == doctest::Approx(pl).epsilon(t));
      CHECK(value(ratio_matching(model, {x}).cost) == doctest::Approx(ratio).epsilon(t));
      CHECK(value(minimum_probability_flow(model, {x}).cost) == doctest::Approx(flow).epsilon(t));
    }
  }
}

TEST_CASE("energy objectives: pseudo-likelihood of classes and counts of trials is enumerated") {
  const FloatXScope scope(float64);
  const Var Y = weights({2, 3, 3}, 4, "Y"), c = weights({3}, 5, "c"), K = weights({2, 3}, 6, "K");
  const Unit y = categorical("y", 2, 3), h = bernoulli("h", 3), k = binomial("k", 2, 3);
  const EnergyModel m(-sum((tensordot(y, Y, 2) + dot(k, K) + c) * h, 1),
                      {.visible = {y, k}, .hidden = {h}});
  // Over all states at once: the mean of each site's conditional.
  const Joint joint(m.visible());
  Numbers w = joint.value(-m.free_energy());
  const Numbers base = joint.value(k.kind().log_base(k));
  for (std::size_t r = 0; r < w.size(); ++r) w[r] += base[r];
  double truth = 0;
  const Numbers ys = numbers(joint.values[0]), ks = numbers(joint.values[1]);
  for (std::size_t r = 0; r < w.size(); ++r) {
    for (int site = 0; site < 4; ++site) {
      double sum = 0;
      for (std::size_t q = 0; q < w.size(); ++q) {
        bool same = true;
        for (int i = 0; i < 2; ++i) {
          for (int j = 0; j < 3; ++j)
            same = same && (site == i || ys[6 * r + 3 * i + j] == ys[6 * q + 3 * i + j]);
          same = same && (site == 2 + i || ks[2 * r + i] == ks[2 * q + i]);
        }
        if (same) sum += std::exp(w[q] - w[r]);
      }
      truth += std::log(sum) / static_cast<double>(w.size());
    }
  }
  const Objective o = pseudo_likelihood(m, {constant(joint.values[0]), constant(joint.values[1])});
  CHECK(value(o.cost) == doctest::Approx(truth).epsilon(1e-11));
}

TEST_CASE("energy objectives: score matching of a normal is its closed form") {
  for (const DType dtype : {float64, float32}) {
    const FloatXScope scope(dtype);
    const SharedVar mu = weights({3}, 1, "mu"), z = weights({3}, 2, "z");
    const Unit x = gaussian("x", 3);
    const EnergyModel m(sum(sqr(x - mu) * exp(z), 1) / 2, {.visible = {x}, .params = {mu, z}});
    const Var data = constant(evaluate(RandomStream(5).normal({400, 3})));
    // slope k (x - mu), curvature k
    const Var k = exp(z);
    const Var truth = mean(sum(sqr(k * (data - mu)) / 2 - k, 1));
    const double t = dtype == float64 ? 1e-11 : 1e-4;
    CHECK(value(score_matching(m, {data}).cost) == doctest::Approx(value(truth)).epsilon(t));
    const Var many = broadcast_to(data(range(0, 1)), {200000, 3});
    const Objective sliced =
        sliced_score_matching(m, {many}, {.projections = 1, .rng = RandomStream(2)});
    const Var one = sum(sqr(k * (data(range(0, 1)) - mu)) / 2 - k);
    CHECK(value(sliced.cost) == doctest::Approx(value(one)).epsilon(0.03));
    // Denoising: E |k (x + s e - mu) - e / s|^2 / 2 over the noise e.
    const double s = 0.5;
    const Objective denoising =
        denoising_score_matching(m, {many}, {.sigma = s, .rng = RandomStream(3)});
    const Var expected = sum(sqr(k * (data(range(0, 1)) - mu)) + sqr(k * s - 1 / s)) / 2;
    CHECK(value(denoising.cost) == doctest::Approx(value(expected)).epsilon(0.03));
  }
}

TEST_CASE("energy objectives: a hidden layer's score is followed through its free energy") {
  const FloatXScope scope(float64);
  const SharedVar W = weights({3, 2}, 1, "W");
  const Unit x = gaussian("x", 3), h = bernoulli("h", 2);
  const EnergyModel m(sum(sqr(x), 1) / 2 - sum(dot(x, W) * h, 1),
                      {.visible = {x}, .hidden = {h}, .params = {W}});
  const Var data = constant(evaluate(RandomStream(5).normal({10, 3})));
  const Var p = sigmoid(dot(data, W));
  const Var slope = data - dot(p, W.T());
  const Var curvature = 3 - sum(dot(p * (1 - p), sqr(W).T()), 1);
  const Var truth = mean(sum(sqr(slope), 1) / 2 - curvature);
  CHECK(value(score_matching(m, {data}).cost) == doctest::Approx(value(truth)).epsilon(1e-11));
}

TEST_CASE("energy objectives: a deep model is trained by mean fields and chains") {
  const FloatXScope scope(float64);
  const SharedVar W = weights({4, 3}, 1, "W", 0.1), U = weights({3, 2}, 2, "U", 0.1),
                  b = models::zero_parameter({4}, "b");
  const Unit v = bernoulli("v", 4), h = bernoulli("h", 3), g = bernoulli("g", 2);
  const EnergyModel m(-dot(v, b) - sum(dot(v, W) * h, 1) - sum(dot(h, U) * g, 1),
                      {.visible = {v}, .hidden = {h, g}, .params = {W, U, b}});
  CHECK_THROWS_AS(contrastive_divergence(m, {Var(v)}, {.rng = RandomStream(1)}), GraphError);
  const Array patterns =
      Array::from(std::vector<double>{1, 1, 0, 0, 0, 0, 1, 1, 1, 1, 0, 0, 0, 0, 1, 1}, Shape{4, 4});
  const Objective o = mean_field_pcd(m, {constant(patterns)},
                                     {.k = 2, .chains = 100, .rng = RandomStream(8), .steps = 10});
  Updates updates = o.updates;
  updates += models::adam(m.params(), o.gradients(m.params()), {.lr = 0.02});
  Function step = function({}, {o.cost}, {.updates = updates});
  // Exactly, the mean of -log p(x): the hidden units are enumerated.
  const auto exact = [&] {
    const Joint joint(m.units());
    const Numbers w = log_weights(m, joint);
    const double z = log_sums(w, std::vector<std::size_t>(w.size(), 0))[0];
    const Numbers row = log_sums(w, joint.groups({h, g}));
    const Numbers x = numbers(joint.values[0]);
    double total = 0;
    for (std::size_t r = 0; r < joint.rows; ++r) {
      if (joint.index[1][r] + joint.index[2][r] > 0) continue;
      const bool first =
          x[4 * r] == 1 && x[4 * r + 1] == 1 && x[4 * r + 2] == 0 && x[4 * r + 3] == 0;
      const bool last =
          x[4 * r] == 0 && x[4 * r + 1] == 0 && x[4 * r + 2] == 1 && x[4 * r + 3] == 1;
      if (first || last) total += (z - row[r]) / 2;
    }
    return total;
  };
  const double before = exact();
  for (int t = 0; t < 800; ++t) step();
  CHECK(before > 2.5);
  CHECK(exact() < 1.8);  // log 2 at best
}
