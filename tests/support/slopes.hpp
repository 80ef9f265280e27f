#pragma once
#include <limits>
#include <utility>
#include <vector>

#include <damo/damo.hpp>
#include <damo/graph/text/print.hpp>
#include "tests/support/values.hpp"

namespace damo::test {

constexpr double not_a_number = std::numeric_limits<double>::quiet_NaN();
constexpr double inf = std::numeric_limits<double>::infinity();

inline Array vec(std::vector<double> values) { return vector(std::move(values)); }

inline std::vector<Mode> all_modes() {
  return {Mode::none(), Mode::fast_compile(), Mode::fast(), Mode::debug()};
}

/// Checks the gradient of sum(f(x)), in reverse and in forward mode, and its second derivative
/// along ones, in every mode and in both float dtypes.
inline void check_slopes(const std::function<Var(const Var&)>& f, const Array& at,
                         const Array& first, const std::optional<Array>& second = std::nullopt,
                         const std::vector<DType>& dtypes = {float64, float32}) {
  for (const DType dtype : dtypes) {
    TensorType type{dtype, at.shape()};
    for (std::int64_t& n : type.dims) n = unknown;
    const Var x = input(type, "x");
    const Var cost = sum(f(x));
    CAPTURE(pprint(cost));
    const Var g = grad(cost, x, {.disconnected_inputs = Disconnected::ignore});
    Vars results{g};
    const bool vector = at.rank() == 1;
    if (vector) {
      const auto column = [&](const Var& i) {
        return Rop(cost, x, cast(eq(arange(x.shape(0)), i), dtype));
      };
      results.push_back(map(column, arange(x.shape(0))).outputs[0]);
    }
    if (second) {
      const GradOptions ignore{.disconnected_inputs = Disconnected::ignore};
      results.push_back(grad(sum(g), x, ignore));
      results.push_back(Rop(g, x, ones_like(x)));
    }
    for (const Mode& mode : all_modes()) {
      CAPTURE(mode.text());
      Function slopes = function({x}, results, {.mode = mode});
      const Outputs out = slopes(at.cast(dtype));
      const double tolerance = dtype == float64 ? 1e-12 : 1e-5;
      const std::size_t firsts = vector ? 2 : 1;  // backward, forward; then the same of second ones
      for (std::size_t k = 0; k < results.size(); ++k) {
        CAPTURE(k);
        check_close(out[k], k < firsts ? first : *second, tolerance);
      }
    }
  }
}

}  // namespace damo::test
