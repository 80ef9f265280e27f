#pragma once
#include <concepts>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include <damo/graph/values/array.hpp>
#include <damo/graph/variables.hpp>

namespace damo {

/// How values of type `T` become arrays: `static Array make(const T&)`. Numbers, vectors and spans
/// are here, xtensor's expressions in runtime/function/xtensor.hpp; another library's arrays take a
/// specialization of their own.
template <class T, class Enable = void>
struct ToArray;

/// A number as a literal: whole numbers become int64, others floatX.
template <class T>
struct ToArray<T, std::enable_if_t<std::is_arithmetic_v<T>>> {
  static Array make(T number) {
    if constexpr (std::is_floating_point_v<T>) return Array::scalar(number).cast(floatX());
    return Array::scalar(number);
  }
};
/// Refused when it runs, as in a vector.
template <ComplexNumber T>
struct ToArray<T> {
  static Array make(const T&) { refuse_complex(); }
};
template <class T>
struct ToArray<std::vector<T>> {
  static Array make(const std::vector<T>& values) { return Array::from_rows(values); }
};
template <class T>
struct ToArray<std::span<T>> {
  static Array make(std::span<T> values) {
    return Array::from(std::span<const T>(values), Shape{static_cast<std::int64_t>(values.size())});
  }
};

template <class T>
concept HasToArray = requires(const T& value) {
  { ToArray<T>::make(value) } -> std::same_as<Array>;
};

/// A copy of the elements in the nearest dtype: bool, uint8, int64, float32 or float64, of an
/// xtensor expression int32, too.
template <HasToArray T>
Array to_array(const T& value) {
  return ToArray<T>::make(value);
}
inline Array to_array(Array array) { return array; }

template <HasToArray V>
Var constant(const V& value, std::string name = {}, Site site = Site::here()) {
  const SiteScope scope(SiteScope::or_else(site));
  return constant(to_array(value), std::move(name), site);
}
/// A shared variable that starts at `value`: an xtensor expression, a vector, a span or a number
/// (int64 or floatX). Bytes stay bytes: images of std::uint8_t take one byte a pixel.
template <HasToArray V>
SharedVar shared(const V& value, std::string name = "", Site site = Site::here()) {
  const SiteScope scope(SiteScope::or_else(site));
  return shared(to_array(value), std::move(name), site);
}

namespace detail {

template <class V>
inline constexpr bool holds_int32 = false;
template <>
inline constexpr bool holds_int32<std::vector<std::int32_t>> = true;
template <>
inline constexpr bool holds_int32<std::span<std::int32_t>> = true;
template <>
inline constexpr bool holds_int32<std::span<const std::int32_t>> = true;

}  // namespace detail

/// Throws TypeError or ShapeError when dtype or number of dimensions differ; uint8 and int32 become
/// int64 where the variable holds that. A plain number takes the variable's dtype.
template <class V>
void SharedVar::set_value(const V& value) const {
  if constexpr (std::is_arithmetic_v<V>) {
    set_array(*constant_value(Arg(value).var(dtype())));
  } else if constexpr (detail::holds_int32<V>) {
    const Array array = to_array(value);
    set_array(dtype() == DType::int32 ? array.cast(DType::int32) : array);
  } else {
    set_array(to_array(value));
  }
}

}  // namespace damo
