#pragma once
#include <string>

#include <damo/graph/values/dtype.hpp>
#include <damo/graph/values/shape.hpp>

namespace damo {

/// A dimension whose size is known only when the function runs.
inline constexpr std::int64_t unknown = -1;

/// What is known of a tensor before it exists: its dtype, its rank, and the size of each dimension
/// or `unknown`. Only a dimension known to be 1 broadcasts (Theano's rule), so gradients know which
/// axes to sum.
struct TensorType {
  DType dtype = DType::float32;
  Shape dims;

  std::size_t rank() const { return dims.rank(); }
  bool broadcastable(std::size_t axis) const { return dims[axis] == 1; }
  friend bool operator==(const TensorType&, const TensorType&) = default;
};

/// "float32 (?, 784)".
std::string to_string(const TensorType& type);
/// "(?, 784)".
std::string dims_to_string(const Shape& dims);

/// Whether a value could have both types: equal dtype and rank, no known size contradicted.
bool compatible(const TensorType& a, const TensorType& b);
/// Whether everything known by `wide` is also known by `narrow`, and agrees.
bool refines(const TensorType& narrow, const TensorType& wide);
/// The type that knows what either knows. Precondition: compatible.
TensorType unify(const TensorType& a, const TensorType& b);

}  // namespace damo
