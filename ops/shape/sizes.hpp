#pragma once
#include <concepts>
#include <initializer_list>
#include <optional>
#include <vector>

#include <damo/graph/values/tensor.hpp>
#include <damo/graph/var.hpp>

namespace damo {

/// The sizes of a tensor to be made, as the user writes them: numbers and int64 scalars, such as
/// `{20, x.shape(1)}`, or an int64 vector of known length, such as `x.shape()`.
class Sizes {
 public:
  Sizes() = default;
  Sizes(std::initializer_list<Arg> sizes) : Sizes(std::vector<Arg>(sizes)) {}
  /// Throws TypeError for an entry that is no int64 scalar.
  explicit Sizes(const std::vector<Arg>& sizes);
  Sizes(const Vars& sizes);
  Sizes(const Shape& sizes);
  /// One size, or the elements of an int64 vector whose length is known.
  Sizes(const Var& sizes, const char* f = __builtin_FILE(), unsigned l = __builtin_LINE());
  template <std::integral T>
  Sizes(T size, const char* f = __builtin_FILE(), unsigned l = __builtin_LINE())
      : Sizes(std::vector<Arg>{Arg(static_cast<long>(size), f, l)}) {}

  std::size_t rank() const { return vars_.size(); }
  /// int64 scalars; numbers are constants.
  const Vars& vars() const { return vars_; }
  /// Whether entry `i` is a number, which is then in `number(i)`.
  bool is_number(std::size_t i) const;
  std::int64_t number(std::size_t i) const;
  Site site() const { return site_; }

 private:
  Vars vars_;
  Site site_{};
};

/// Sizes split into what a type knows and what a node takes as inputs: `dims[i]` is the number, or
/// `unknown` where the size is the next of `inputs`.
struct SplitSizes {
  Shape dims;
  Vars inputs;
};
/// A number -1 becomes `minus_one` in `dims` where that is given. Throws ShapeError for any other
/// negative number.
SplitSizes split_sizes(const Sizes& sizes, std::optional<std::int64_t> minus_one = std::nullopt);

/// The value of a size when a node runs. Throws ShapeError when it is negative.
std::int64_t run_time_size(const Tensor& size);

/// An int64 scalar constant.
Var int_constant(std::int64_t value);
/// Throws TypeError unless `type` is an int64 scalar.
void check_int_scalar(const TensorType& type);

}  // namespace damo
