#pragma once
#include <algorithm>
#include <initializer_list>

#include <damo/ops/kernels/machine/parallel.hpp>
#include <damo/ops/kernels/random/mt19937.hpp>
#include <damo/ops/kernels/random/samplers.hpp>
#include <damo/ops/random/draw_parameters.hpp>

// What the samplers of distributions are handed.
namespace damo {

/// What every sampler needs.
struct SampleParts {
  const Distribution& distribution;
  TensorsIn parameters;
  const Tensor& out;
  detail::Room& room;

  template <class T>
  detail::Numbers<T> parameter(std::size_t i) {
    return detail::numbers<T>(*parameters[i], out.shape, room);
  }
  [[noreturn]] void refuse(std::int64_t element, std::initializer_list<double> values) const {
    detail::refuse(distribution, element, {values.begin(), values.size()});
  }
};

/// A sample to be drawn from Philox: each element from counters of its own, so that any part can be
/// made alone.
struct PhiloxSample : SampleParts {
  PhiloxKey key;

  /// Each element from its uniform numbers and one or two parameters; NaN says that they are out of
  /// range.
  template <class F>
  void each(F&& next) {
    const detail::Numbers<double> a = parameter<double>(0);
    // Memory is there for each parameter once.
    const detail::Numbers<double> b = parameters.size() > 1 ? parameter<double>(1) : a;
    dispatch_computing(out.dtype, [&](auto zero) {
      using T = decltype(zero);
      parallel_for(out.elements(), 4096, [&](std::int64_t begin, std::int64_t end) {
        for (std::int64_t i = begin; i < end; ++i) {
          ElementUniforms u(key, i);
          const double value = next(u, a[i], b[i]);
          if (std::isnan(value)) {
            const double pair[] = {a[i], b[i]};
            detail::refuse(distribution, i, {pair, parameters.size()});
          }
          out.as<T>()[i] = static_cast<T>(value);
        }
      });
    });
  }
};

/// A sample to be drawn from MT19937: one element after the other, as NumPy's legacy RandomState
/// makes them.
struct NumpySample : SampleParts {
  Mt19937& g;

  std::span<std::int64_t> whole_numbers() const {
    return {out.as<std::int64_t>(), static_cast<std::size_t>(out.elements())};
  }
  template <class F>
  void each(F&& next) {
    dispatch_computing(out.dtype, [&](auto zero) {
      using T = decltype(zero);
      T* to = out.as<T>();
      const std::int64_t n = out.elements();
      for (std::int64_t i = 0; i < n; ++i) to[i] = static_cast<T>(next(i));
    });
  }
};

/// `from` makes a number of NumPy's generator and up to two parameters in range.
template <bool (*in_range)(double a, double b), double (*from)(Mt19937& g, double a, double b)>
void numpy_each(NumpySample& s) {
  const auto a = s.parameter<double>(0);
  const auto b = s.parameters.size() > 1 ? s.parameter<double>(1) : a;
  s.each([&](std::int64_t i) {
    if (!in_range(a[i], b[i])) s.refuse(i, {a[i], b[i]});
    return from(s.g, a[i], b[i]);
  });
}

}  // namespace damo
