#pragma once
#include <functional>
#include <string>
#include <vector>

#include <damo/graph/op.hpp>

namespace damo {

/// An operand of a sample application.
struct OpInput {
  /// One letter an axis: a size, the same wherever the letter stands. '1' is an axis known to be 1.
  std::string dims{};
  /// The values it takes: for floats a domain in which the op is smooth.
  double low = -2;
  double high = 2;
  DType dtype = DType::float64;
  /// For int64: a letter n whose size bounds the values, -n <= value < n, in place of low and high.
  char index_of = 0;
};

/// An op of the vocabulary: how to apply it, and what holds of it.
struct OpEntry {
  std::string name;
  std::vector<OpInput> inputs;
  /// Applies the op: the result belongs to a node of it (to one of its outputs).
  std::function<Var(const Vars&)> apply;
  /// Whether the derivative with respect to the float inputs is that of finite differences within
  /// their domain. Where not, it is zero, none, or altered on purpose.
  bool differentiable = true;
  bool twice_differentiable = true;
  /// Letters whose size must not be 0.
  std::string nonempty{};
  /// Whether the shape of the result follows from the shapes of the inputs.
  bool shape_known = true;
};

/// All ops. A test sweeps them: values against independent ones, shapes, both modes of
/// differentiation; and fails when an op is not in the list.
const std::vector<OpEntry>& op_registry();

}  // namespace damo
