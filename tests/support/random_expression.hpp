#pragma once
#include <cstdint>
#include <utility>
#include <vector>

#include <damo/graph/values/array.hpp>
#include <damo/graph/var.hpp>

namespace damo::test {

/// A linear congruential generator: the same graphs everywhere.
struct Numbers {
  std::uint64_t state;
  std::size_t below(std::size_t n) {
    state = state * 6364136223846793005ULL + 1442695040888963407ULL;
    return static_cast<std::size_t>((state >> 33U) % n);
  }
};

/// Two 3x3 matrices, a vector and a scalar, float64.
Vars random_inputs();
/// A scalar expression of those, of operations that stay finite: elementwise, products, indexing,
/// loops.
Var random_expression(const Vars& in, Numbers& r, std::size_t size);
/// Values of the variables, of size 3 along each axis.
std::vector<std::pair<Var, Array>> random_values(const Vars& variables, Numbers& r);

}  // namespace damo::test
