#include <damo/ops/random/distribution.hpp>

namespace damo {

bool Distribution::takes_floats(std::size_t, const TensorType& type, std::size_t rank) {
  return is_float(type.dtype) && fits_sample(type, rank);
}

Fact Distribution::whole_numbers(std::span<const Fact>) {
  return {.nonnegative = true, .integer = true};
}

}  // namespace damo
