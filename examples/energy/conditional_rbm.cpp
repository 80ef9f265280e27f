// A time series: an RBM of each frame, whose biases are set by the frames before.
// Taylor, Hinton and Roweis 2007, Modeling human motion using binary latent variables.
#include "made_data.hpp"
#include "pictures.hpp"
#include "training.hpp"

namespace damo::zoo {
namespace {

using namespace energy;

/// E(v, h; past) = -v (a + A past) - h (c + B past) - v W h.
struct ConditionalRbm {
  ConditionalRbm(Parameters p, std::int64_t n, std::int64_t n_past, std::int64_t n_hidden)
      : past(matrix("past", p.dtype())), model(make(p, past, n, n_past, n_hidden)) {}
  static EnergyModel make(Parameters p, const Var& past, std::int64_t n, std::int64_t n_past,
                          std::int64_t n_hidden) {
    const SharedVar W = p("W", {n, n_hidden}), A = p("A", {n_past, n}),
                    B = p("B", {n_past, n_hidden}), a = p("a", n), c = p("c", n_hidden);
    const Unit v = bernoulli("v", n, p.dtype()), h = bernoulli("h", n_hidden, p.dtype());
    return {
        -sum(v * (a + dot(past, A)), 1) - sum(h * (c + dot(past, B)), 1) - sum(dot(v, W) * h, 1),
        {.visible = {v}, .hidden = {h}, .params = {W, A, B, a, c}}};
  }
  Var past;
  EnergyModel model;
};

SmallModel small(DType t) {
  const ConditionalRbm rbm(Parameters(t), 3, 2, 2);
  return {rbm.model, {{rbm.past, Array::from(std::vector<double>{0.5, -1}, Shape{1, 2}).cast(t)}}};
}

constexpr std::int64_t width = 16, frames_back = 2;

/// A dot on a ring that goes on by one place, and now and then turns back.
Array dot_on_ring(std::int64_t frames, std::uint64_t seed) {
  Dice dice(seed);
  Array film(float32, {frames, width});
  std::int64_t place = 0, direction = 1;
  for (std::int64_t t = 0; t < frames; ++t) {
    if (dice.chance(0.1)) direction = -direction;
    place = (place + direction + width) % width;
    film.data<float>()[t * width + place] = 1;
  }
  return film;
}

/// Frames 0, 1 and 2 beside each other, then 1, 2 and 3, ...: all that follow two others.
Var past_of(const Var& film, const Var& frames) {
  return concatenate({film(range(0, frames - 2)), film(range(1, frames - 1))}, 1);
}

/// A film of the model's own: every frame is drawn by 30 sweeps given the two before it.
Array compose(const ConditionalRbm& rbm, std::int64_t frames, std::uint64_t seed) {
  const RandomStream rng(seed);
  const SharedVar past = shared(Array(float32, {1, 2 * width}), "past");
  past.set_array(dot_on_ring(2, seed).reshaped({1, 2 * width}));
  auto [state, updates] = rbm.model.gibbs(rbm.model.random_state(1, rng), {.k = 30, .rng = rng});
  updates[past] = concatenate({past(all(), from(width)), state[0]}, 1);
  Function next = function({}, {state[0]}, {.updates = updates, .givens = {{rbm.past, past}}});
  Array film(float32, {frames, width});
  for (std::int64_t t = 0; t < frames; ++t) {
    const Outputs out = next();
    std::copy_n(out[0].data<float>(), width, film.data<float>() + t * width);
  }
  return film;
}

/// The share of frames with one dot, beside where the dot was.
double lawful(const Array& film) {
  const Var v = constant(film);
  const Var before = v(range(-1)), after = v(from(1));
  const Var near = roll(before, 1, 1) + roll(before, -1, 1);
  return 100 * number(mean(cast(and_(eq(sum(after, 1), 1), eq(sum(after * near, 1), 1)), float64)));
}

/// Contrastive divergence, 5 sweeps. A picture of a film, time to the right, and of one that the
/// model goes on with by itself, untrained and trained.
Learnt learn(const Setting& setting) {
  const std::int64_t frames = setting.steps(20000, 4000);
  const Array film = dot_on_ring(frames, setting.seed);
  const ConditionalRbm rbm(Parameters(float32, 0.05, setting.seed), width, frames_back * width, 40);
  const Array untrained = compose(rbm, 200, 3);
  const Array past = evaluate(past_of(constant(film), Arg(frames).var(int64)));
  const double ms = train(
      rbm.model, {evaluate(constant(film)(from(2)))},
      [&](const Vars& x) {
        return contrastive_divergence(rbm.model, x, {.k = 5, .rng = RandomStream(setting.seed)});
      },
      {.steps = setting.steps(8000, 1500), .lr = 0.01, .inputs = {{rbm.past, past}}});
  const Array composed = compose(rbm, setting.steps(2000, 500), 3);
  const auto strip = [](const Array& a) {
    return tiles(reshape(constant(a)(range(120)).T(), {1, -1}),
                 {.height = width, .across = 1, .zoom = 3});
  };
  return {"a dot on a ring of 16 places",
          {{"frames that follow the law, %", lawful(composed), "untrained", lawful(untrained)}},
          beside({strip(film), strip(untrained), strip(composed)}),
          ms};
}

}  // namespace

Entry conditional_rbm_entry() {
  return {"conditional_rbm", "biases set by the past (Taylor, Hinton and Roweis 2007)", small,
          learn};
}

}  // namespace damo::zoo
