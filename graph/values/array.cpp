#include <fmt/format.h>

#include <cstring>
#include <limits>
#include <new>
#include <utility>

#include <damo/graph/errors/error.hpp>
#include <damo/graph/values/array.hpp>

namespace damo {
namespace {

constexpr std::size_t alignment = 64;

std::size_t checked_bytes(DType dtype, const Shape& shape) {
  std::size_t n = item_size(dtype);
  for (const std::int64_t dim : shape) {
    if (dim < 0)
      throw ShapeError(fmt::format("array: negative size in shape {}", to_string(shape)));
    if (__builtin_mul_overflow(n, static_cast<std::size_t>(dim), &n)) {
      throw ShapeError(fmt::format("array: shape {} of {} does not fit in memory", to_string(shape),
                                   name(dtype)));
    }
  }
  return n;
}

std::byte* allocate(std::size_t bytes) {
  return static_cast<std::byte*>(
      ::operator new (bytes == 0 ? 1 : bytes, std::align_val_t{alignment}));
}

}  // namespace

void Array::Free::operator()(std::byte* p) const {
  ::operator delete (p, std::align_val_t{alignment});
}

Array::Array(DType dtype, const Shape& shape)
    : capacity_(checked_bytes(dtype, shape)), dtype_(dtype), shape_(shape) {
  memory_.reset(allocate(capacity_));
  std::memset(memory_.get(), 0, capacity_);
}

Array::Array(const Array& other)
    : capacity_(other.bytes()), dtype_(other.dtype_), shape_(other.shape_) {
  memory_.reset(allocate(capacity_));
  std::memcpy(memory_.get(), other.memory_.get(), capacity_);
}

Array::Array(Array&& other) noexcept
    : memory_(std::move(other.memory_)),
      capacity_(std::exchange(other.capacity_, 0)),
      dtype_(other.dtype_),
      shape_(other.shape_) {
  other.shape_ = Shape{0};
}

Array& Array::operator=(const Array& other) {
  if (this == &other) return *this;
  reset(other.dtype_, other.shape_);
  if (bytes() > 0) std::memcpy(memory_.get(), other.memory_.get(), bytes());
  return *this;
}

Array& Array::operator=(Array&& other) noexcept {
  std::swap(memory_, other.memory_);
  std::swap(capacity_, other.capacity_);
  std::swap(dtype_, other.dtype_);
  std::swap(shape_, other.shape_);
  return *this;
}

void Array::reset(DType dtype, const Shape& shape) {
  const std::size_t needed = checked_bytes(dtype, shape);
  if (needed > capacity_ || !memory_) {
    memory_.reset(allocate(needed));
    capacity_ = needed;
  }
  dtype_ = dtype;
  shape_ = shape;
}

Array Array::cast(DType dtype) const {
  if (dtype == dtype_) return *this;
  Array out(dtype, shape_);
  const auto n = static_cast<std::size_t>(elements());
  dispatch(dtype_, [&](auto from) {
    dispatch(dtype, [&](auto to) {
      const auto* in = data<decltype(from)>();
      auto* result = out.data<decltype(to)>();
      for (std::size_t i = 0; i < n; ++i) result[i] = converted<decltype(to)>(in[i]);
    });
  });
  return out;
}

Array Array::reshaped(const Shape& shape) const {
  check_count(static_cast<std::size_t>(elements()), shape);
  Array out = *this;
  out.shape_ = shape;
  return out;
}

Tensor Array::view() const { return {memory_.get(), dtype_, shape_, contiguous_strides(shape_)}; }

void Array::set_row(std::size_t i, const Array& row) {
  Shape expected;
  for (std::size_t axis = 1; axis < rank(); ++axis) expected.push_back(shape_[axis]);
  if (!(row.shape() == expected)) {
    throw ShapeError(fmt::format("array: row {} has shape {}, those before it {}", i,
                                 to_string(row.shape()), to_string(expected)));
  }
  std::copy_n(row.raw(), row.bytes(), raw() + i * row.bytes());
}

void Array::check_count(std::size_t count, const Shape& shape) {
  if (static_cast<std::int64_t>(count) != shape.elements()) {
    throw ShapeError(fmt::format("array: shape {} has {} elements, not {}", to_string(shape),
                                 shape.elements(), count));
  }
}

void Array::check_type(DType wanted) const {
  if (wanted != dtype_) {
    throw TypeError(fmt::format("array: holds {}, read as {}", name(dtype_), name(wanted)));
  }
}

}  // namespace damo
