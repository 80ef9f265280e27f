#pragma once
#include <optional>
#include <string>

#include <damo/graph/values/tensor.hpp>

namespace damo {

/// Where two values that should be equal differ most.
struct Difference {
  std::string before, after;  ///< the elements, or the shapes when those differ
  std::string place;          ///< "element (1, 2) of float64 (3, 4)", or "the shape"
  /// "element (1,) of float64 (3,): 2 <first>, -2 <second>".
  std::string text(const std::string& first, const std::string& second) const;
};

/// Compares what a rewrite replaced with what it put in place: equal to within rounding (1e-3 for
/// float32, 1e-6 for float64, relative to the larger of 1, the two elements and `scale`); integers
/// exactly. A NaN may become anything, and an infinity a finite number: rewrites are there to do
/// that.
std::optional<Difference> differ(const Tensor& before, const Tensor& after, double scale = 0);

/// Whether both are alike enough not to be judged: finite elements to within 1e-3 (float32) or 1e-6
/// (float64) of the larger one, all others the same.
bool agree(const Tensor& before, const Tensor& after);

/// The largest magnitude among the finite elements; 0 for none.
double magnitude(const Tensor& t);

}  // namespace damo
