// An energy that is a network: no conditionals to draw from, but its slope trains it and samples
// it. Vincent 2011, A connection between score matching and denoising autoencoders; Roberts and
// Tweedie 1996 for the chains.
#include <fmt/format.h>

#include <numbers>

#include "made_data.hpp"
#include "pictures.hpp"
#include "training.hpp"

namespace damo::zoo {
namespace {

using namespace energy;

/// E(x) = |x|^2 / 8 - q tanh(tanh(x A + a) B + b).
EnergyModel deep_energy(Parameters p, std::int64_t n, std::int64_t n_hidden) {
  const auto scale = 1 / std::sqrt(static_cast<double>(n_hidden));
  const SharedVar A = p("A", {n, n_hidden}, 1), a = p("a", n_hidden, 1),
                  B = p("B", {n_hidden, n_hidden}, scale), b = p("b", n_hidden),
                  q = p("q", n_hidden, scale);
  const Unit x = gaussian("x", n, p.dtype());
  const Var hidden = tanh(dot(tanh(dot(x, A) + a), B) + b);
  return {sum(sqr(x), 1) / 8 - dot(hidden, q), {.visible = {x}, .params = {A, a, B, b, q}}};
}

SmallModel small(DType t) { return {deep_energy(Parameters(t), 2, 4)}; }

/// The middles of the pixels of a square from -edge to edge.
constexpr std::int64_t pixels = 160;
Var grid(double edge) {
  const Var middles = (cast(arange(pixels), float32) + 0.5) * (2 * edge / pixels) - edge;
  const Var every = zeros({pixels, pixels}, float32);
  return stack({flatten(every + middles), flatten(every + reshape(middles, {-1, 1}))}, 1);
}

/// The largest difference of two vectors, relative to the larger of 1 and the second one.
double difference(const Var& a, const Var& b) {
  return number(max(abs(a - b)) / maximum(1, max(abs(b))));
}

/// What score matching and Langevin chains rest on: the slope of the energy, and the mean of x^2.
Report check_slopes(const SmallModel& small) {
  const EnergyModel& model = small.model;
  const DType dtype = model.energy().dtype();
  Report report;
  const auto add = [&](const char* what, double off, double most) {
    report.add({what, off <= most, fmt::format("off by {:.2g}, of {:.2g} allowed", off, most)});
  };
  RandomStream rng(3);
  const Var x = constant(evaluate(rng.normal({50, 2}, 0.0, 1.0, dtype)));
  const double h = dtype == float64 ? 1e-4 : 1e-2;
  Vars slope, curvature;
  for (std::int64_t i = 0; i < 2; ++i) {
    const Var step = h * cast(eq(arange(2), i), dtype), F = model.free_energy({x}),
              up = model.free_energy({x + step}), down = model.free_energy({x - step});
    slope.push_back((up - down) / (2 * h));
    curvature.push_back((up - 2 * F + down) / (h * h));
  }
  const double most = dtype == float64 ? 1e-5 : 1e-1;
  add("slope of the energy", difference(grad(sum(model.free_energy({x})), x), stack(slope, 1)),
      most);
  const Var matched = mean(sum(sqr(stack(slope, 1)) / 2 - stack(curvature, 1), 1));
  add("score matching", difference(score_matching(model, {x}).cost, matched), most);
  const Langevin chains =
      langevin(model, {zeros({500, 2}, dtype)}, {.k = 600, .step = 1.0, .rng = rng});
  const Var points = cast(grid(10), dtype),
            p = softmax(reshape(-model.free_energy({points}), {1, -1}));
  const Var moment = sum(p * sum(sqr(points), 1));
  const double drawn = number(mean(sum(sqr(chains.path[0](from(100))), 2)));
  add("Langevin chains: the mean of x^2", std::abs(drawn / number(moment) - 1), 0.03);
  return report;
}

/// The square that is shown, and over which the density is summed.
constexpr double edge = 4, pixel = 2 * edge / pixels;

/// Points on two spirals.
Array spirals(std::int64_t rows, std::uint64_t seed) {
  Dice dice(seed);
  Array points(float32, {rows, 2});
  for (std::int64_t i = 0; i < rows; ++i) {
    const double t = 3 * std::sqrt(dice.uniform(0.02, 1)),
                 turn = dice.chance(0.5) ? std::numbers::pi : 0;
    const double angle = 1.6 * t + turn;
    points.data<float>()[2 * i] = static_cast<float>(t * std::cos(angle) + 0.1 * dice.normal());
    points.data<float>()[2 * i + 1] = static_cast<float>(t * std::sin(angle) + 0.1 * dice.normal());
  }
  return points;
}

Var log_z(const EnergyModel& model) {
  return logsumexp(-model.free_energy({grid(edge)})) + 2 * std::log(pixel);
}

/// Where points are, as an image.
Array seen(const Array& points) {
  Array image(float32, {1, pixels * pixels});
  for (std::int64_t i = 0; i < points.shape()[0]; ++i) {
    const double x = (points.data<float>()[2 * i] + edge) / (2 * edge) * pixels,
                 y = (points.data<float>()[2 * i + 1] + edge) / (2 * edge) * pixels;
    if (x >= 0 && y >= 0 && x < pixels && y < pixels)
      image.data<float>()[static_cast<std::int64_t>(y) * pixels + static_cast<std::int64_t>(x)] = 1;
  }
  return image;
}

/// Denoising score matching. A picture of data, of the density, and of the ends of Langevin chains.
Learnt learn(const Setting& setting) {
  const Array data = spirals(20000, setting.seed), test = spirals(5000, setting.seed + 1);
  const EnergyModel model =
      deep_energy(Parameters(float32, 0.5, setting.seed), 2, setting.quick ? 32 : 64);
  const auto test_likelihood = [&] {
    return -number(mean(model.free_energy({constant(test)})) + log_z(model));
  };
  const double before = test_likelihood();
  const double ms = train(model, {data},
                          [&](const Vars& x) {
                            return denoising_score_matching(
                                model, x, {.sigma = 0.2, .rng = RandomStream(setting.seed)});
                          },
                          {.steps = setting.steps(10000, 1000), .batch = 200, .lr = 0.01});
  RandomStream rng(7);
  const Langevin chains = langevin(model, {rng.normal({2000, 2}, 0.0, 1.5, float32)},
                                   {.k = setting.steps(1000, 100), .step = 0.02, .rng = rng});
  const Array ends = evaluate(chains.state[0]);
  const Var density = exp(-model.free_energy({grid(edge)}) - log_z(model));
  const Tiles how{.height = pixels, .across = 1};
  return {"points on two spirals",
          {{"test log-likelihood, nats", test_likelihood(), "untrained", before}},
          beside({tiles(seen(spirals(2000, 3)), how), tiles(reshape(4 * density, {1, -1}), how),
                  tiles(seen(ends), how)}),
          ms};
}

}  // namespace

Entry deep_energy_entry() {
  return {"deep_energy", "a network as energy (Vincent 2011)", small, learn, check_slopes};
}

}  // namespace damo::zoo
