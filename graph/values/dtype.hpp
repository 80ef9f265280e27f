#pragma once
#include <cstddef>
#include <cstdint>
#include <limits>
#include <string_view>
#include <type_traits>

namespace damo {

/// Element type of a tensor. The order is the promotion order: a later one absorbs an earlier one.
/// uint8 and int32 are for storage: they are moved, and computed with as int64.
enum class DType : std::uint8_t { boolean, uint8, int32, int64, float32, float64 };

inline constexpr DType boolean = DType::boolean;
inline constexpr DType uint8 = DType::uint8;
inline constexpr DType int32 = DType::int32;
inline constexpr DType int64 = DType::int64;
inline constexpr DType float32 = DType::float32;
inline constexpr DType float64 = DType::float64;

inline constexpr DType all_dtypes[] = {boolean, uint8, int32, int64, float32, float64};

/// "bool", "uint8", "int32", "int64", "float32" or "float64".
constexpr std::string_view name(DType dtype) {
  constexpr std::string_view names[] = {"bool", "uint8", "int32", "int64", "float32", "float64"};
  static_assert(sizeof(names) / sizeof(names[0]) == static_cast<std::size_t>(DType::float64) + 1);
  return names[static_cast<std::size_t>(dtype)];
}

/// Bytes per element.
constexpr std::size_t item_size(DType dtype) {
  constexpr std::size_t sizes[] = {1, 1, 4, 8, 4, 8};
  return sizes[static_cast<std::size_t>(dtype)];
}

constexpr bool is_float(DType dtype) { return dtype >= DType::float32; }

/// Whether numbers are only stored in it: uint8 and int32.
constexpr bool is_for_storage(DType dtype) {
  return dtype == DType::uint8 || dtype == DType::int32;
}
/// What an element of that dtype is computed with: int64 for uint8 and int32.
constexpr DType computing(DType dtype) { return is_for_storage(dtype) ? DType::int64 : dtype; }
/// Whether every number of `from` is one of `to`, exactly.
constexpr bool holds_all(DType to, DType from) {
  if (to == from || from == DType::boolean) return true;
  if (from == DType::uint8) return to != DType::boolean;
  if (from == DType::int32) return to == DType::int64 || to == DType::float64;
  return from == DType::float32 && to == DType::float64;
}

/// The dtype in which two tensors meet: the larger in the order bool < uint8 < int32 < int64 <
/// float32 < float64; what computes takes `computing` of it. An int64 tensor meeting a float32
/// tensor gives float32 (NumPy and Theano give float64).
constexpr DType promote(DType a, DType b) { return a < b ? b : a; }

/// The C++ type of a dtype.
template <DType>
struct CppType;
template <>
struct CppType<DType::boolean> {
  using type = bool;
};
template <>
struct CppType<DType::uint8> {
  using type = std::uint8_t;
};
template <>
struct CppType<DType::int32> {
  using type = std::int32_t;
};
template <>
struct CppType<DType::int64> {
  using type = std::int64_t;
};
template <>
struct CppType<DType::float32> {
  using type = float;
};
template <>
struct CppType<DType::float64> {
  using type = double;
};

/// The dtype that numbers of a C++ type become: uint8 for std::uint8_t, else the nearest that is
/// computed in. `int` is what C++ calls any whole number: int64.
template <class T>
constexpr DType dtype_of() {
  if constexpr (std::is_same_v<T, std::uint8_t>) {
    return DType::uint8;
  } else if constexpr (static_cast<T>(0.5) != static_cast<T>(0) &&
                       static_cast<T>(2) != static_cast<T>(1)) {
    return sizeof(T) == 4 ? DType::float32 : DType::float64;
  } else if constexpr (static_cast<T>(2) == static_cast<T>(1)) {
    return DType::boolean;
  } else {
    return DType::int64;
  }
}

/// The dtype whose elements lie in memory as `T`s.
template <class T>
requires std::is_arithmetic_v<T>
constexpr DType stored_as() {
  if constexpr (std::is_same_v<T, bool>) {
    return DType::boolean;
  } else if constexpr (std::is_floating_point_v<T>) {
    static_assert(sizeof(T) <= 8, "there is no dtype of long double");
    return sizeof(T) == 4 ? DType::float32 : DType::float64;
  } else {
    constexpr bool is_byte = std::is_same_v<T, std::uint8_t>;
    static_assert(is_byte || (std::is_signed_v<T> && (sizeof(T) == 4 || sizeof(T) == 8)),
                  "elements are bool, uint8, int32, int64, float or double");
    return is_byte ? DType::uint8 : sizeof(T) == 4 ? DType::int32 : DType::int64;
  }
}
/// Whether there is one.
template <class T>
constexpr bool is_element_type() {
  return std::is_same_v<T, bool> || std::is_same_v<T, float> || std::is_same_v<T, double> ||
         std::is_same_v<T, std::uint8_t> || std::is_same_v<T, std::int32_t> ||
         std::is_same_v<T, std::int64_t>;
}

/// A number in another type: as bool whether it is not 0, as a whole number cut off. No number, and
/// one out of int64's range, which C++ leaves undefined, become the smallest int64, as on x86; of a
/// whole number that does not fit the lowest bits are kept.
template <class To, class From>
[[gnu::always_inline]] constexpr To converted(From x) {
  if constexpr (std::is_same_v<To, bool>) {
    return x != From{0};
  } else if constexpr (std::is_floating_point_v<From> && std::is_integral_v<To>) {
    const bool fits = x >= From(-9223372036854775808.0) && x < From(9223372036854775808.0);
    return static_cast<To>(fits ? static_cast<std::int64_t>(x)
                                : std::numeric_limits<std::int64_t>::min());
  } else {
    return static_cast<To>(x);
  }
}

/// A number with a real and an imaginary part: no dtype holds it.
template <class T>
concept ComplexNumber = requires(const T& z) {
  z.real();
  z.imag();
};
/// Throws TypeError that says so, and what to do.
[[noreturn]] void refuse_complex();

/// Throws InternalError: a kernel was asked to compute with uint8 or int32.
[[noreturn]] void refuse_storage(DType dtype);

/// Calls `f(T{})` with T the C++ type of `dtype`: here, and in the two below, a run-time dtype
/// becomes a template argument.
template <class F>
decltype(auto) dispatch(DType dtype, F&& f) {
  switch (dtype) {
    case DType::boolean:
      return f(bool{});
    case DType::uint8:
      return f(std::uint8_t{});
    case DType::int32:
      return f(std::int32_t{});
    case DType::int64:
      return f(std::int64_t{});
    case DType::float32:
      return f(float{});
    default:
      return f(double{});
  }
}
/// The same for what computes: `dtype` is not one for storage.
template <class F>
decltype(auto) dispatch_computing(DType dtype, F&& f) {
  switch (dtype) {
    case DType::boolean:
      return f(bool{});
    case DType::int64:
      return f(std::int64_t{});
    case DType::float32:
      return f(float{});
    case DType::float64:
      return f(double{});
    default:
      refuse_storage(dtype);
  }
}
/// The same for what moves elements as they are: T is an unsigned number of their size.
template <class F>
decltype(auto) dispatch_size(DType dtype, F&& f) {
  switch (item_size(dtype)) {
    case 1:
      return f(std::uint8_t{});
    case 4:
      return f(std::uint32_t{});
    default:
      return f(std::uint64_t{});
  }
}

/// The dtype of inputs and literals that name none: float32 unless set. Programs set it once, at
/// their start.
DType floatX();
void set_floatX(DType dtype);

}  // namespace damo
