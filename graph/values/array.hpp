#pragma once
#include <memory>
#include <span>
#include <string>
#include <type_traits>
#include <vector>

#include <damo/graph/values/dtype.hpp>
#include <damo/graph/values/shape.hpp>
#include <damo/graph/values/tensor.hpp>

namespace damo {

/// A dense row-major array that owns its memory (64-byte aligned). Copies are deep; moves are
/// cheap. It is the only array type in compiled interfaces: the layout of xtensor's types depends
/// on compiler flags.
class Array {
 public:
  /// An empty float32 scalar-shaped holder with value 0.
  Array() : Array(DType::float32, Shape{}) {}
  /// Zero-filled. Throws ShapeError when a size is negative or the byte count overflows.
  Array(DType dtype, const Shape& shape);
  Array(const Array& other);
  Array(Array&& other) noexcept;
  Array& operator=(const Array& other);
  Array& operator=(Array&& other) noexcept;
  ~Array() = default;

  template <class T>
  static Array scalar(T value) {
    Array a(dtype_of<T>(), Shape{});
    *a.data<typename CppType<dtype_of<T>()>::type>() = value;
    return a;
  }
  /// Copies `values` (row-major); throws ShapeError when their number does not fill `shape`.
  template <class T>
  static Array from(std::span<const T> values, const Shape& shape) {
    using Stored = typename CppType<dtype_of<T>()>::type;
    Array a(dtype_of<T>(), shape);
    check_count(values.size(), shape);
    Stored* out = a.data<Stored>();
    for (std::size_t i = 0; i < values.size(); ++i) out[i] = static_cast<Stored>(values[i]);
    return a;
  }
  template <class T>
  static Array from(const std::vector<T>& values, const Shape& shape) {
    if constexpr (std::is_same_v<T, bool>) {
      Array a(DType::boolean, shape);
      check_count(values.size(), shape);
      for (std::size_t i = 0; i < values.size(); ++i) a.data<bool>()[i] = values[i];
      return a;
    } else {
      return from(std::span<const T>(values), shape);
    }
  }
  template <class T>
  static Array from(const std::vector<T>& values) {
    return from(values, Shape{static_cast<std::int64_t>(values.size())});
  }

  /// Rows of one length (of rows of one length, ...); throws ShapeError when they differ.
  template <class T>
  static Array from_rows(const std::vector<T>& rows) {
    if constexpr (ComplexNumber<T>) {
      refuse_complex();
    } else if constexpr (std::is_arithmetic_v<T>) {
      return from(rows);
    } else {
      const Array first = from_rows(rows.empty() ? T{} : rows.front());
      Shape shape{static_cast<std::int64_t>(rows.size())};
      for (const std::int64_t size : first.shape()) shape.push_back(size);
      Array all(first.dtype(), shape);
      for (std::size_t i = 0; i < rows.size(); ++i) all.set_row(i, from_rows(rows[i]));
      return all;
    }
  }

  DType dtype() const { return dtype_; }
  const Shape& shape() const { return shape_; }
  std::size_t rank() const { return shape_.rank(); }
  std::int64_t elements() const { return shape_.elements(); }
  std::size_t bytes() const { return static_cast<std::size_t>(elements()) * item_size(dtype_); }

  std::byte* raw() { return memory_.get(); }
  const std::byte* raw() const { return memory_.get(); }
  /// The elements as `T`, which must be the dtype's C++ type; throws TypeError otherwise.
  template <class T>
  T* data() {
    check_type(stored_as<T>());
    return reinterpret_cast<T*>(memory_.get());
  }
  template <class T>
  const T* data() const {
    check_type(stored_as<T>());
    return reinterpret_cast<const T*>(memory_.get());
  }
  template <class T>
  std::span<const T> values() const {
    return {data<T>(), static_cast<std::size_t>(elements())};
  }
  /// The value of an array with one element, converted; throws ShapeError otherwise.
  template <class T>
  T item() const {
    check_count(1, shape_);
    return view().template first<T>();
  }
  /// A copy converted to `dtype`, as `converted` does.
  Array cast(DType dtype) const;
  /// The same elements under another shape of equal size.
  Array reshaped(const Shape& shape) const;
  /// The memory as kernels see it. The constness of the elements is the caller's promise.
  Tensor view() const;
  /// Changes dtype and shape, reusing the memory where it is large enough; the elements are
  /// unspecified afterwards.
  void reset(DType dtype, const Shape& shape);

 private:
  struct Free {
    void operator()(std::byte* p) const;
  };
  static void check_count(std::size_t count, const Shape& shape);
  void set_row(std::size_t i, const Array& row);
  void check_type(DType wanted) const;

  std::unique_ptr<std::byte[], Free> memory_;
  std::size_t capacity_ = 0;
  DType dtype_ = DType::float32;
  Shape shape_;
};

}  // namespace damo
