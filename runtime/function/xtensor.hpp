#pragma once
// Everything that touches xtensor's types, in headers only: their layout depends on compiler flags,
// so none may cross into the compiled library.
#if __has_include(<xtensor/xarray.hpp>)
#include <xtensor/xadapt.hpp>
#include <xtensor/xarray.hpp>
#include <xtensor/xtensor.hpp>
#else
#include <xtensor/containers/xadapt.hpp>
#include <xtensor/containers/xarray.hpp>
#include <xtensor/containers/xtensor.hpp>
#endif

#include <algorithm>
#include <concepts>
#include <initializer_list>
#include <type_traits>
#include <vector>

#include <damo/graph/variables.hpp>
#include <damo/ops/gradient/verify_grad.hpp>
#include <damo/runtime/function/argument.hpp>
#include <damo/runtime/function/outputs.hpp>
#include <damo/runtime/function/to_array.hpp>

namespace damo {

template <class E>
concept XtensorExpression = xt::is_xexpression<std::decay_t<E>>::value;

namespace detail {

template <class E>
Shape shape_of(const E& expression) {
  Shape shape;
  for (const auto size : expression.shape()) shape.push_back(static_cast<std::int64_t>(size));
  return shape;
}

/// What elements of type T are stored as.
template <class T>
struct StoredAs {
  using type = typename CppType<dtype_of<T>()>::type;
};
template <class T>
requires(is_element_type<T>()) struct StoredAs<T> {
  using type = T;
};
template <class T>
using Stored = typename StoredAs<T>::type;

template <class E>
concept XtensorContainer = XtensorExpression<E> && requires(const E& e) {
  { e.data() } -> std::convertible_to<const typename E::value_type*>;
  e.data_offset();
  e.layout();
};

}  // namespace detail

/// The elements of an xtensor expression in their dtype, or in the nearest where there is none of
/// them: int64 for std::int16_t, float64 for long double.
template <class E>
struct ToArray<E, std::enable_if_t<XtensorExpression<E>>> {
  static Array make(const E& expression) {
    if constexpr (ComplexNumber<typename E::value_type>) {
      refuse_complex();
    } else {
      using Stored = detail::Stored<typename E::value_type>;
      Array array(stored_as<Stored>(), detail::shape_of(expression));
      std::transform(expression.template begin<xt::layout_type::row_major>(),
                     expression.template end<xt::layout_type::row_major>(),
                     array.template data<Stored>(),
                     [](const auto& value) { return static_cast<Stored>(value); });
      return array;
    }
  }
};

/// A copy as xt::xarray<T>; throws TypeError when the elements are not `T`s.
template <class T>
xt::xarray<T> to_xarray(const Array& array) {
  const auto values = array.template values<T>();
  xt::xarray<T> result(std::vector<std::size_t>(array.shape().begin(), array.shape().end()));
  std::copy(values.begin(), values.end(), result.data());
  return result;
}

/// A copy of the value as xt::xarray<T>; throws TypeError when the variable holds another dtype.
template <class T>
auto SharedVar::get_value() const {
  return to_xarray<T>(value());
}
template <class T>
auto Outputs::array(std::size_t i) const {
  return to_xarray<T>((*this)[i]);
}

/// `verify_grad` at xtensor expressions.
template <class F, XtensorExpression E>
void verify_grad(const F& fn, std::initializer_list<E> points,
                 const VerifyGradOptions& options = {}) {
  std::vector<Array> arrays;
  for (const E& point : points) arrays.push_back(to_array(point));
  verify_grad(fn, std::move(arrays), options);
}

/// xtensor expressions as arguments: row-major containers are read where they are, anything else is
/// evaluated first.
template <class E>
struct ArgumentFrom<E, std::enable_if_t<XtensorExpression<E>>> {
  static Argument make(const E& expression) {
    if constexpr (detail::XtensorContainer<E>) {
      if constexpr (Argument::is_stored<typename E::value_type>()) {
        if (expression.layout() == xt::layout_type::row_major || expression.dimension() == 0) {
          return in_place(expression);
        }
      }
    }
    return Argument::owning(to_array(expression));
  }

 private:
  static Argument in_place(const E& container) {
    const Shape shape = detail::shape_of(container);
    const auto* data = container.data() + container.data_offset();
    return Argument(Tensor{const_cast<std::byte*>(reinterpret_cast<const std::byte*>(data)),
                           stored_as<typename E::value_type>(), shape, contiguous_strides(shape)});
  }
};

}  // namespace damo
