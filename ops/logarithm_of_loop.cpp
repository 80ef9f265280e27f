#include <algorithm>
#include <array>
#include <string_view>

#include <damo/graph/leaves.hpp>
#include <damo/ops/elementwise/elementwise.hpp>
#include <damo/ops/logarithm_of_loop.hpp>
#include <damo/ops/loop_index.hpp>
#include <damo/ops/movement.hpp>

namespace damo {
namespace {

bool is_logarithm(const Apply& node) {
  const auto* f = as<Elementwise>(node.op());
  static constexpr std::array<std::string_view, 4> names{"log", "log1p", "log2", "log10"};
  return f != nullptr && std::find(names.begin(), names.end(), f->scalar().name) != names.end();
}

/// The only operand that is not one number everywhere; an empty Var if there is none, or if it is
/// not of the size and dtype of the result.
Var variable_operand(const Apply& node) {
  Var found;
  for (const Var& in : node.inputs()) {
    if (uniform_value(in)) continue;
    if (found) return {};
    found = in;
  }
  const Var out = node.output();
  return found && found.ndim() == out.ndim() && found.dtype() == out.dtype() ? found : Var{};
}

}  // namespace

Var LogarithmOfLoop::at_rows(const Var& g) const {
  Var rows = g;
  for (const Apply* movement : movements)
    rows = movement->op().gradient(*movement, {rows})[0].value;
  return rows;
}

std::optional<LogarithmOfLoop> logarithm_of_loop(const Apply& node) {
  if (!is_logarithm(node)) return std::nullopt;
  LogarithmOfLoop found{};
  Var v = node.output();
  while (as<Scan>(v) == nullptr) {
    const Apply& n = v.owner();
    if (as<Elementwise>(n.op()) != nullptr) {
      v = variable_operand(n);
      found.through.functions.push_back(&n);
    } else if (is_movement(n)) {
      v = Var(n.input(0));
      found.movements.push_back(&n);
    } else {
      return std::nullopt;
    }
    if (!v || !is_float(v.dtype())) return std::nullopt;
    found.between.push_back(v);
  }
  const auto& scan = static_cast<const Scan&>(v.op());
  const Scan::Output& output = scan.spec().outputs[v.index()];
  if (!scan.spec().mode.empty()) return std::nullopt;
  if (output.keep == Scan::Keep::history) {
    if (found.movements.empty() || !drops_first(*found.movements.back())) return std::nullopt;
    found.movements.pop_back();
  } else if (output.keep != Scan::Keep::trace) {
    return std::nullopt;
  }
  found.loop = v.owner_ptr();
  found.through.body_output = output.body_output;
  return found;
}

}  // namespace damo
