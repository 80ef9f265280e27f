#include <damo/graph/errors/error.hpp>
#include <damo/graph/values/dtype.hpp>

namespace damo {
namespace {
DType& current_floatX() {
  static DType value = DType::float32;
  return value;
}
}  // namespace

DType floatX() { return current_floatX(); }

void set_floatX(DType dtype) {
  if (!is_float(dtype)) {
    throw TypeError("set_floatX: expected float32 or float64, got " + std::string(name(dtype)));
  }
  current_floatX() = dtype;
}

}  // namespace damo
