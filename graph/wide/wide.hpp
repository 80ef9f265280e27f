#pragma once
#include <span>
#include <vector>

#include <damo/graph/op.hpp>
#include <damo/graph/values/array.hpp>

// Values in long double beside bounds on their errors: the truth that rewrites are judged by.
namespace damo {

/// A number in long double, and how far off it may be: `doubt` by long double's own rounding,
/// `rounding` by what explains a result of computing the graph as written in its nodes' dtypes,
/// overflow and underflow included. Bounds are followed to first order, as estimates that are
/// rather too large than too small (running error analysis: Higham, "Accuracy and Stability of
/// Numerical Algorithms", 3.3). Infinite: nothing is known.
struct Wide {
  long double value = 0;
  long double doubt = 0;
  long double rounding = 0;
};

/// A dense row-major array of such numbers, standing for a tensor of `dtype`. Booleans and integers
/// are held exactly.
class WideArray {
 public:
  WideArray() = default;
  WideArray(DType dtype, const Shape& shape)
      : dtype_(dtype), shape_(shape), elements_(static_cast<std::size_t>(shape.elements())) {}
  /// Exact values.
  explicit WideArray(const Tensor& t);

  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  std::size_t size() const { return elements_.size(); }
  Wide& operator[](std::size_t i) { return elements_[i]; }
  const Wide& operator[](std::size_t i) const { return elements_[i]; }
  /// The element at `index` of a tensor that this one is stretched to: leading axes may be missing
  /// only from a scalar.
  const Wide& stretched(const Shape& index) const;
  /// Rounded to the dtype; `sign` times an error bound is added before.
  Array rounded(int sign = 0, long double Wide::*bound = &Wide::doubt) const;

 private:
  DType dtype_ = DType::float64;
  Shape shape_{};
  std::vector<Wide> elements_{};
};

using WidesIn = std::span<const WideArray* const>;
using WidesOut = std::span<WideArray>;
/// A function of one number of each operand.
using WideFunction = long double (*)(const long double* x);

/// What an op has that knows how to compute its outputs in long double. Any other op is a view that
/// moves elements, or is computed by its kernel.
class ComputesWide {
 public:
  virtual void perform_wide(const Apply& node, WidesIn in, WidesOut out) const = 0;
  friend bool operator==(const ComputesWide&, const ComputesWide&) { return true; }

 protected:
  ~ComputesWide() = default;
};
/// A node's outputs.
void compute_wide(const Apply& node, WidesIn in, WidesOut out);
/// By the op's kernel, at the rounded inputs and at both ends of their errors.
void wide_by_kernel(const Apply& node, WidesIn in, WidesOut out);

/// Arithmetic whose results are computed in `dtype` where the graph runs.
class WideMath {
 public:
  explicit WideMath(DType dtype);
  /// `f` of operands that may be off, and how far off the result is.
  Wide operator()(WideFunction f, std::span<const Wide> x) const;
  Wide add(const Wide& a, const Wide& b) const;
  Wide sub(const Wide& a, const Wide& b) const;
  Wide mul(const Wide& a, const Wide& b) const;
  Wide div(const Wide& a, const Wide& b) const;
  Wide max(const Wide& a, const Wide& b) const;
  Wide min(const Wide& a, const Wide& b) const;
  Wide exp(const Wide& x) const;
  Wide log(const Wide& x) const;

 private:
  long double unit_, smallest_, largest_;
};

// Help for `perform_wide`.
/// An op whose elements are elements of its first `n_moved` inputs, moved to where `perform` or
/// `view` moves them.
void move_wide(const Apply& node, WidesIn in, std::size_t n_moved, WidesOut out);
/// For each element of such a node's output, which it is of all elements of those inputs.
Array places_in(const Apply& node, WidesIn in, std::size_t n_moved);
/// Input 0 with input 1 added at `places`.
void scatter_wide(const Array& places, WidesIn in, WidesOut out);

/// What a graph computes in long double, remembered node by node; of a choice only what is taken.
/// For questions about many expressions of one graph.
class WideEvaluation {
 public:
  using Bindings = std::vector<std::pair<Var, WideArray>>;
  explicit WideEvaluation(Bindings bindings);
  /// From exact values of inputs.
  explicit WideEvaluation(std::span<const std::pair<Var, Array>> bindings);
  ~WideEvaluation();
  WideEvaluation(const WideEvaluation&) = delete;
  WideEvaluation& operator=(const WideEvaluation&) = delete;
  /// Shared variables have their present values. Throws what the ops throw, and GraphError for an
  /// input without a value. The result stays where it is.
  const WideArray& value(const Var& v);

 private:
  class Values;
  std::unique_ptr<Values> values_;
};

}  // namespace damo
