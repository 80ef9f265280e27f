#pragma once
#include <optional>
#include <span>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include <damo/graph/values/array.hpp>

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
  /// One that a mutable input may take over.
  explicit Argument(Array&& array) : tensor_(array.view()), given_(&array) {}
  /// A vector, without copying.
  template <class T>
  Argument(std::span<T> values)
      : Argument(Tensor{as_bytes(values.data()), stored_dtype<std::remove_const_t<T>>(),
                        Shape{static_cast<std::int64_t>(values.size())}, Shape{1}}) {}
  template <class T>
  Argument(const std::vector<T>& values) {
    if constexpr (is_stored<T>() && !std::is_same_v<T, bool>) {
      *this = Argument(std::span<const T>(values));
    } else {
      own(Array::from_rows(values));
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

  /// The same argument without owning what it reads.
  Argument view() const {
    Argument argument(tensor_);
    argument.kind_ = kind_;
    argument.integer_ = integer_;
    argument.real_ = real_;
    argument.name_ = name_;
    argument.given_ = given_;
    return argument;
  }
  /// The array that may be taken over, or null.
  Array* given() const { return given_; }
  /// The name of the input it is for; "" for one that stands in its place.
  std::string_view name() const { return name_; }
  Argument named(std::string_view name) && {
    name_ = name;
    return std::move(*this);
  }

  enum class Kind : std::uint8_t { tensor, integer, real };
  Kind kind() const { return kind_; }
  std::int64_t integer() const { return integer_; }
  double real() const { return real_; }
  const Tensor& tensor() const { return tensor_; }

  /// Whether elements of type `T` can be read where they are.
  template <class T>
  static constexpr bool is_stored() {
    return is_element_type<T>();
  }

 private:
  template <class T>
  static constexpr DType stored_dtype() {
    static_assert(is_stored<T>(),
                  "a span's elements must be bool, uint8, int32, int64, float or double");
    return stored_as<T>();
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
  Array* given_ = nullptr;
  std::string_view name_{};
};

/// How other types become arguments; runtime/function/xtensor.hpp does it for xtensor expressions.
template <class T, class Enable = void>
struct ArgumentFrom {
  static_assert(sizeof(T) == 0,
                "no way to pass this type: include <damo/runtime/function/xtensor.hpp>?");
};

template <class T>
Argument make_argument(const T& value) {
  if constexpr (std::is_same_v<T, Argument>) {
    return value.view();
  } else if constexpr (std::is_constructible_v<Argument, const T&>) {
    return Argument(value);
  } else {
    return ArgumentFrom<T>::make(value);
  }
}

/// The same for what the caller passes as a temporary or by std::move.
template <class T>
Argument forward_argument(T&& value) {
  if constexpr (std::is_same_v<T, Array>) {
    return Argument(std::forward<T>(value));
  } else {
    return make_argument(value);
  }
}

/// An argument by the name of its input: `train(0, named("lr", 0.1))`. Both must outlive the call.
template <class T>
Argument named(std::string_view name, const T& value) {
  return make_argument(value).named(name);
}

}  // namespace damo
