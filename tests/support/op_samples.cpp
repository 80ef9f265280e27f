#include <fmt/format.h>
#include <cmath>
#include <map>

#include <damo/graph/variables.hpp>
#include "tests/support/op_samples.hpp"

namespace damo::test {

std::vector<Array> draw_values(const OpSample& entry, std::mt19937& rng,
                               std::optional<std::int64_t> size) {
  std::map<char, std::int64_t> sizes{{'1', 1}};
  const auto size_of = [&](char letter) {
    const std::int64_t least = entry.nonempty.find(letter) == std::string::npos ? 0 : 1;
    return sizes
        .try_emplace(letter, std::max<std::int64_t>(
                                 least, size ? *size : static_cast<std::int64_t>(rng() % 5)))
        .first->second;
  };
  std::vector<Array> values;
  for (const OpInput& spec : entry.inputs) {
    Shape shape;
    for (const char letter : spec.dims) shape.push_back(size_of(letter));
    Array a(float64, shape);
    std::uniform_real_distribution<double> real(spec.low, spec.high);
    for (std::int64_t i = 0; i < a.elements(); ++i) {
      double& x = a.data<double>()[i];
      x = real(rng);
      if (spec.dtype == int64) x = std::floor(x + 0.5);
      if (spec.dtype == boolean) x = static_cast<double>(rng() % 2);
      if (spec.index_of != 0) {
        const std::int64_t n = size_of(spec.index_of);
        x = static_cast<double>(static_cast<std::int64_t>(rng() % (2 * n)) - n);
      }
    }
    values.push_back(a.cast(spec.dtype));
  }
  return values;
}

Vars inputs_for(const OpSample& entry, const std::vector<Array>& values, Known known) {
  Vars inputs;
  for (std::size_t i = 0; i < values.size(); ++i) {
    TensorType type{values[i].dtype(), values[i].shape()};
    for (std::size_t axis = 0; axis < type.rank(); ++axis) {
      if (known == Known::only_ones && entry.inputs[i].dims[axis] != '1') type.dims[axis] = unknown;
    }
    inputs.push_back(input(type, fmt::format("x{}", i)));
  }
  return inputs;
}

std::vector<std::pair<Var, Array>> bindings_of(const Vars& inputs,
                                               const std::vector<Array>& values) {
  std::vector<std::pair<Var, Array>> bindings;
  for (std::size_t i = 0; i < inputs.size(); ++i) bindings.emplace_back(inputs[i], values[i]);
  return bindings;
}

}  // namespace damo::test
