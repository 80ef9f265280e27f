#pragma once
#include <optional>
#include <span>
#include <type_traits>
#include <vector>

#include <damo/graph/array.hpp>

namespace damo {

/// One argument of a call: a number, or a tensor read where it is, which must live until the call
/// returns.
class Argument {
 public:
  template <class T>
  requires std::is_arithmetic_v<T> Argument(T number)
      : kind_(std::is_floating_point_v<T> ? Kind::real : Kind::integer),
        integer_(static_cast<std::int64_t>(std::is_floating_point_v<T> ? T{} : number)),
        real_(static_cast<double>(number)) {}
  Argument(const Array& array) : tensor_(array.view()) {}
  /// A vector, without copying.
  template <class T>
  Argument(std::span<T> values)
      : Argument(Tensor{as_bytes(values.data()), stored_dtype<std::remove_const_t<T>>(),
                        Shape{static_cast<std::int64_t>(values.size())}, Shape{1}}) {}
  template <class T>
  Argument(const std::vector<T>& values) {
    if constexpr (is_stored<T>()) {
      *this = Argument(std::span<const T>(values));
    } else {
      own(Array::from(values));
    }
  }
  /// Any layout of memory that outlives the call.
  explicit Argument(const Tensor& tensor) : tensor_(tensor) {}
  static Argument owning(Array array) {
    Argument argument(Tensor{});
    argument.own(std::move(array));
    return argument;
  }

  Argument(const Argument&) = delete;
  Argument(Argument&&) = default;
  Argument& operator=(const Argument&) = delete;
  Argument& operator=(Argument&&) = default;
  ~Argument() = default;

  enum class Kind : std::uint8_t { tensor, integer, real };
  Kind kind() const { return kind_; }
  std::int64_t integer() const { return integer_; }
  double real() const { return real_; }
  const Tensor& tensor() const { return tensor_; }

  /// Whether elements of type `T` can be read where they are.
  template <class T>
  static constexpr bool is_stored() {
    return std::is_same_v<T, float> || std::is_same_v<T, double> ||
           std::is_same_v<T, std::int64_t> || (std::is_same_v<T, bool> && sizeof(bool) == 1);
  }

 private:
  template <class T>
  static constexpr DType stored_dtype() {
    static_assert(is_stored<T>(), "a span's elements must be bool, int64, float or double");
    return dtype_of<T>();
  }
  static std::byte* as_bytes(const void* p) {
    return const_cast<std::byte*>(static_cast<const std::byte*>(p));
  }
  void own(Array array) {
    owned_.emplace(std::move(array));
    tensor_ = owned_->view();
  }

  Kind kind_ = Kind::tensor;
  std::int64_t integer_ = 0;
  double real_ = 0;
  Tensor tensor_;
  std::optional<Array> owned_;
};

/// How other types become arguments; runtime/convert.hpp does it for xtensor expressions.
template <class T, class Enable = void>
struct ArgumentFrom {
  static_assert(sizeof(T) == 0, "no way to pass this type: include <damo/runtime/convert.hpp>?");
};

template <class T>
Argument make_argument(const T& value) {
  if constexpr (std::is_constructible_v<Argument, const T&>) {
    return Argument(value);
  } else {
    return ArgumentFrom<T>::make(value);
  }
}

}  // namespace damo
