#pragma once
#include <random>
#include <utility>
#include <vector>

#include <damo/graph/evaluate.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/gradient/verify_grad.hpp>
#include <damo/ops/linalg/linalg.hpp>
#include <damo/ops/shape/create.hpp>
#include <damo/ops/shape/shape.hpp>

// What tests of decompositions are tried on.
namespace damo::test {

/// Standard normal numbers, others at each call.
inline Array normal(const Shape& shape) {
  static std::mt19937 rng(3);
  std::normal_distribution<double> draw;
  Array a(float64, shape);
  for (std::int64_t i = 0; i < a.elements(); ++i) a.data<double>()[i] = draw(rng);
  return a;
}

inline Array filled(const Shape& shape, double value) {
  Array a(float64, shape);
  for (std::int64_t i = 0; i < a.elements(); ++i) a.data<double>()[i] = value;
  return a;
}

inline Array identity(std::int64_t n) {
  Array a = filled({n, n}, 0);
  for (std::int64_t i = 0; i < n; ++i) a.data<double>()[i * n + i] = 1;
  return a;
}

/// f(a).
template <class F>
Array of(const Array& a, F&& f) {
  const Var x = input({a.dtype(), a.shape()}, "A");
  const std::vector<std::pair<Var, Array>> at{{x, a}};
  return evaluate(f(x), at);
}

/// A positive definite matrix.
inline Array definite(std::int64_t n) {
  return of(normal({n, n}),
            [](const Var& x) { return matmul(x, x.T()) + eye(size_at(x, 0), float64); });
}

inline const VerifyGradOptions all_ways{.second_order = true, .forward_mode = true};

}  // namespace damo::test
