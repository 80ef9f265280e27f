#include <fmt/format.h>

#include <optional>
#include <unordered_map>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/graph/wide/wide.hpp>

namespace damo {

class WideEvaluation::Values {
 public:
  void bind(const Var& v, WideArray value) { arrays_.insert_or_assign(v, std::move(value)); }
  bool has(const Var& v) const { return arrays_.contains(v); }
  const WideArray& at(const Var& v) const { return arrays_.at(v); }

  /// Computes `v` and what it needs, as far as that is not known.
  void need(const Var& v) {
    Vars stack{v};
    while (!stack.empty()) {
      const Var top = stack.back();
      const std::optional<Var> missing = has(top) ? std::nullopt : first_missing(top.owner());
      if (missing) {
        stack.push_back(*missing);
        continue;
      }
      stack.pop_back();
      if (!has(top)) compute(top.owner());
    }
  }

 private:
  std::optional<Var> first_missing(const Apply& node) const {
    if (node.op().chooses()) {
      if (!has(node.input(0))) return node.input(0);
      const Var& one = taken(node);
      return has(one) ? std::nullopt : std::optional(one);
    }
    for (const Var& in : node.inputs()) {
      if (!has(in)) return in;
    }
    return std::nullopt;
  }

  const Var& taken(const Apply& node) const {
    return node.input(at(node.input(0))[0].value != 0 ? 1 : 2);
  }

  void compute(const Apply& node) {
    const Var v = node.output();
    if (const Array* value = constant_value(v)) return bind(v, WideArray(value->view()));
    if (is_shared(v)) return bind(v, WideArray(SharedVar(v).value().view()));
    if (is_input(v)) throw GraphError(fmt::format("evaluate: no value for {}", describe(v)));
    if (node.op().chooses()) return choose(node);
    std::vector<const WideArray*> in;
    for (const Var& operand : node.inputs()) in.push_back(&at(operand));
    std::vector<WideArray> out(node.n_outputs());
    compute_wide(node, in, out);
    for (std::size_t i = 0; i < out.size(); ++i) bind(node.output(i), std::move(out[i]));
  }

  void choose(const Apply& node) {
    WideArray value = at(taken(node));
    const Wide& condition = at(node.input(0))[0];
    for (std::size_t i = 0; i < value.size(); ++i) {
      if (condition.doubt != 0) value[i].doubt = unbounded;
      if (condition.rounding != 0) value[i].rounding = unbounded;
    }
    bind(node.output(), std::move(value));
  }

  static constexpr long double unbounded = std::numeric_limits<long double>::infinity();
  std::unordered_map<Var, WideArray, VarHash, VarSame> arrays_;
};

WideEvaluation::WideEvaluation(Bindings bindings) : values_(std::make_unique<Values>()) {
  for (auto& [v, value] : bindings) values_->bind(v, std::move(value));
}
WideEvaluation::WideEvaluation(std::span<const std::pair<Var, Array>> bindings)
    : values_(std::make_unique<Values>()) {
  for (const auto& [v, value] : bindings) values_->bind(v, WideArray(value.view()));
}
WideEvaluation::~WideEvaluation() = default;

const WideArray& WideEvaluation::value(const Var& v) {
  values_->need(v);
  return values_->at(v);
}

}  // namespace damo
