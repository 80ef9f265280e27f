#pragma once
#include <optional>

#include <damo/graph/var.hpp>

// Questions about finiteness and nearness, as NumPy asks them.
namespace damo {

Var isfinite(const Arg& x);

struct NearOptions {
  double rtol = 1e-5;  ///< relative to |b|
  double atol = 1e-8;
  bool equal_nan = false;
};
/// Whether |a - b| <= atol + rtol |b|; of infinities, whether they are equal.
Var isclose(const Arg& a, const Arg& b, const NearOptions& options = {});
/// Whether all are, a bool scalar.
Var allclose(const Arg& a, const Arg& b, const NearOptions& options = {});

struct ReplacedNumbers {
  double nan = 0;
  std::optional<double> posinf = {};  ///< the largest number of the dtype
  std::optional<double> neginf = {};  ///< the smallest
};
/// Numbers in place of NaN and the infinities.
Var nan_to_num(const Arg& x, const ReplacedNumbers& by = {});

}  // namespace damo
