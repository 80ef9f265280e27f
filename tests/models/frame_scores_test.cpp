#include <cmath>
#include <random>

#include <damo/models/frame_scores.hpp>
#include "tests/support/values.hpp"

using namespace damo;

namespace {

constexpr int n_visible = 5, n_hidden = 3;

models::RnnRbm small_model(double scale) {
  models::RnnRbm model({.n_hidden = n_hidden,
                        .n_hidden_recurrent = 4,
                        .pitch_range = {60, 60 + n_visible},
                        .dtype = float64});
  std::mt19937 random(3);
  std::normal_distribution<double> normal(0, scale);
  for (const SharedVar& p : model.params) {
    Array value = p.value();
    for (double& x : std::span(value.data<double>(), static_cast<std::size_t>(value.elements())))
      x = normal(random);
    p.set_array(value);
  }
  return model;
}

Array roll(std::initializer_list<unsigned> frames) {
  Array r(float64, {static_cast<std::int64_t>(frames.size()), n_visible});
  double* at = r.data<double>();
  for (const unsigned frame : frames)
    for (int i = 0; i < n_visible; ++i) *at++ = frame >> i & 1U;
  return r;
}

/// By hand: states and biases from the recurrence's definition, each frame's distribution by
/// enumeration.
struct Exact {
  double log_likelihood = 0, accuracy = 0, right = 0, drawn = 0, real = 0;
};
Exact exact_scores(const models::RnnRbm& model, const Array& sequence) {
  const auto at = [&](std::size_t p, std::int64_t i, std::int64_t j, std::int64_t width) {
    return model.params[p].value().data<double>()[i * width + j];
  };
  const std::int64_t frames = sequence.shape()[0];
  double u[4] = {};
  Exact total;
  for (std::int64_t t = 0; t < frames; ++t) {
    const double* v = sequence.data<double>() + t * n_visible;
    double bv[n_visible], bh[n_hidden];
    for (int i = 0; i < n_visible; ++i) {
      bv[i] = at(1, 0, i, n_visible);
      for (int k = 0; k < 4; ++k) bv[i] += u[k] * at(4, k, i, n_visible);
    }
    for (int j = 0; j < n_hidden; ++j) {
      bh[j] = at(2, 0, j, n_hidden);
      for (int k = 0; k < 4; ++k) bh[j] += u[k] * at(3, k, j, n_hidden);
    }
    const auto weight = [&](unsigned frame) {
      double log_p = 0;
      for (int i = 0; i < n_visible; ++i)
        if ((frame >> i & 1U) != 0) log_p += bv[i];
      for (int j = 0; j < n_hidden; ++j) {
        double a = bh[j];
        for (int i = 0; i < n_visible; ++i)
          if ((frame >> i & 1U) != 0) a += at(0, i, j, n_hidden);
        log_p += std::log1p(std::exp(a));
      }
      return std::exp(log_p);
    };
    unsigned seen = 0;
    for (int i = 0; i < n_visible; ++i) seen |= v[i] > 0 ? 1U << i : 0U;
    double z = 0;
    for (unsigned f = 0; f < 1U << n_visible; ++f) z += weight(f);
    total.log_likelihood += std::log(weight(seen) / z) / static_cast<double>(frames);
    for (unsigned f = 0; f < 1U << n_visible; ++f) {
      const double p = weight(f) / z;
      const int right = __builtin_popcount(f & seen);
      const int larger = std::max(__builtin_popcount(f), __builtin_popcount(seen));
      total.accuracy += p * (larger == 0 ? 1.0 : double(right) / larger) / double(frames);
      total.right += p * right;
      total.drawn += p * __builtin_popcount(f);
    }
    total.real += __builtin_popcount(seen);
    double next[4];
    for (int k = 0; k < 4; ++k) {
      double a = at(7, 0, k, 4);
      for (int i = 0; i < n_visible; ++i) a += v[i] * at(5, i, k, 4);
      for (int l = 0; l < 4; ++l) a += u[l] * at(6, l, k, 4);
      next[k] = std::tanh(a);
    }
    std::copy_n(next, 4, u);
  }
  return total;
}

}  // namespace

TEST_CASE("frame scores: likelihood and accuracies are those of enumeration") {
  models::RnnRbm model = small_model(1);
  const Array sequence = roll({0b00011, 0b00110, 0, 0b10101, 0b11111, 0b00001, 0b01010});
  const auto scores = models::score_frames(model, {sequence}, Array(float64, {n_visible}),
                                           {.runs = 2000, .betas = 200, .batch = 3});
  const Exact exact = exact_scores(model, sequence);
  CHECK(scores.frames == 7);
  CHECK(scores.standard_error < 0.01);
  CHECK(std::abs(scores.log_likelihood - exact.log_likelihood) < 4 * scores.standard_error);
  CHECK(std::abs(scores.accuracy - exact.accuracy) < 0.02);
  const double bay = exact.right / (exact.drawn + exact.real - exact.right);
  CHECK(std::abs(scores.bay_accuracy - bay) < 0.02);
  CHECK(scores.least_effective_runs > 1000);
}

TEST_CASE("frame scores: frames that annealing misses are counted, others are not") {
  // Silence, or five notes, the latter e^15 times as likely: a chain stays where it is.
  models::RnnRbm model = small_model(0);
  const auto fill = [](Array all, double value) {
    for (double& x : std::span(all.data<double>(), static_cast<std::size_t>(all.elements())))
      x = value;
    return all;
  };
  for (const auto& [p, value] : {std::pair{0, 12.0}, {1, -15.0}, {2, -30.0}}) {
    const SharedVar& parameter = model.params[static_cast<std::size_t>(p)];
    parameter.set_array(fill(parameter.value(), value));
  }
  const Array sequence = roll({0b11111, 0b11111, 0b11111});
  CHECK(exact_scores(model, sequence).log_likelihood > -1e-3);
  const auto scores = [&](double base) {
    return models::score_frames(model, {sequence}, fill(Array(float64, {n_visible}), base),
                                {.runs = 200, .betas = 100});
  };
  CHECK(scores(-9).above_one == 3);
  CHECK(scores(-9).log_likelihood > 5);
  CHECK(scores(3).above_one == 0);
  CHECK(std::abs(scores(3).log_likelihood) < 0.1);
}

TEST_CASE("frame scores: a model without parameters gives each frame the same probability") {
  models::RnnRbm model = small_model(0);
  const auto scores = models::score_frames(model, {roll({1, 2, 3}), roll({4, 0})},
                                           Array(float64, {n_visible}), {.runs = 5, .betas = 3});
  CHECK(scores.frames == 5);
  CHECK(scores.log_likelihood == doctest::Approx(-n_visible * std::log(2.0)).epsilon(1e-12));
  CHECK(scores.standard_error < 1e-7);
  CHECK(scores.mean_effective_runs == doctest::Approx(5));
}
