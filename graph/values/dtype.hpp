#pragma once
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace damo {

/// Element type of a tensor. The order is the promotion order: a later one absorbs an earlier one.
enum class DType : std::uint8_t { boolean, int64, float32, float64 };

inline constexpr DType boolean = DType::boolean;
inline constexpr DType int64 = DType::int64;
inline constexpr DType float32 = DType::float32;
inline constexpr DType float64 = DType::float64;

/// "bool", "int64", "float32" or "float64".
constexpr std::string_view name(DType dtype) {
  constexpr std::string_view names[] = {"bool", "int64", "float32", "float64"};
  static_assert(sizeof(names) / sizeof(names[0]) == static_cast<std::size_t>(DType::float64) + 1);
  return names[static_cast<std::size_t>(dtype)];
}

/// Bytes per element.
constexpr std::size_t item_size(DType dtype) {
  constexpr std::size_t sizes[] = {1, 8, 4, 8};
  return sizes[static_cast<std::size_t>(dtype)];
}

constexpr bool is_float(DType dtype) { return dtype >= DType::float32; }

/// The dtype in which two tensors meet: the larger in the order bool < int64 < float32 < float64.
/// An int64 tensor meeting a float32 tensor gives float32 (NumPy and Theano give float64).
constexpr DType promote(DType a, DType b) { return a < b ? b : a; }

/// The C++ type of a dtype, and the dtype of a C++ arithmetic type (the nearest one that holds it).
template <DType>
struct CppType;
template <>
struct CppType<DType::boolean> {
  using type = bool;
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

template <class T>
constexpr DType dtype_of() {
  if constexpr (static_cast<T>(0.5) != static_cast<T>(0) &&
                static_cast<T>(2) != static_cast<T>(1)) {
    return sizeof(T) == 4 ? DType::float32 : DType::float64;
  } else if constexpr (static_cast<T>(2) == static_cast<T>(1)) {
    return DType::boolean;
  } else {
    return DType::int64;
  }
}

/// Calls `f(T{})` with T the C++ type of `dtype`; the one place where a run-time dtype becomes a
/// template argument.
template <class F>
decltype(auto) dispatch(DType dtype, F&& f) {
  switch (dtype) {
    case DType::boolean:
      return f(bool{});
    case DType::int64:
      return f(std::int64_t{});
    case DType::float32:
      return f(float{});
    default:
      return f(double{});
  }
}

/// The dtype of inputs and literals that name none: float32 unless set. Programs set it once, at
/// their start.
DType floatX();
void set_floatX(DType dtype);

}  // namespace damo
