#include <cmath>
#include <unordered_map>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/variables.hpp>
#include <damo/graph/walk.hpp>
#include <damo/ops/elementwise/math.hpp>
#include <damo/ops/shape/shape.hpp>
#include <damo/optim/analysis/known_functions.hpp>
#include <damo/optim/engine/rewriter.hpp>
#include <damo/optim/language/placeholder.hpp>
#include <damo/optim/verify/instances.hpp>

namespace damo::optim {
namespace {

constexpr std::size_t most_points = 1600;

std::vector<double> all_numbers() {
  std::vector<double> all = adversarial_numbers();
  const auto& more = ordinary_numbers();
  all.insert(all.end(), more.begin(), more.end());
  return all;
}

/// The layouts in which operands meet.
enum class Layout : std::uint8_t { vectors, matrices, transposed, scalar_first, empty, single };
constexpr Layout layouts[] = {Layout::vectors,      Layout::matrices, Layout::transposed,
                              Layout::scalar_first, Layout::empty,    Layout::single};

class Maker {
 public:
  Maker(const Rule& rule, Dice& dice) : rule_(rule), dice_(dice) {
    for (const Apply* node : toposort(std::span(&rule.left(), 1))) {
      if (as<Wildcard>(node->output()) != nullptr) wild_.push_back(node->output());
    }
  }

  std::vector<Instance> all() {
    for (const DType dtype : {DType::float64, DType::float32}) {
      for (const Layout layout : layouts) add(dtype, layout);
    }
    return std::move(made_);
  }

 private:
  struct Operand {
    Var input;
    Array value;
  };

  /// Inputs for the placeholders.
  std::vector<Operand> operands(DType dtype, Layout layout) {
    const std::vector<double> numbers = all_numbers();
    const std::size_t n = numbers.size();
    std::vector<Operand> list;
    for (std::size_t w = 0; w < wild_.size(); ++w) {
      const DType type = as<Wildcard>(wild_[w])->dtype() == DType::boolean ? DType::boolean : dtype;
      Shape shape{static_cast<std::int64_t>(wild_.size() == 1 ? n : most_points)};
      if (layout == Layout::empty) shape = {0};
      if (layout == Layout::single) shape = {1};
      if (layout == Layout::scalar_first && w == 0) shape = {};
      const auto side = static_cast<std::int64_t>(n);
      if (layout == Layout::matrices) shape = w == 0 ? Shape{side, 1} : Shape{1, side};
      if (layout == Layout::transposed) shape = {side, 3};
      if (as<Wildcard>(wild_[w])->has_rank()) {
        if (wild_[w].ndim() == 0) shape = {};
        if (shape.rank() != wild_[w].ndim()) return {};
      }
      list.push_back(operand(type, shape, w));
    }
    return list;
  }

  Operand operand(DType dtype, const Shape& shape, std::size_t w) {
    const std::vector<double> numbers = all_numbers();
    Array value(DType::float64, shape);
    const bool pairs = value.elements() == static_cast<std::int64_t>(most_points);
    for (std::int64_t i = 0; i < value.elements(); ++i) {
      const bool in_turn = !pairs && value.elements() > 1;
      value.data<double>()[i] =
          in_turn ? numbers[static_cast<std::size_t>(i) % numbers.size()] : dice_.of(numbers);
    }
    TensorType type{dtype, shape};
    for (std::size_t axis = 0; axis < shape.rank(); ++axis)
      type.dims[axis] = shape[axis] == 1 && shape.rank() > 1 ? 1 : unknown;
    return {input(type, as<Wildcard>(wild_[w])->label()), value.cast(dtype)};
  }

  void add(DType dtype, Layout layout) {
    const std::vector<Operand> inputs = operands(dtype, layout);
    if (inputs.size() != wild_.size()) return;
    std::vector<std::pair<Var, Array>> values;
    Vars plain;
    for (const Operand& o : inputs) {
      plain.push_back(layout == Layout::transposed ? o.input.T() : o.input);
      values.emplace_back(o.input, o.value);
    }
    for (const Vars& chosen : choices(plain)) {
      const Var root = built(chosen, dtype, 0);
      if (!root.defined()) continue;
      keep(root, values);
      if (layout == Layout::vectors) add_variants(root, chosen, dtype, values);
    }
  }

  /// The root in a longer sum or product, converted, and with other constants.
  void add_variants(const Var& root, const Vars& chosen, DType dtype,
                    std::vector<std::pair<Var, Array>> values) {
    const DType wide = dtype == DType::float32 ? DType::float64 : dtype;
    for (std::size_t change = 1; change <= 6; ++change) {
      const Var near = built(chosen, dtype, change);
      if (near.defined()) keep(near, values);
    }
    Vars converted;
    for (const Var& v : chosen) converted.push_back(is_float(v.dtype()) ? cast(v, wide) : v);
    const Var both = wide == dtype ? Var{} : built(converted, wide, 0);
    if (both.defined()) keep(both, values);
    if (root.ndim() != 1 || !is_float(root.dtype())) return;
    const Var z = input({root.dtype(), {unknown}}, "z");
    const auto n = static_cast<std::int64_t>(values[0].second.elements());
    values.emplace_back(z, drawn(dice_, root.dtype(), {n}, 3));
    for (const Var& longer : {root + z, z - root, root * z, z / root, -root, root * 3})
      keep(longer, values);
  }

  void keep(const Var& root, const std::vector<std::pair<Var, Array>>& values) {
    made_.push_back({root, values});
  }

  /// What placeholders may stand for, so that their conditions hold: for each condition the first
  /// few that do.
  std::vector<Vars> choices(const Vars& inputs) {
    const RuleIndex none({});
    Rewriter context(none, {});
    std::vector<Vars> lists;
    std::size_t most = 1;
    for (std::size_t w = 0; w < wild_.size(); ++w) {
      const Condition& condition = as<Wildcard>(wild_[w])->condition();
      Vars fit;
      for (const Var& v : condition ? candidates(inputs[w]) : Vars{inputs[w]}) {
        if (!condition || condition(v, context)) fit.push_back(v);
      }
      if (fit.empty()) return {};
      most = std::max(most, fit.size());
      lists.push_back(std::move(fit));
    }
    std::vector<Vars> all;
    for (std::size_t i = 0; i < most; ++i) {
      Vars one;
      for (const Vars& list : lists) one.push_back(list[i % list.size()]);
      all.push_back(std::move(one));
    }
    return all;
  }

  static Vars candidates(const Var& x) {
    Vars all{x};
    if (!is_float(x.dtype())) return all;
    for (const Var& v :
         {exp(x), sigmoid(x), sqr(x), abs(x), softplus(x), exp(x) + 1, 1 - sigmoid(x),
          sigmoid(x) * exp(x), cast(x > 0, x.dtype()), round(sigmoid(x)), floor(x)})
      all.push_back(v);
    for (const double c : {0.0, 1.0, -1.0, 2.0, 0.5, 3.0, 0.1, 1e-7, 4.0, 1e30, 1e-300, 1 + 1e-7,
                           -0.25, 10.0, 0.69314718055994531})
      all.push_back(Arg(c).var(x.dtype()));
    return all;
  }

  /// The left side with `chosen` for its placeholders; `change` says how constants differ. Null
  /// when it cannot be built, or is as it would be without the change.
  Var built(const Vars& chosen, DType dtype, std::size_t change) const {
    std::unordered_map<const Apply*, Arg> done;
    for (std::size_t i = 0; i < wild_.size(); ++i) done.emplace(wild_[i].owner_ptr(), chosen[i]);
    bool changed = change == 0;
    try {
      for (const Apply* node : toposort(std::span(&rule_.left(), 1))) {
        if (done.contains(node)) continue;
        const Var v = node->output();
        if (const auto c = scalar_constant(v)) {
          const double other = changed_constant(*c, change);
          changed = changed || other != *c;
          done.emplace(node,
                       v.dtype() == DType::boolean ? Arg(*c != 0) : Arg(Arg(other).var(dtype)));
          continue;
        }
        std::vector<Arg> operands;
        for (const Var& in : node->inputs()) operands.push_back(done.at(in.owner_ptr()));
        const ScalarOp* f = scalar_op(v);
        if (f == nullptr) {
          Vars inputs;
          for (const Arg& operand : operands) inputs.push_back(operand.var());
          for (const Var& output : make_node(node->op_ptr(), inputs))
            done.try_emplace(node, Arg(output));
          continue;
        }
        Var made = f->types == ScalarOp::Types::convert && is_float(f->to)
                       ? cast(operands[0], dtype)
                       : apply_scalar(node->op_ptr(), operands);
        if (change == 6 && (f == vocabulary().add || f == vocabulary().sub) && !changed) {
          made = made + 1e-7;
          changed = true;
        }
        done.emplace(node, Arg(made));
      }
    } catch (const Error&) {
      return {};
    }
    return changed ? done.at(rule_.left().owner_ptr()).var(dtype) : Var{};
  }

  static double changed_constant(double c, std::size_t change) {
    const double changes[] = {c, c * (1 + 1e-7), c + 1e-13, 2 * c, -c, c * (1 - 1e-15), c};
    return changes[change];
  }

  const Rule& rule_;
  Dice& dice_;
  Vars wild_{};
  std::vector<Instance> made_{};
};

}  // namespace

std::vector<Instance> instances_of(const Rule& rule, Dice& dice) {
  return rule.left().defined() ? Maker(rule, dice).all() : nodes_for_roots(rule, dice);
}

}  // namespace damo::optim
