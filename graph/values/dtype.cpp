#include <damo/graph/errors/error.hpp>
#include <damo/graph/errors/source_line.hpp>
#include <damo/graph/values/dtype.hpp>

namespace damo {
namespace {
DType& current_floatX() {
  static DType value = DType::float32;
  return value;
}
}  // namespace

void refuse_complex() {
  throw TypeError("complex numbers are not supported, at " + to_string(SiteScope::or_else({})) +
                  "\n  hint: two tensors, one of the real and one of the imaginary parts");
}

void refuse_storage(DType dtype) {
  throw InternalError("no kernel computes with " + std::string(name(dtype)));
}

DType floatX() { return current_floatX(); }

void set_floatX(DType dtype) {
  if (!is_float(dtype)) {
    throw TypeError("set_floatX: expected float32 or float64, got " + std::string(name(dtype)));
  }
  current_floatX() = dtype;
}

}  // namespace damo
