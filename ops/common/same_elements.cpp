#include <cmath>
#include <type_traits>

#include <damo/graph/variables.hpp>
#include <damo/ops/common/same_elements.hpp>
#include <damo/ops/elementwise/elementwise.hpp>

namespace damo {
namespace {

/// Whole numbers up to this are numbers of float64 too.
constexpr double exact_integers = 9007199254740991;

std::optional<double> uniform_array(const Array& a) {
  if (a.elements() == 0) return std::nullopt;
  return dispatch(a.dtype(), [&](auto zero) -> std::optional<double> {
    const auto values = a.values<decltype(zero)>();
    for (const auto& v : values) {
      if (v != values[0]) return std::nullopt;
    }
    const auto value = static_cast<double>(values[0]);
    if constexpr (std::is_same_v<decltype(zero), std::int64_t>) {
      if (std::abs(value) > exact_integers) return std::nullopt;
    }
    return value;
  });
}

}  // namespace

bool is_movement(const Apply& node) {
  if (node.inputs().empty() || node.n_outputs() != 1) return false;
  const Origin from = node.op().origin(node, 0);
  return from.moves() && from.first == 0 && from.end == 1;
}

std::optional<double> uniform_value(const Var& v) {
  const Var* core = &v;
  bool rounded = false;  // a whole number that was made a float32
  for (int depth = 0; depth < 16 && !core->inputs().empty(); ++depth) {
    const auto* e = as<Elementwise>(*core);
    const Var& inner = core->inputs()[0];
    const bool passes = e == nullptr ? is_movement(core->owner())
                                     : e->scalar().types == ScalarOp::Types::convert &&
                                           e->scalar().to > inner.dtype();
    if (!passes) return std::nullopt;
    rounded = rounded || (e != nullptr && core->dtype() == DType::float32);
    core = &inner;
  }
  const Array* value = constant_value(*core);
  const auto number = value != nullptr ? uniform_array(*value) : std::nullopt;
  return number && rounded ? static_cast<double>(static_cast<float>(*number)) : number;
}

}  // namespace damo
