#pragma once
#include <ctime>
#include <functional>
#include <random>
#include <string>
#include <utility>
#include <vector>

#include <damo/core.hpp>

// The loop that trains the models of this folder.
namespace damo::zoo {

/// Normal parameters, each of a seed of its own.
class Parameters {
 public:
  explicit Parameters(DType dtype, double scale = 0.5, std::uint64_t seed = 1)
      : dtype_(dtype), scale_(scale), seed_(seed * 1000) {}
  SharedVar operator()(const char* name, const Sizes& size) { return (*this)(name, size, scale_); }
  SharedVar operator()(const char* name, const Sizes& size, double scale) {
    return models::normal_parameter(size, scale, ++seed_, name, dtype_);
  }
  DType dtype() const { return dtype_; }

 private:
  DType dtype_;
  double scale_;
  std::uint64_t seed_;
};

/// Biases of units of 0 and 1 with which they are as often 1 as in the data, whatever the others
/// do: where training starts, and annealing.
inline Array biases_of(const Array& data) { return evaluate(models::log_odds(constant(data))); }

/// An estimator with its options: what to go down on a batch of data.
using Estimator = std::function<energy::Objective(const Vars& batch)>;

struct Training {
  std::int64_t steps = 1000;
  std::int64_t batch = 100;  ///< rows of data, drawn at random; 0: all, each time
  double lr = 0.01;          ///< of Adam, falling to 0 in a straight line
  std::uint64_t seed = 1;
  /// Further inputs of the energy, with a row for each row of data.
  std::vector<std::pair<Var, Array>> inputs{};
};

/// Changes the model's parameters to go down the estimator's cost. Returns the milliseconds of
/// processor time that it took to come from the energy to the function that trains.
inline double train(const energy::EnergyModel& model, const std::vector<Array>& data,
                    const Estimator& estimator, const Training& how) {
  const Var rows = input(TensorType{int64, {unknown}}, "rows");
  const auto batch_of = [&](const Array& values) {
    const SharedVar all = shared(values);
    return how.batch == 0 ? Var(all) : all[rows];
  };
  Vars batch;
  for (const Array& values : data) batch.push_back(batch_of(values));
  std::vector<std::pair<Var, Var>> givens;
  for (const auto& [what, values] : how.inputs) givens.emplace_back(what, batch_of(values));

  const std::clock_t start = std::clock();
  const energy::Objective objective = estimator(batch);
  Updates updates = objective.updates;
  const Var lr = models::linear_schedule(how.lr, 0, how.steps, updates);
  updates += models::adam(model.params(), objective.gradients(model.params()), {.lr = lr});
  Function step = function(
      {rows}, Vars{},
      {.updates = updates, .givens = givens, .name = "step", .on_unused_input = Unused::ignore});
  const double ms = 1e3 * static_cast<double>(std::clock() - start) / CLOCKS_PER_SEC;

  std::mt19937_64 random(how.seed);
  const auto count = static_cast<std::uint64_t>(data.front().shape()[0]);
  std::vector<std::int64_t> chosen(static_cast<std::size_t>(how.batch));
  for (std::int64_t i = 0; i < how.steps; ++i) {
    for (std::int64_t& row : chosen) row = static_cast<std::int64_t>(random() % count);
    step(chosen);
  }
  return ms;
}

/// A scalar as a number.
inline double number(const Var& v) { return evaluate(cast(v, float64)).item<double>(); }

/// States of all units after `sweeps` sweeps from `start`, or from independent draws.
inline Vars draw(const energy::EnergyModel& model, const Vars& start,
                 const energy::GibbsOptions& how) {
  const energy::GibbsChain chain = model.gibbs(start, how);
  Function run = function({}, chain.state);
  const Outputs out = run();
  Vars state;
  for (std::size_t i = 0; i < chain.state.size(); ++i) state.push_back(constant(Array(out[i])));
  return state;
}
inline Vars draw(const energy::EnergyModel& model, std::int64_t rows, std::int64_t sweeps,
                 std::uint64_t seed = 7) {
  const RandomStream rng(seed);
  return draw(model, model.random_state(rows, rng), {.k = sweeps, .rng = rng});
}

}  // namespace damo::zoo
