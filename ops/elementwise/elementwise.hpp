#pragma once
#include <array>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <damo/graph/op.hpp>
#include <damo/graph/wide/wide.hpp>
#include <damo/ops/common/gradient_mask.hpp>
#include <damo/ops/kernels/elementwise/loop.hpp>

namespace damo {

/// Loops by the dtype of what they read: bool, int64, float32, float64, then, for conversions only,
/// uint8 and int32; and the function in long double; without one it is judged by its loop for
/// float64.
struct ScalarLoops {
  std::array<LoopSet, 6> by_dtype{};
  WideFunction wide = nullptr;

  LoopSet of(DType dtype) const {
    constexpr std::size_t places[] = {0, 4, 5, 1, 2, 3};
    return by_dtype[places[static_cast<std::size_t>(dtype)]];
  }

  LoopSet& operator[](std::size_t dtype) { return by_dtype[dtype]; }
  const LoopSet& operator[](std::size_t dtype) const { return by_dtype[dtype]; }
};

/// An elementwise function: one definition, from which the op's type rule, gradient, forward mode,
/// kernel, printing and fusion all follow.
struct ScalarOp {
  /// Which dtypes it computes in, and what it returns.
  enum class Types : std::uint8_t {
    numeric,    ///< int64 and floats; bool becomes int64; returns what it computes in
    real,       ///< floats; bool and int64 become floatX; returns what it computes in
    any,        ///< all four; returns what it computes in
    predicate,  ///< all four in, bool out
    logical,    ///< bool in (numbers: != 0), bool out
    select,     ///< first operand bool, the others any; returns the others' dtype
    convert     ///< one operand of any dtype, returns `to`
  };
  /// dC/d(inputs) from inputs, output and dC/d(output). An empty Var: disconnected. A result of
  /// lower rank, such as the constant 0, is stretched.
  using GradientRule = std::function<Vars(const Vars& x, const Var& y, const Var& g)>;
  /// What is known of the result, from what is known of each operand.
  using FactRule = std::function<Fact(const Apply& node, std::span<const Fact> x)>;

  std::string name;
  std::size_t arity;
  Types types;
  ScalarLoops loops{};
  GradientRule gradient{};
  Slope slope = Slope::wild;
  /// For a function that a condition tells which operands to read: where each of them counts, an
  /// empty Var for everywhere.
  using CountsRule = std::function<Vars(const Vars& x)>;
  CountsRule counts{};
  /// Whether it returns the operand that counts.
  bool picks = false;
  FactRule fact{};
  Origin origin{};
  /// Infix or prefix text: "+", "-"; empty for name(...). Precedence as in C++: 70 unary, 60 *, 50
  /// +, 40 <.
  std::string symbol{};
  int precedence = 100;
  bool commutative = false;
  DType to = DType::float32;
  /// Its place among all, in the order of their definition.
  std::size_t number = 0;
};

/// The op that applies a ScalarOp to tensors of equal rank, stretching axes known to be 1. An
/// operand of rank 0 may stand beside tensors of any rank: literals and scalars stay scalars in the
/// graph.
class Elementwise final : public OpOf<Elementwise>, public ComputesWide {
 public:
  explicit Elementwise(const ScalarOp& scalar) : scalar_(&scalar) {}
  const ScalarOp& scalar() const { return *scalar_; }
  /// The dtype the loop runs in: that of the last input.
  static DType compute_dtype(const Apply& node) { return node.inputs().back().dtype(); }
  LoopSet loops(DType compute) const { return scalar_->loops.of(compute); }

  std::string name() const override { return scalar_->name; }
  bool takes_storage(std::size_t) const override {
    return scalar_->types == ScalarOp::Types::convert;
  }
  std::vector<TensorType> infer(std::span<const TensorType> in) const override;
  std::vector<std::optional<Vars>> shape_rule(const Apply& node,
                                              const std::vector<Vars>& shapes) const override;
  std::vector<Demand> demands(const Apply& node, const std::vector<Vars>& shapes) const override;
  Gradients gradient(const Apply& node, const Vars& g) const override;
  /// The gradient when only elements under `mask` are asked for. What flows back stays to be chosen
  /// by the result's masks, which this function's own choices join where what computes the input
  /// could spoil a zero: `behind` is the slope of that.
  std::vector<MaskedFlow> gradient_under(const Apply& node, const Var& g, const Mask& mask,
                                         const std::vector<Slope>& behind) const;
  /// A product with one finite number is linear.
  Slope slope(const Apply& node) const;
  Vars push_forward(const Apply& node, const Vars& tangents) const override;
  /// The same where operands move at some of their elements only (`moves`: a bool that stretches to
  /// them, an empty Var for all), and where the result does.
  MaskedFlow push_forward_under(const Apply& node, const Vars& tangents, const Vars& moves) const;
  void run_shapes(const Apply& node, TensorsIn in, std::span<Shape> out) const override;
  void perform(const Apply& node, TensorsIn in, TensorsOut out, Workspace& scratch) const override;
  Origin origin(const Apply&, std::size_t) const override { return scalar_->origin; }
  void facts(const Apply& node, std::span<const Fact> in, std::span<Fact> out) const override;
  void perform_wide(const Apply& node, WidesIn in, WidesOut out) const override;
  int inplace_input() const override { return scalar_->types == ScalarOp::Types::convert ? -1 : 0; }
  Printed print(const Apply& node, std::span<const Printed> inputs) const override;
  std::string hint(const Vars& inputs, std::span<const TensorType> types) const override;
  bool commutative() const override { return scalar_->commutative; }
  std::size_t hash() const override { return std::hash<const void*>{}(scalar_); }
  friend bool operator==(const Elementwise& a, const Elementwise& b) {
    return a.scalar_ == b.scalar_;
  }

 private:
  const ScalarOp* scalar_;
};

/// Makes a ScalarOp known to the registry and returns its op; called once for each, at first use.
std::shared_ptr<const Op> define(ScalarOp scalar);
/// Applies an elementwise op to operands as the user wrote them: promotes, casts, aligns ranks.
Var elementwise(const std::shared_ptr<const Op>& op, std::initializer_list<Arg> operands);
/// Whether `v` is an application of the elementwise op named so.
bool is_elementwise(const Var& v, std::string_view name);
/// Every ScalarOp of the vocabulary (makes those not yet used known first).
std::vector<const ScalarOp*> scalar_ops();
/// The axes along which `v` is stretched to `to`'s static pattern.
std::vector<int> stretched_axes(const TensorType& v, const TensorType& to);

}  // namespace damo
