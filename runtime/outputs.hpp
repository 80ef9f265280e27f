#pragma once
#include <memory>
#include <vector>

#include <damo/graph/array.hpp>

namespace damo {

/// What a call returned. Copies share the values; they stay as they are while any copy lives, and
/// their memory goes back to the function when the last one goes.
class Outputs {
 public:
  Outputs() : arrays_(std::make_shared<std::vector<Array>>()) {}
  explicit Outputs(std::shared_ptr<std::vector<Array>> arrays) : arrays_(std::move(arrays)) {}

  std::size_t size() const { return arrays_->size(); }
  /// Output `i` without copying, valid while this lives. Throws GraphError when there is none.
  const Array& operator[](std::size_t i) const;
  /// Output `i`, which has one element, converted to `T`; throws ShapeError when it has more.
  template <class T>
  T scalar(std::size_t i) const {
    return (*this)[i].item<T>();
  }
  /// Output `i` as xt::xarray<T>: see runtime/convert.hpp. Throws TypeError for another dtype.
  template <class T>
  auto array(std::size_t i) const;

 private:
  std::shared_ptr<std::vector<Array>> arrays_;
};

}  // namespace damo
