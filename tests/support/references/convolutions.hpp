#pragma once
#include <array>

#include <damo/graph/values/array.hpp>

namespace damo::test {

struct ConvolutionCase {
  using Pair = std::array<std::int64_t, 2>;
  Pair before{0, 0}, after{0, 0}, stride{1, 1}, dilation{1, 1};
  std::int64_t groups = 1;
  bool flip = true;
};
/// From the definition, sum by sum.
Array convolved(const Array& images, const Array& filters, const ConvolutionCase& c);

}  // namespace damo::test
