#include <cmath>
#include <random>

#include <damo/graph/errors/error.hpp>
#include <damo/models/frames/frame_scores.hpp>
#include <damo/models/frames/known_frames.hpp>
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

/// Silence, or five notes, the latter e^`more` times as likely: a chain stays where it is.
models::RnnRbm two_modes(double more) {
  models::RnnRbm model = small_model(0);
  const auto fill = [](Array all, double value) {
    for (double& x : std::span(all.data<double>(), static_cast<std::size_t>(all.elements())))
      x = value;
    return all;
  };
  for (const auto& [p, value] : {std::pair{0, 12.0}, {1, (more - 90) / n_visible}, {2, -30.0}}) {
    const SharedVar& parameter = model.params[static_cast<std::size_t>(p)];
    parameter.set_array(fill(parameter.value(), value));
  }
  return model;
}

Array base(double value) {
  Array all(float64, {n_visible});
  for (double& x : std::span(all.data<double>(), n_visible)) x = value;
  return all;
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
  models::RnnRbm model = two_modes(15);
  const Array sequence = roll({0b11111, 0b11111, 0b11111});
  CHECK(exact_scores(model, sequence).log_likelihood > -1e-3);
  const auto scores = [&](double rate) {
    return models::score_frames(model, {sequence}, base(rate), {.runs = 200, .betas = 100});
  };
  CHECK(scores(-9).above_one == 3);
  CHECK(scores(-9).log_likelihood > 5);
  CHECK(scores(3).above_one == 0);
  CHECK(std::abs(scores(3).log_likelihood) < 0.1);
}

TEST_CASE("frame scores: with known frames they are those of enumeration, whatever is known") {
  models::RnnRbm model = small_model(1.5);
  const Array sequence = roll({0b00011, 0b00110, 0, 0b10101, 0b11111, 0b00001, 0b01010});
  const Exact exact = exact_scores(model, sequence);
  const double bay = exact.right / (exact.drawn + exact.real - exact.right);
  for (const Array& known :
       {roll({0b11111, 0b00011}), roll({0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 21, 31})}) {
    const auto scores = models::score_frames(
        model, {sequence}, base(0), {.runs = 2000, .betas = 200, .batch = 3, .known = known});
    CHECK(scores.standard_error < 0.02);
    CHECK(std::abs(scores.log_likelihood - exact.log_likelihood) < 4 * scores.standard_error);
    CHECK(std::abs(scores.accuracy - exact.accuracy) < 0.02);
    CHECK(std::abs(scores.bay_accuracy - bay) < 0.02);
    CHECK(scores.unsure == 0);
  }
}

TEST_CASE("frame scores: a mode that annealing misses counts where it is known") {
  const Array sequence = roll({0b11111, 0b11111, 0b11111}), silence = roll({0, 0, 0});
  const auto scores = [&](double more, const Array& frames, double rate, const Array& known) {
    models::RnnRbm model = two_modes(more);
    return models::score_frames(model, {frames}, base(rate),
                                {.runs = 200, .betas = 100, .known = known});
  };
  const Array both = roll({0, 0b11111});
  CHECK(std::abs(scores(15, sequence, -9, both).log_likelihood) < 1e-3);
  // Annealing alone ends in silence and takes it for certain.
  models::RnnRbm model = two_modes(15);
  const double exact = exact_scores(model, silence).log_likelihood;
  CHECK(exact < -14);
  CHECK(models::score_frames(model, {silence}, base(-9), {.runs = 200}).log_likelihood > -0.1);
  CHECK(scores(15, silence, -9, both).log_likelihood == doctest::Approx(exact).epsilon(1e-3));
  CHECK(scores(15, silence, -9, both).far < 1e-3);
}

TEST_CASE("frame scores: a mode that no chain of the known frames reaches is annealing's") {
  models::RnnRbm model = two_modes(0);
  const Array sequence = roll({0b11111, 0b11111, 0b11111});
  const auto scores = models::score_frames(model, {sequence}, base(0),
                                           {.runs = 2000, .betas = 500, .known = roll({0b11111})});
  CHECK(exact_scores(model, sequence).log_likelihood ==
        doctest::Approx(-std::log(2)).epsilon(0.01));
  CHECK(scores.log_likelihood == doctest::Approx(-std::log(2)).epsilon(0.1));
  CHECK(scores.far == doctest::Approx(0.5).epsilon(0.1));
}

TEST_CASE("frame scores: known frames of another width, or none, are refused") {
  models::RnnRbm model = small_model(1);
  for (const Shape& shape : {Shape{0, n_visible}, Shape{2, n_visible + 1}, Shape{n_visible}}) {
    CHECK_THROWS_AS(models::score_frames(model, {roll({1})}, base(0),
                                         {.runs = 2, .betas = 2, .known = Array(float64, shape)}),
                    ShapeError);
  }
}

TEST_CASE("frame scores: distinct frames come by how often they are there") {
  const Array frames = models::distinct_frames({roll({3, 1, 2}), roll({2, 1, 2, 0})}, n_visible, 3);
  REQUIRE(frames.shape() == Shape{3, n_visible});
  for (const auto& [row, frame] : {std::pair{0, 2U}, {1, 1U}, {2, 3U}}) {
    for (unsigned i = 0; i < n_visible; ++i)
      CHECK(frames.data<std::uint8_t>()[row * n_visible + i] == (frame >> i & 1U));
  }
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
