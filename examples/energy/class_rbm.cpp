// Data and their class in one model: a classifier by way of F.
// Larochelle and Bengio 2008, Classification using discriminative restricted Boltzmann machines.
#include "made_data.hpp"
#include "pictures.hpp"
#include "training.hpp"

namespace damo::zoo {
namespace {

using namespace energy;

/// E(x, y, h) = -b x - d y - c h - x W h - y U h, where y is one-hot.
EnergyModel class_rbm(Parameters p, std::int64_t n_visible, std::int64_t classes,
                      std::int64_t n_hidden) {
  const SharedVar W = p("W", {n_visible, n_hidden}), U = p("U", {1, classes, n_hidden}),
                  b = p("b", n_visible), c = p("c", n_hidden), d = p("d", {1, classes});
  const Unit x = bernoulli("x", n_visible, p.dtype()), y = categorical("y", 1, classes, p.dtype()),
             h = bernoulli("h", n_hidden, p.dtype());
  const Var to_hidden = dot(x, W) + tensordot(y, U, 2) + c;
  return {-dot(x, b) - sum(y * d, {1, 2}) - sum(to_hidden * h, 1),
          {.visible = {x, y}, .hidden = {h}, .params = {W, U, b, c, d}}};
}

SmallModel small(DType t) { return {class_rbm(Parameters(t), 3, 2, 3)}; }

constexpr std::int64_t classes = 10;

/// Rows of the class as one-hot states of y, (1, 1, 10) for one row.
Var one_hot(const Var& labels) {
  return cast(eq(reshape(labels, {-1, 1, 1}), arange(classes)), float32);
}

/// log p(y | x) of every class, (rows, 10): F(x, y) is an energy of y alone.
Var log_posterior(const EnergyModel& model, const Var& x) {
  Vars minus_F;
  for (std::int64_t k = 0; k < classes; ++k) {
    const Var y = one_hot(full({x.shape(0)}, Arg(k).var(int64)));
    minus_F.push_back(-model.free_energy({x, y}));
  }
  return log_softmax(stack(minus_F, 1));
}

/// Telling classes apart, and a little of the likelihood of both: p(y | x) and 0.01 of p(x, y).
Objective hybrid(const EnergyModel& model, const Var& x, const Var& y, std::uint64_t seed) {
  Objective both = contrastive_divergence(model, {x, y}, {.k = 1, .rng = RandomStream(seed)});
  both.cost = 0.01 * both.cost - mean(sum(log_posterior(model, x) * flatten(y, 2), 1));
  return both;
}

/// log p(y | x) of the right class of every test digit, and the share told wrong.
struct Test {
  Test(const EnergyModel& model, const Digits& digits) {
    const Var x = matrix("x", float32), y = constant(digits.test_labels);
    const Var posterior = log_posterior(model, x);
    Function score = function({x}, {sum(posterior * flatten(one_hot(y), 2), 1),
                                    mean(cast(neq(argmax(posterior, 1), y), float64))});
    const Outputs out = score(digits.test);
    right = out[0];
    error = 100 * out.scalar<double>(1);
  }
  Array right;
  double error;
};

/// A picture of filters, and of the test digits whose class was least expected.
Learnt learn(const Setting& setting) {
  const Digits digits = load_digits(setting);
  const EnergyModel model = class_rbm(Parameters(float32, 0.01, setting.seed),
                                      digits.side * digits.side, classes, setting.quick ? 60 : 200);
  model.params()[2].set_array(biases_of(digits.train));
  const Array labels = evaluate(one_hot(constant(digits.train_labels)));
  const double ms =
      train(model, {digits.train, labels},
            [&](const Vars& batch) { return hybrid(model, batch[0], batch[1], setting.seed); },
            {.steps = setting.steps(3000, 400), .lr = setting.quick ? 0.02 : 0.005});

  const Test test(model, digits);
  const Var hardest = constant(digits.test)[argsort(constant(test.right))(range(50))];
  const Tiles how{.height = digits.side, .across = 10, .zoom = zoom_of(digits)};
  return {digits.name,
          {{"digits told wrong, % of the test set", test.error, "chance", 90}},
          beside({filters(model.params()[0], 50,
                          {.height = how.height, .across = 10, .zoom = how.zoom, .scaled = true}),
                  tiles(hardest, how)}),
          ms};
}

}  // namespace

Entry class_rbm_entry() {
  return {"class_rbm", "data and their class (Larochelle and Bengio 2008)", small, learn};
}

}  // namespace damo::zoo
