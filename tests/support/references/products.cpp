#include <cmath>

#include <damo/ops/kernels/random/philox.hpp>
#include "tests/support/references/nd.hpp"
#include "tests/support/references/references.hpp"

namespace damo::test {
namespace {

double dot_at(Nd& a, Nd& b, const Position& row, const Position& col) {
  double total = 0;
  for (std::int64_t k = 0; k < b.n(0); ++k) {
    Position left = row;
    Position right{k};
    left.push_back(k);
    right.insert(right.end(), col.begin(), col.end());
    total += a(left) * b(right);
  }
  return total;
}

}  // namespace

void add_products(References& all) {
  all["dot of matrices"] = [](const auto& in) {
    Nd a(in[0]);
    Nd b(in[1]);
    return build({a.n(0), b.n(1)}, [&](const auto& i) { return dot_at(a, b, {i[0]}, {i[1]}); });
  };
  all["binary_dot"] = all["dot of matrices"];
  all["dot of vector and matrix"] = [](const auto& in) {
    Nd a(in[0]);
    Nd b(in[1]);
    return build({b.n(1)}, [&](const auto& i) { return dot_at(a, b, {}, {i[0]}); });
  };
  all["binary_dot of a vector"] = all["dot of vector and matrix"];
  all["dot of matrix and vector"] = [](const auto& in) {
    Nd a(in[0]);
    Nd b(in[1]);
    return build({a.n(0)}, [&](const auto& i) { return dot_at(a, b, {i[0]}, {}); });
  };
  all["dot of vectors"] = [](const auto& in) {
    Nd a(in[0]);
    Nd b(in[1]);
    return Array::scalar(dot_at(a, b, {}, {}));
  };
  all["batched_dot"] = [](const auto& in) {
    Nd a(in[0]);
    Nd b(in[1]);
    return build({a.n(0), a.n(1), b.n(2)}, [&](const auto& i) {
      double total = 0;
      for (std::int64_t k = 0; k < a.n(2); ++k) total += a({i[0], i[1], k}) * b({i[0], k, i[2]});
      return total;
    });
  };
  all["sum_of_products"] = [](const auto& in) {
    Nd a(in[0]);
    Nd b(in[1]);
    return build({a.n(2), b.n(2)}, [&](const auto& i) {
      double total = 0;
      for (std::int64_t t = 0; t < a.n(0); ++t) {
        for (std::int64_t k = 0; k < a.n(1); ++k) total += a({t, k, i[0]}) * b({t, k, i[1]});
      }
      return total;
    });
  };
  const auto gemm = [](const auto& in) {
    Nd c(in[0]);
    Nd a(in[2]);
    Nd b(in[3]);
    const double alpha = in[1].template item<double>();
    const double beta = in[4].template item<double>();
    return build(c.shape, [&](const Position& i) {
      const Position row(i.begin(), i.end() - 1);
      return beta * c(i) + alpha * dot_at(a, b, row, {i.back()});
    });
  };
  all["gemm"] = gemm;
  all["gemm of two products"] = [gemm](const auto& in) {
    Nd first(gemm(in));
    Nd a(in[6]);
    Nd b(in[7]);
    const double alpha = in[5].template item<double>();
    return build(first.shape, [&](const Position& i) {
      return first(i) + alpha * dot_at(a, b, {i[0]}, {i[1]});
    });
  };
  all["gemm of a vector"] = gemm;
  const auto bernoulli = [](const auto& in) {
    Nd x(in[0]);
    Nd w(in[1]);
    Nd b(in[2]);
    Nd scale(in[3]);
    Nd shift(in[4]);
    std::uint32_t element = 0;
    return build(b.shape, [&](const Position& i) {
      const auto words = philox4x32({element / 4, 0, 3, 0}, {7, 0});
      const double u = std::ldexp(static_cast<double>(words[element++ % 4] >> 8U), -24);
      const double z = scale({i[0], 0}) * (dot_at(x, w, {i[0]}, {i[1]}) + b(i)) + shift(i);
      return u < 1 / (1 + std::exp(-z)) ? 1.0 : 0.0;
    });
  };
  all["bernoulli_dot"] = bernoulli;
  all["round_rows"] = bernoulli;
}

}  // namespace damo::test
