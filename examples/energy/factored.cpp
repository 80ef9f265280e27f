// Pairs of images, and hidden units that see what made one of the other: three-way couplings that
// go through factors.
// Memisevic and Hinton 2010, Learning to represent spatial transformations with factored
// higher-order Boltzmann machines.
#include "made_data.hpp"
#include "pictures.hpp"
#include "training.hpp"

namespace damo::zoo {
namespace {

using namespace energy;

/// E(x, y, h) = -a x - b y - c h - sum over factors of (x X) (y Y) (h H).
EnergyModel factored(Parameters p, std::int64_t n, std::int64_t n_hidden, std::int64_t n_factors) {
  const SharedVar X = p("X", {n, n_factors}), Y = p("Y", {n, n_factors}),
                  H = p("H", {n_hidden, n_factors}), a = p("a", n), b = p("b", n),
                  c = p("c", n_hidden);
  const Unit x = bernoulli("x", n, p.dtype()), y = bernoulli("y", n, p.dtype()),
             h = bernoulli("h", n_hidden, p.dtype());
  return {-dot(x, a) - dot(y, b) - dot(h, c) - sum(dot(x, X) * dot(y, Y) * dot(h, H), 1),
          {.visible = {x, y}, .hidden = {h}, .params = {X, Y, H, a, b, c}}};
}

SmallModel small(DType t) { return {factored(Parameters(t), 3, 2, 3)}; }

constexpr std::int64_t shifts = 9;

/// Random dots on a square that has no edges, and the same moved by up to a place each way.
struct Pairs {
  Pairs(std::int64_t rows, std::int64_t side, std::uint64_t seed)
      : first(float32, {rows, side * side}), second(first), shift(int64, {rows}) {
    Dice dice(seed);
    for (std::int64_t i = 0; i < rows; ++i) {
      shift.data<std::int64_t>()[i] = dice.below(shifts);
      float* from = first.data<float>() + i * side * side;
      for (std::int64_t p = 0; p < side * side; ++p) from[p] = dice.chance(0.15) ? 1 : 0;
      move(from, side, shift.data<std::int64_t>()[i], second.data<float>() + i * side * side);
    }
  }
  static void move(const float* from, std::int64_t side, std::int64_t by, float* to) {
    const std::int64_t dx = by % 3 - 1, dy = by / 3 - 1;
    for (std::int64_t p = 0; p < side * side; ++p)
      to[(p / side + dy + side) % side * side + (p % side + dx + side) % side] = from[p];
  }
  Array first, second, shift;
};

/// What is seen between two images is done to a third one: the share of which the result is most
/// like the one moved in the same way, of all ways.
double analogies(const EnergyModel& model, std::int64_t side) {
  const std::int64_t rows = 500;
  const Pairs seen(rows, side, 100), other(rows, side, 101);
  const Unit &y = model.visible()[1], &h = model.hidden()[0];
  const Var how = model.conditional(h, {constant(seen.first), constant(seen.second), Var()}).mean();
  const Array told = evaluate(model.conditional(y, {constant(other.first), Var(), how}).mean());
  double right = 0;
  std::vector<float> moved(static_cast<std::size_t>(side * side));
  for (std::int64_t i = 0; i < rows; ++i) {
    double best = -1;
    std::int64_t best_shift = 0;
    for (std::int64_t s = 0; s < shifts; ++s) {
      Pairs::move(other.first.data<float>() + i * side * side, side, s, moved.data());
      double alike = 0;
      for (std::size_t p = 0; p < moved.size(); ++p)
        alike += moved[p] * told.data<float>()[static_cast<std::size_t>(i * side * side) + p];
      if (alike > best) best = alike, best_shift = s;
    }
    right += best_shift == seen.shift.data<std::int64_t>()[i] ? 1 : 0;
  }
  return 100 * right / static_cast<double>(rows);
}

/// Contrastive divergence. A picture of pairs, and of the factors' filters for either image.
Learnt learn(const Setting& setting) {
  const std::int64_t side = setting.quick ? 5 : 8;
  const Pairs pairs(setting.steps(50000, 5000), side, setting.seed);
  const EnergyModel model = factored(Parameters(float32, 0.1, setting.seed), side * side,
                                     setting.quick ? 20 : 40, setting.quick ? 40 : 100);
  const double ms =
      train(model, {pairs.first, pairs.second},
            [&](const Vars& x) {
              return contrastive_divergence(model, x, {.k = 1, .rng = RandomStream(setting.seed)});
            },
            {.steps = setting.steps(10000, 1500), .lr = 0.01});
  const auto images = [&](const Array& a) {
    return tiles(constant(a)[range(16)], {.height = side, .across = 4, .zoom = 2});
  };
  const Tiles how{.height = side, .across = 8, .zoom = 3, .scaled = true};
  const Var X = model.params()[0], Y = model.params()[1];
  const Var order = argsort(-sum(sqr(X), 0))(range(40));
  return {"random dots, moved",
          {{"analogies right, %", analogies(model, side), "chance", 100.0 / shifts}},
          beside({images(pairs.first), images(pairs.second), tiles(X.T()[order], how),
                  tiles(Y.T()[order], how)}),
          ms};
}

}  // namespace

Entry factored_entry() {
  return {"factored", "three-way couplings through factors (Memisevic and Hinton 2010)", small,
          learn};
}

}  // namespace damo::zoo
