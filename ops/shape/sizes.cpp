#include <fmt/format.h>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/text/print.hpp>
#include <damo/graph/variables.hpp>
#include <damo/ops/common/operands.hpp>
#include <damo/ops/shape/shape_of.hpp>
#include <damo/ops/shape/sizes.hpp>

namespace damo {
namespace {

Var one_size(const Arg& size) {
  const Var v = whole(size);
  if (v.ndim() != 0 || v.dtype() != DType::int64) {
    throw TypeError(fmt::format("a size must be a number or an int64 scalar, got {}", describe(v)));
  }
  return v;
}

}  // namespace

Sizes::Sizes(const std::vector<Arg>& sizes) {
  for (const Arg& size : sizes) vars_.push_back(one_size(size));
  if (!sizes.empty()) site_ = sizes.front().site();
}

Sizes::Sizes(const Vars& sizes) {
  for (const Var& size : sizes) vars_.push_back(one_size(Arg(size, "", 0)));
  if (!sizes.empty()) site_ = sizes.front().site();
}

Sizes::Sizes(const Shape& sizes) {
  for (const std::int64_t size : sizes) vars_.push_back(int_constant(size));
}

Sizes::Sizes(const Var& sizes, const char* f, unsigned l) : site_{f, l} {
  if (sizes.ndim() == 0) {
    vars_.push_back(one_size(Arg(sizes, f, l)));
  } else if (as<MakeVector>(sizes) != nullptr) {
    for (const Var& size : sizes.inputs()) vars_.push_back(one_size(Arg(size, f, l)));
  } else if (const Array* value = constant_value(sizes);
             value != nullptr && value->rank() == 1 && computing(value->dtype()) == DType::int64) {
    const Array whole = value->cast(DType::int64);
    for (const std::int64_t size : whole.values<std::int64_t>())
      vars_.push_back(int_constant(size));
  } else if (sizes.ndim() == 1 && sizes.type().dims[0] != unknown) {
    for (std::int64_t i = 0; i < sizes.type().dims[0]; ++i) {
      vars_.push_back(one_size(Arg(sizes[i], f, l)));
    }
  } else {
    throw TypeError(
        fmt::format("sizes must be int64 scalars, or an int64 vector whose length is known, got {}",
                    describe(sizes)));
  }
}

bool Sizes::is_number(std::size_t i) const { return constant_value(vars_[i]) != nullptr; }
std::int64_t Sizes::number(std::size_t i) const {
  return constant_value(vars_[i])->item<std::int64_t>();
}

SplitSizes split_sizes(const Sizes& sizes, std::optional<std::int64_t> minus_one) {
  SplitSizes split;
  for (std::size_t i = 0; i < sizes.rank(); ++i) {
    if (!sizes.is_number(i)) {
      split.dims.push_back(unknown);
      split.inputs.push_back(sizes.vars()[i]);
    } else if (sizes.number(i) == -1 && minus_one) {
      split.dims.push_back(*minus_one);
    } else if (sizes.number(i) < 0) {
      throw ShapeError(fmt::format("the size {} of axis {} is negative, at {}", sizes.number(i), i,
                                   to_string(SiteScope::or_else(sizes.site()))));
    } else {
      split.dims.push_back(sizes.number(i));
    }
  }
  return split;
}

std::int64_t run_time_size(const Tensor& size) {
  const auto n = size.first<std::int64_t>();
  if (n < 0) throw ShapeError(fmt::format("a size is negative, {}", n));
  return n;
}

Var int_constant(std::int64_t value) { return constant(Array::scalar(value)); }

void check_int_scalar(const TensorType& type) {
  if (type.dtype != DType::int64 || type.rank() != 0) {
    throw TypeError(fmt::format("expected an int64 scalar, got {}", to_string(type)));
  }
}

}  // namespace damo
