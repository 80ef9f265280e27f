#include <algorithm>
#include <map>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/common/op_list.hpp>
#include <damo/optim/verify/instances.hpp>
#include <damo/optim/verify/random_graph.hpp>

// Where a rewriter function may fire: nodes of the ops that it names, over random expressions.
namespace damo::optim {
namespace {

using Bindings = std::vector<std::pair<Var, Array>>;

constexpr int nodes_per_op = 200;
constexpr int steps_below = 5;

bool is_root_of(const OpSample& sample, const Rule& rule) {
  const std::string name = example(sample).op().name();
  return std::any_of(rule.roots().begin(), rule.roots().end(),
                     [&](const std::string& root) { return root == name; });
}

/// Operands for a sample: inputs, numbers, or expressions of other inputs of the right type.
class Operands {
 public:
  Operands(const OpSample& sample, Dice& dice)
      : sample_(sample),
        dice_(dice),
        real_(dice.one_in(2) ? DType::float32 : DType::float64),
        extreme_(dice.below(2) * 4) {}

  Instance made() {
    Bindings values;
    for (const OpInput& spec : sample_.inputs) {
      Array value = drawn_for(spec);
      TensorType type{value.dtype(), value.shape()};
      for (std::size_t axis = 0; axis < type.rank(); ++axis)
        type.dims[axis] = spec.dims[axis] == '1' ? 1 : unknown;
      values.emplace_back(input(type, "x" + std::to_string(values.size())), std::move(value));
    }
    const std::size_t n_operands = values.size();
    add_company(values);
    Pool pool(dice_, values);
    for (int i = 0; i < steps_below; ++i) {
      try {
        add_step(pool);
      } catch (const Error&) {  // operands that do not fit
      }
    }
    Vars operands;
    for (std::size_t i = 0; i < n_operands; ++i)
      operands.push_back(dressed(values[i].first, values[i].second.shape(), pool));
    const Var root = sample_.apply(operands);
    return {root, read_by(root, values)};
  }

 private:
  Shape shape_of(const OpInput& spec) {
    static const std::vector<std::int64_t> sizes{3, 3, 2, 1, 0};
    Shape shape;
    for (const char letter : spec.dims) {
      const bool may_be_empty = sample_.nonempty.find(letter) == std::string::npos;
      const std::int64_t n =
          letter == '1' ? 1 : std::max<std::int64_t>(dice_.of(sizes), may_be_empty ? 0 : 1);
      shape.push_back(sizes_.try_emplace(letter, n).first->second);
    }
    return shape;
  }

  /// Inputs of other types, for the random expressions.
  void add_company(Bindings& values) {
    const auto add = [&](const char* name, DType dtype, const Shape& shape) {
      Shape dims = shape;
      for (std::int64_t& n : dims) n = unknown;
      values.emplace_back(input({dtype, dims}, name), drawn(dice_, dtype, shape, extreme_));
    };
    add("s", real_, {});
    add("v", real_, {3});
    add("M", real_, {3, 2});
    add("k", DType::int64, {});
    add("idx", DType::int64, {3});
    add("mask", DType::boolean, {3});
  }

  Array drawn_for(const OpInput& spec) {
    const Shape shape = shape_of(spec);
    const DType dtype = is_float(spec.dtype) ? real_ : spec.dtype;
    if (dtype != DType::int64) return drawn(dice_, dtype, shape, extreme_);
    Array a(DType::int64, shape);
    const std::int64_t n =
        spec.index_of != 0 ? std::max<std::int64_t>(sizes_[spec.index_of], 1) : 0;
    const double low = spec.index_of != 0 ? static_cast<double>(-n) : spec.low;
    const double high = spec.index_of != 0 ? static_cast<double>(n - 1) : spec.high;
    for (std::int64_t i = 0; i < a.elements(); ++i)
      a.data<std::int64_t>()[i] =
          static_cast<std::int64_t>(low) +
          static_cast<std::int64_t>(dice_.below(static_cast<std::size_t>(high - low) + 1));
    return a;
  }

  Var dressed(const Var& v, const Shape& shape, Pool& pool) {
    static const std::vector<double> numbers{0, 1, -1, 2, 0.5, -0.0};
    if (sample_.elementwise && is_float(v.dtype()) && dice_.one_in(3))
      return Arg(dice_.of(numbers)).var(v.dtype());
    if (dice_.one_in(3)) return v;
    const Var other = pool.pick([&](const Var& w) {
      return w.dtype() == v.dtype() && pool.shape(w) == shape && w.ndim() == v.ndim();
    });
    return other.defined() ? other : v;
  }

  static Bindings read_by(const Var& root, const Bindings& values) {
    const Vars used = leaves(std::span(&root, 1));
    Bindings some;
    for (const auto& [v, value] : values) {
      if (std::any_of(used.begin(), used.end(), [&](const Var& u) { return same(u, v); }))
        some.emplace_back(v, value);
    }
    return some;
  }

  const OpSample& sample_;
  Dice& dice_;
  DType real_;
  std::size_t extreme_;
  std::map<char, std::int64_t> sizes_{};
};

}  // namespace

std::vector<Instance> nodes_for_roots(const Rule& rule, Dice& dice) {
  std::vector<Instance> made;
  for (const OpSample& sample : op_samples()) {
    if (!is_root_of(sample, rule)) continue;
    for (int i = 0; i < nodes_per_op; ++i) {
      try {
        made.push_back(Operands(sample, dice).made());
      } catch (const Error&) {  // operands that the op does not take
      }
    }
  }
  return made;
}

}  // namespace damo::optim
