#include <fmt/format.h>

#include <cmath>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/ops/common/dense.hpp>
#include <damo/ops/kernels/movement/copy.hpp>
#include <damo/runtime/function/parameter.hpp>

namespace damo {
namespace {

std::string text_of(const Argument& number) {
  return number.kind() == Argument::Kind::real ? fmt::format("{}", number.real())
                                               : fmt::format("{}", number.integer());
}

/// Whatever `number` loses on the way.
void store_anyhow(const Argument& number, DType dtype, std::byte* out) {
  const bool real = number.kind() == Argument::Kind::real;
  dispatch(dtype, [&](auto zero) {
    using T = decltype(zero);
    *reinterpret_cast<T*>(out) =
        real ? converted<T>(number.real()) : converted<T>(number.integer());
  });
}

/// A float that is `number`, up to rounding where it is a real one and `rounds`.
bool store_float(const Argument& number, DType dtype, bool rounds, std::byte* out) {
  const bool real = number.kind() == Argument::Kind::real;
  const double value = real ? number.real() : static_cast<double>(number.integer());
  return dispatch(dtype, [&](auto zero) {
    using T = decltype(zero);
    const T stored = static_cast<T>(value);
    *reinterpret_cast<T*>(out) = stored;
    if (!real)
      return static_cast<long double>(stored) == static_cast<long double>(number.integer());
    const auto back = static_cast<double>(stored);
    if (!rounds) return back == value || std::isnan(value);
    return std::isinf(value) || !std::isinf(back);
  });
}

/// A whole number or bool that is `number`.
bool store_whole(const Argument& number, DType dtype, std::byte* out) {
  const double x = number.real();
  const bool real = number.kind() == Argument::Kind::real;
  if (real && !(std::trunc(x) == x && std::abs(x) < 9.0e18)) return false;
  const std::int64_t value = real ? static_cast<std::int64_t>(x) : number.integer();
  return dispatch(dtype, [&](auto zero) {
    const auto stored = converted<decltype(zero)>(value);
    *reinterpret_cast<decltype(zero)*>(out) = stored;
    return static_cast<std::int64_t>(stored) == value;
  });
}

}  // namespace

Parameter::Parameter(const In& in, std::optional<bool> allow_downcast, const std::string& function)
    : var_(in.var),
      name_(in.options.name.empty() && in.var.defined() ? in.var.name() : in.options.name),
      strict_(in.options.strict),
      mutable_(in.options.mutable_),
      allow_downcast_(in.options.allow_downcast ? in.options.allow_downcast : allow_downcast),
      update_(in.options.update) {
  const Argument* value = in.options.value.get();
  if (value == nullptr) {
    if (!update_.defined()) return;
    throw GraphError(fmt::format("{}: an input has an update but no value to begin with: {}",
                                 function, describe(var_)));
  }
  const Tensor first = read(*value, 0, function + ": the value of an input");
  stored_ = shared(dense(first), name_, var_.site());
}

Parameter Parameter::copy() const {
  Parameter result = *this;
  if (stored_.defined()) result.stored_ = shared(Array(stored_.value()), name_, var_.site());
  return result;
}

Tensor Parameter::read(const Argument& argument, std::size_t index, const std::string& function) {
  return argument.kind() == Argument::Kind::tensor ? read_tensor(argument.tensor(), index, function)
                                                   : read_number(argument, index, function);
}

Tensor Parameter::read_number(const Argument& argument, std::size_t index,
                              const std::string& function) {
  if (var_.ndim() != 0) {
    throw ShapeError(fmt::format("{}: argument {} is a number, its input has {} dimensions: {}",
                                 function, index, var_.ndim(), describe(var_)));
  }
  try {
    store(argument);
  } catch (const TypeError& e) {
    throw TypeError(fmt::format("{}: argument {}: {}\n  input    {}", function, index, e.what(),
                                describe(var_)));
  }
  return {number_.data(), var_.dtype(), {}, {}};
}

void Parameter::store(const Argument& number) {
  const DType dtype = var_.dtype();
  const bool real = number.kind() == Argument::Kind::real;
  if (strict_ && real != is_float(dtype)) {
    throw TypeError(fmt::format("the number {} is no {}, and the input is strict", text_of(number),
                                damo::name(dtype)));
  }
  if (allow_downcast_.value_or(false)) return store_anyhow(number, dtype, number_.data());
  const bool fits = is_float(dtype)
                        ? store_float(number, dtype, allow_downcast_.value_or(true), number_.data())
                        : store_whole(number, dtype, number_.data());
  if (fits) return;
  throw TypeError(fmt::format("the number {} is no {}{}", text_of(number), damo::name(dtype),
                              allow_downcast_ ? ", and allow_downcast is false" : ""));
}

Tensor Parameter::read_tensor(const Tensor& tensor, std::size_t index,
                              const std::string& function) {
  const TensorType& type = var_.type();
  const auto fail = [&](std::string_view what, std::string_view hint) {
    return fmt::format(
        "{}: argument {} has another {} than its input\n  argument {} {}\n  input    {}{}",
        function, index, what, damo::name(tensor.dtype), to_string(tensor.shape), describe(var_),
        hint);
  };
  // A vector of int is one of int64 to C++ programmers.
  const bool widens = is_for_storage(tensor.dtype) && type.dtype == DType::int64;
  const bool converts = widens || (allow_downcast_.value_or(false) && !strict_);
  if (tensor.dtype != type.dtype && !converts) {
    throw TypeError(fail("dtype", fmt::format("\n  hint: convert it to {} first, nothing is "
                                              "converted silently",
                                              damo::name(type.dtype))));
  }
  if (tensor.rank() != type.rank()) throw ShapeError(fail("number of dimensions", ""));
  for (std::size_t axis = 0; axis < type.rank(); ++axis) {
    if (type.dims[axis] != unknown && type.dims[axis] != tensor.shape[axis]) {
      throw ShapeError(fail("shape", ""));
    }
  }
  if (tensor.dtype == type.dtype) return tensor;
  converted_ = dense(tensor).cast(type.dtype);
  return converted_.view();
}

}  // namespace damo
